package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// births are the settings that a benchmark compares.
var births = []string{"never", "always"}

// functions are what workers are made of.
var functions = map[string]string{
	"plain": "f <- function() Sys.getpid()\n",
	// An init of two seconds: packages, and the rest as a pause.
	"slow": `
started <- Sys.time()
library(ggplot2)
library(dplyr)
Sys.sleep(max(0, 2 - as.numeric(difftime(Sys.time(), started, units = "secs"))))
f <- function() Sys.getpid()
`,
	"vector": "kept <- runif(25e6)\nf <- function() { sum(kept); Sys.getpid() }\n", // 200 MB
}

// startFunction starts one of functions, with a setting of LAMBDA_R_FORK.
func startFunction(b *testing.B, program, name, fork string, env ...string) *watched {
	b.Helper()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(functions[name]), 0o600); err != nil {
		b.Fatal(err)
	}
	return startWatched(b, program, dir, "app.f", nil, append(env, "LAMBDA_R_FORK="+fork)...)
}

// pid invokes the function, and returns its worker and how long that took.
func (r *watched) pid(b *testing.B) (pid int, took time.Duration) {
	b.Helper()
	begin := time.Now()
	body, err := r.answer(`{}`)
	took = time.Since(begin)
	if err == nil {
		pid, err = strconv.Atoi(body)
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, r.Output.String())
	}
	return pid, took
}

// BenchmarkRecovery measures the time from the kill of an idle worker to the next answer.
func BenchmarkRecovery(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	for _, name := range []string{"plain", "slow"} {
		for _, fork := range births {
			b.Run(name+"/"+fork, func(b *testing.B) {
				r := startFunction(b, program, name, fork)
				defer r.stop(b)
				pid, _ := r.pid(b)
				var times []time.Duration
				for b.Loop() {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						b.Fatal(err)
					}
					proc.WaitGone(time.Minute, pid)
					next, took := r.pid(b)
					if next == pid {
						b.Fatal("the worker was not killed")
					}
					pid, times = next, append(times, took)
				}
				b.ReportMetric(quantile(times, 0.5), "kill-to-answer-p50-ms")
				b.ReportMetric(quantile(times, 0.99), "kill-to-answer-p99-ms")
			})
		}
	}
}

// BenchmarkWorkers measures the time from the start of bootstrap until one worker is ready, and
// until eight are.
func BenchmarkWorkers(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	for _, fork := range births {
		b.Run(fork, func(b *testing.B) {
			var one, eight []time.Duration
			for b.Loop() {
				r := startFunction(b, program, "slow", fork)
				one = append(one, r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started))
				r.stop(b)
				r = startFunction(b, program, "slow", fork, "AWS_LAMBDA_MAX_CONCURRENCY=8")
				eight = append(eight, r.await(b, 8, lambda.Begun(faulty.OpNext)).Sub(r.started))
				r.stop(b)
			}
			b.ReportMetric(quantile(one, 0.5), "one-p50-ms")
			b.ReportMetric(quantile(eight, 0.5), "eight-p50-ms")
			b.ReportMetric(quantile(eight, 0.5)/quantile(one, 0.5), "eight/one")
		})
	}
}

// BenchmarkIsolation measures an invocation in a process of its own, beside one in a warm worker.
// Each comes when the answer before has been received.
func BenchmarkIsolation(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	warm := startFunction(b, program, "plain", "never")
	defer warm.stop(b)
	fresh := startFunction(b, program, "plain", "auto", "LAMBDA_R_MAX_INVOCATIONS=1")
	defer fresh.stop(b)
	var warmTimes, freshTimes []time.Duration
	last := 0
	for b.Loop() {
		_, took := warm.pid(b)
		warmTimes = append(warmTimes, took)
		pid, took := fresh.pid(b)
		freshTimes = append(freshTimes, took)
		if pid == last {
			b.Fatal("a process served twice")
		}
		last = pid
	}
	b.ReportMetric(quantile(warmTimes, 0.5), "warm-p50-ms")
	b.ReportMetric(quantile(freshTimes, 0.5), "fresh-p50-ms")
	b.ReportMetric(quantile(freshTimes, 0.99), "fresh-p99-ms")
	b.ReportMetric(quantile(freshTimes, 0.5)-quantile(warmTimes, 0.5), "p50-above-warm-ms")
}

// BenchmarkForkMemory measures the memory of one worker and of eight, template included, when each
// has served.
func BenchmarkForkMemory(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	for _, name := range []string{"vector", "slow"} {
		for _, fork := range births {
			b.Run(name+"/"+fork, func(b *testing.B) {
				var one, eight float64
				for b.Loop() {
					one = memoryOf(b, program, name, fork, 1)
					eight = memoryOf(b, program, name, fork, 8)
				}
				b.ReportMetric(one, "one-PSS-MB")
				b.ReportMetric(eight, "eight-PSS-MB")
				b.ReportMetric(eight/one, "eight/one")
			})
		}
	}
}

// memoryOf returns the memory of all R processes of n workers, in MB.
func memoryOf(b *testing.B, program, name, fork string, n int) float64 {
	b.Helper()
	r := startFunction(b, program, name, fork, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
	defer r.stop(b)
	r.await(b, n, lambda.Begun(faulty.OpNext))
	for served := map[int]bool{}; len(served) < n; {
		pid, _ := r.pid(b)
		served[pid] = true
	}
	var kib float64
	for _, pid := range r.Processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended
		}
		if m := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`).FindSubmatch(text); m != nil {
			n, _ := strconv.ParseFloat(string(m[1]), 64) // digits
			kib += n
		}
	}
	return kib / 1024
}
