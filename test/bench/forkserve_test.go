package bench

import (
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
)

// BenchmarkIsolation measures an invocation in a process of its own, forked and spawned, beside one in
// a warm worker. Each comes at once when the answer before it has been received, so that it waits for
// its process.
func BenchmarkIsolation(b *testing.B) {
	for _, function := range []string{"plain", "tidyverse"} {
		b.Run(function, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			warm := startSpawned(b, program, function+".f")
			defer warm.stop(b)
			forked := startForked(b, program, function+".f", "LAMBDA_R_MAX_INVOCATIONS=1")
			defer forked.stop(b)
			spawned := startSpawned(b, program, function+".f", "LAMBDA_R_MAX_INVOCATIONS=1")
			defer spawned.stop(b)
			for range 20 { // until R has compiled the function
				warm.invoke(b, "{}", fine)
			}
			forked.invoke(b, "{}", fine)
			spawned.invoke(b, "{}", fine)
			var ofWarm, ofForked, ofSpawned []time.Duration
			for b.Loop() {
				for range 10 {
					ofWarm = append(ofWarm, warm.invoke(b, "{}", fine))
					ofForked = append(ofForked, forked.invoke(b, "{}", fine))
				}
				spawned.invoke(b, "{}", fine) // its process has had time to become ready
				ofSpawned = append(ofSpawned, spawned.invoke(b, "{}", fine))
			}
			reportQuantiles(b, ofWarm, "warm")
			reportQuantiles(b, ofForked, "forked")
			reportQuantiles(b, ofSpawned, "spawned")
			b.ReportMetric(quantile(ofForked, 0.5)-quantile(ofWarm, 0.5), "forked-above-warm-p50-ms")
		})
	}
}

// BenchmarkForkedWarm compares the invocations of a new worker that was forked with those of one that
// was spawned: the first, the sum of the first thirty, and those after it. A forked worker copies each
// page of the template's memory when it first writes to it.
func BenchmarkForkedWarm(b *testing.B) {
	for _, function := range []string{"plain", "tidyverse"} {
		b.Run(function, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			first, sum, later := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
			forked := startForked(b, program, function+".f")
			defer forked.stop(b)
			spawned := startSpawned(b, program, function+".f")
			defer spawned.stop(b)
			for b.Loop() {
				trials := []*birthTrial{forked, spawned}
				for _, t := range trials {
					t.invoke(b, "{}", fine) // so that the worker is replaced without a pause
					t.Forget()
					t.await(b, 1, after(t.kill(b), faulty.OpNext))
				}
				took := map[string][]time.Duration{}
				for range 60 {
					for _, t := range trials {
						took[t.name] = append(took[t.name], t.invoke(b, "{}", fine))
					}
				}
				for name, all := range took {
					first[name], later[name] = append(first[name], all[0]), append(later[name], all[30:]...)
					sum[name] = append(sum[name], total(all[:30]))
				}
			}
			for name := range first {
				b.ReportMetric(quantile(first[name], 0.5), name+"-first-p50-ms")
				b.ReportMetric(quantile(sum[name], 0.5), name+"-first-30-p50-ms")
				reportQuantiles(b, later[name], name)
			}
		})
	}
}

func total(times []time.Duration) (sum time.Duration) {
	for _, t := range times {
		sum += t
	}
	return sum
}
