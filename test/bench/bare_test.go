package bench

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// A bareR is an R that runs testdata/bare.R, without the runtime.
type bareR struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func startBare(b *testing.B) *bareR {
	b.Helper()
	r := &bareR{cmd: exec.Command("Rscript", "bare.R")}
	r.cmd.Dir = "testdata"
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	r.stdin, r.stdout = stdin, bufio.NewReader(stdout)
	if err := r.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return r
}

func (r *bareR) stop() {
	_ = r.stdin.Close() // R exits at the end of its input
	_ = r.cmd.Wait()
}

// throughput calls burn() n times in each of several Rs at once, and returns the calls per second.
func throughput(b *testing.B, rs []*bareR, n int) float64 {
	var all sync.WaitGroup
	begin := time.Now()
	rates := make([]float64, len(rs))
	for i, r := range rs {
		all.Go(func() {
			if _, err := fmt.Fprintln(r.stdin, n); err != nil {
				b.Error(err)
			}
			if _, err := r.stdout.ReadString('\n'); err != nil {
				b.Error(err)
			}
			rates[i] = float64(n) / time.Since(begin).Seconds()
		})
	}
	all.Wait()
	sum := 0.0
	for _, rate := range rates {
		sum += rate
	}
	return sum
}
