package bench

import (
	"fmt"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// BenchmarkForkStart measures the time from the start of bootstrap to the first answer with each value
// of LAMBDA_R_FORK, for functions whose inits differ in length. Where workers are forked, the first
// answer also waits for the first fork.
func BenchmarkForkStart(b *testing.B) {
	for _, function := range []string{"plain", "ggplot", "tidyverse"} {
		b.Run(function, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			times := map[string][]time.Duration{}
			for b.Loop() {
				for _, fork := range []string{"never", "auto", "always"} {
					r := startWatched(b, program, "testdata", function+".f", nil, "LAMBDA_R_FORK="+fork)
					r.invoke(b, "{}", fine)
					times[fork] = append(times[fork], time.Since(r.started))
					r.stop(b)
				}
			}
			for fork, all := range times {
				b.ReportMetric(quantile(all, 0.5), fork+"-p50-ms")
			}
		})
	}
}

// BenchmarkEightReady measures the time from the start of bootstrap until eight workers of the
// function are ready, forked and spawned, and until one spawned worker is.
func BenchmarkEightReady(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	ready := func(n int, start func(*testing.B, string, string, ...string) *birthTrial) time.Duration {
		t := start(b, program, "tidyverse.f", fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
		defer t.stop(b)
		return t.await(b, n, lambda.Begun(faulty.OpNext)).Sub(t.started)
	}
	var one, forked, spawned []time.Duration
	for b.Loop() {
		one = append(one, ready(1, startSpawned))
		forked = append(forked, ready(8, startForked))
		spawned = append(spawned, ready(8, startSpawned))
	}
	b.ReportMetric(quantile(one, 0.5), "one-p50-ms")
	b.ReportMetric(quantile(forked, 0.5), "8-forked-p50-ms")
	b.ReportMetric(quantile(spawned, 0.5), "8-spawned-p50-ms")
	b.ReportMetric(quantile(forked, 0.5)/quantile(one, 0.5), "8-forked-by-one")
	b.ReportMetric(quantile(spawned, 0.5)/quantile(one, 0.5), "8-spawned-by-one")
}
