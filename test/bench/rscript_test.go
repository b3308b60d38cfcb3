package bench

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
)

// startRscript starts an R script that answers each line of its standard input with a line, and
// returns both pipes. The script ends with the benchmark.
func startRscript(b *testing.B, script string) (io.Writer, *bufio.Reader) {
	b.Helper()
	cmd := exec.Command("Rscript", "--no-init-file", script)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatalf("%v: this needs R with jsonlite", err)
	}
	b.Cleanup(func() {
		_ = stdin.Close() // R ends at the end of its input
		if err := cmd.Wait(); err != nil {
			b.Errorf("Rscript: %v", err)
		}
	})
	return stdin, bufio.NewReader(stdout)
}
