package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// fine is the result of the functions that are forked.
const fine = `"fine"`

// A birthTrial is one function served by workers that are forked, or that are spawned.
type birthTrial struct {
	*watched
	name string // for the metrics
}

// startForked and startSpawned start a handler of testdata.
func startForked(b *testing.B, program, handler string, env ...string) *birthTrial {
	b.Helper()
	return &birthTrial{startWatched(b, program, "testdata", handler, nil, append(env, "LAMBDA_R_FORK=always")...), "forked"}
}

func startSpawned(b *testing.B, program, handler string, env ...string) *birthTrial {
	b.Helper()
	return &birthTrial{startWatched(b, program, "testdata", handler, nil, append(env, "LAMBDA_R_FORK=never")...), "spawned"}
}

// A recovery is how long after the kill of a worker something has happened.
type recovery struct {
	reported time.Duration // bootstrap posted the error
	ready    time.Duration // bootstrap polled again
	answered time.Duration // the next caller had the answer
}

// crash lets a worker kill itself during an invocation and measures the recovery.
func (t *birthTrial) crash(b *testing.B) recovery {
	b.Helper()
	t.Forget()
	killed := t.kill(b)
	t.invoke(b, "{}", fine)
	answered := time.Now()
	return recovery{
		reported: t.await(b, 1, after(killed, faulty.OpError)).Sub(killed),
		ready:    t.await(b, 1, after(killed, faulty.OpNext)).Sub(killed),
		answered: answered.Sub(killed),
	}
}

// after keeps the calls of op that begin after a time.
func after(at time.Time, op string) func(lambda.Call) bool {
	return func(c lambda.Call) bool { return lambda.Begun(op)(c) && c.At.After(at) }
}

// kill lets a worker kill itself during an invocation and returns when it did.
func (t *birthTrial) kill(b *testing.B) time.Time {
	b.Helper()
	path := filepath.Join(b.TempDir(), "killed")
	body, err := t.answer(fmt.Sprintf(`{"kill": %q}`, path))
	if err != nil || !strings.Contains(body, "Runtime.WorkerCrashed") {
		b.Fatalf("got %s, %v\n%s", body, err, t.Output.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

// BenchmarkCrash measures how long after the kill of a worker the error is posted, the next worker
// is ready and the next caller has its answer. The workers are forked and spawned, and forked ones
// are killed five times as often, because a worker of the second function takes seconds to spawn.
func BenchmarkCrash(b *testing.B) {
	for _, function := range []string{"plain", "tidyverse"} {
		b.Run(function, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			forked := startForked(b, program, function+".f")
			defer forked.stop(b)
			spawned := startSpawned(b, program, function+".f")
			defer spawned.stop(b)
			forked.invoke(b, "{}", fine)
			spawned.invoke(b, "{}", fine)
			times := map[*birthTrial][]recovery{}
			for b.Loop() {
				for range 5 {
					times[forked] = append(times[forked], forked.crash(b))
				}
				times[spawned] = append(times[spawned], spawned.crash(b))
			}
			for trial, all := range times {
				var reported, ready, answered []time.Duration
				for _, r := range all {
					reported, ready, answered = append(reported, r.reported), append(ready, r.ready), append(answered, r.answered)
				}
				reportQuantiles(b, reported, trial.name+"-report")
				reportQuantiles(b, ready, trial.name+"-ready")
				reportQuantiles(b, answered, trial.name+"-answer")
			}
		})
	}
}

// reportQuantiles reports the median and the 99th percentile.
func reportQuantiles(b *testing.B, times []time.Duration, name string) {
	b.ReportMetric(quantile(times, 0.5), name+"-p50-ms")
	b.ReportMetric(quantile(times, 0.99), name+"-p99-ms")
}
