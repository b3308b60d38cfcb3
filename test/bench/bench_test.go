package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// A runtime is a process that serves a function behind an emulator.
type runtime struct {
	*lambda.Program
	url string // of the emulator
}

// build builds a program of this module, and returns its path. That of bootstrap is as shipped.
func build(b testing.TB, pkg string) (path string) {
	b.Helper()
	var err error
	if pkg == "cmd/bootstrap" {
		path, err = lambda.BuildShipped(b.TempDir())
	} else {
		path, err = lambda.Build(b.TempDir(), pkg, "-trimpath", "-ldflags", "-s -w")
	}
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// start starts the program as Lambda does, with the parity function.
func start(b *testing.B, program string) *runtime {
	b.Helper()
	api := emulator.New(emulator.Config{Timeout: 30 * time.Second})
	return startWith(b, program, "../../examples/parity", "functions.parity", api)
}

// startWith starts it with a handler of a folder and a Runtime API.
func startWith(b testing.TB, program, dir, handler string, api http.Handler, env ...string) *runtime {
	b.Helper()
	return startCommand(b, exec.Command(program), dir, handler, api, env...)
}

// startCommand is startWith with a command, of which it sets the folder and the environment.
func startCommand(b testing.TB, cmd *exec.Cmd, dir, handler string, api http.Handler, env ...string) *runtime {
	b.Helper()
	url := lambda.Serve(b, api)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), lambda.Env(url, handler, env...)...)
	p, err := lambda.Start(cmd)
	if err != nil {
		b.Fatal(err)
	}
	return &runtime{p, url}
}

func (r *runtime) stop(b testing.TB) {
	if err := r.Stop(syscall.SIGTERM, time.Minute); err != nil {
		b.Error(err)
	}
}

// invoke invokes the function once and returns how long it took.
func (r *runtime) invoke(b *testing.B) time.Duration {
	b.Helper()
	begin := time.Now()
	resp, err := http.Post(r.url+lambda.InvokePath, "application/json", strings.NewReader(`{"number": 5}`))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(begin)
	if err != nil || string(body) != `{"parity":"odd"}` {
		b.Fatalf("got %s, %v\n%s", body, err, r.Output.String())
	}
	return took
}

// residentMB returns the resident memory of the process, now and at its peak, in MB.
func (r *runtime) residentMB(b testing.TB) (now, peak float64) {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(r.Cmd.Process.Pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	return residentMB(b, status)
}

// residentMB returns what a status file of /proc says, as runtime.residentMB does.
func residentMB(b testing.TB, status []byte) (now, peak float64) {
	b.Helper()
	field := func(name string) float64 {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			b.Fatalf("no %s in\n%s", name, status)
		}
		kib, _ := strconv.ParseFloat(string(m[1]), 64) // digits
		return kib / 1024
	}
	return field("VmRSS"), field("VmHWM")
}

// quantile returns the q-quantile of times in milliseconds.
func quantile(times []time.Duration, q float64) float64 {
	slices.Sort(times)
	return float64(times[min(len(times)-1, int(q*float64(len(times))))]) / float64(time.Millisecond)
}

// BenchmarkWarmInvocation measures a warm parity invocation, alternately in R and in Go, and
// bootstrap's memory at the end. It prints a histogram of both, which shows the tail.
func BenchmarkWarmInvocation(b *testing.B) {
	r := start(b, build(b, "cmd/bootstrap"))
	defer r.stop(b)
	g := start(b, build(b, "test/bench/gohandler"))
	defer g.stop(b)
	for range 50 { // warm-up: connections, R's compiler
		r.invoke(b)
		g.invoke(b)
	}
	var rTimes, goTimes []time.Duration
	for b.Loop() {
		rTimes = append(rTimes, r.invoke(b))
		goTimes = append(goTimes, g.invoke(b))
	}
	b.ReportMetric(quantile(rTimes, 0.5), "R-p50-ms")
	b.ReportMetric(quantile(rTimes, 0.99), "R-p99-ms")
	b.ReportMetric(quantile(goTimes, 0.5), "Go-p50-ms")
	b.ReportMetric(quantile(goTimes, 0.99), "Go-p99-ms")
	b.ReportMetric(quantile(rTimes, 0.5)-quantile(goTimes, 0.5), "p50-above-Go-ms")
	b.ReportMetric(quantile(rTimes, 0.99)-quantile(goTimes, 0.99), "p99-above-Go-ms")
	if b.N >= 1000 {
		printHistogram(rTimes, goTimes)
	}
	now, peak := r.residentMB(b)
	b.ReportMetric(now, "bootstrap-RSS-MB")
	b.ReportMetric(peak, "bootstrap-peak-RSS-MB")
}

// printHistogram prints how many invocations took how long, in R and in Go.
func printHistogram(rTimes, goTimes []time.Duration) {
	fmt.Printf("\n%12s %8s %8s\n", "up to", "R", "Go")
	limits := []float64{0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8, math.Inf(1)} // ms
	below := 0.0
	for _, limit := range limits {
		fmt.Printf("%9.2f ms %8d %8d\n", limit, between(rTimes, below, limit), between(goTimes, below, limit))
		below = limit
	}
}

// between returns how many times are more than low and at most high milliseconds.
func between(times []time.Duration, low, high float64) (n int) {
	for _, t := range times {
		if ms := float64(t) / float64(time.Millisecond); ms > low && ms <= high {
			n++
		}
	}
	return n
}

// BenchmarkFirstAnswer measures the time from the start of bootstrap to the answer of an
// invocation that waits for it, beside a bare Rscript -e 1.
func BenchmarkFirstAnswer(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	var first, bare []time.Duration
	for b.Loop() {
		begin := time.Now()
		if out, err := exec.Command("Rscript", "-e", "1").CombinedOutput(); err != nil {
			b.Fatalf("Rscript: %v\n%s", err, out)
		}
		bare = append(bare, time.Since(begin))

		begin = time.Now()
		r := start(b, program)
		r.invoke(b)
		first = append(first, time.Since(begin))
		r.stop(b)
	}
	b.ReportMetric(quantile(first, 0.5), "first-answer-p50-ms")
	b.ReportMetric(quantile(bare, 0.5), "Rscript-p50-ms")
	b.ReportMetric(quantile(first, 0.5)-quantile(bare, 0.5), "p50-above-Rscript-ms")
}

// BenchmarkIdle measures the CPU time that bootstrap and four warm workers use while they are
// idle. One iteration takes a second.
func BenchmarkIdle(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	r := startWatched(b, program, dir, handler, nil, "AWS_LAMBDA_MAX_CONCURRENCY=4")
	defer r.stop(b)
	r.await(b, 4, lambda.Begun(faulty.OpNext)) // all workers are ready
	for range 50 {
		r.runtime.invoke(b)
	}
	before := r.cpu(b, true)
	for b.Loop() {
		time.Sleep(time.Second) // the benchmark measures doing nothing
	}
	b.ReportMetric(float64((r.cpu(b, true)-before)/time.Millisecond)/float64(b.N), "cpu-ms/s")
}

// cpu returns the CPU time that the process has used, and on request that of its living children,
// in the kernel's steps of 10 ms.
func (r *runtime) cpu(b *testing.B, children bool) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	var ticks int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// "pid (name) state parent …": utime and stime are fields 14 and 15.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid := r.Cmd.Process.Pid
		if path != "/proc/"+strconv.Itoa(pid)+"/stat" && !(children && fields[1] == strconv.Itoa(pid)) {
			continue
		}
		for _, field := range fields[11:13] {
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
