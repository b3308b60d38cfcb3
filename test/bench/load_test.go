package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// startWorkers starts bootstrap with n workers, waits until all are ready, and warms them up until
// R has compiled the function.
func startWorkers(b *testing.B, program, dir, handler string, n int, warmUp func(*watched)) *watched {
	b.Helper()
	r := startWatched(b, program, dir, handler, nil, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
	r.await(b, n, lambda.Begun(faulty.OpNext))
	warmUp(r)
	return r
}

// BenchmarkThroughput compares the throughput of several workers with that of one: 4 workers with
// a function that uses a CPU for about 20 ms, and 8 with one that waits for 100 ms. Beside the
// first it compares four bare Rs with one, because two CPUs of a shared machine are seldom twice
// as fast as one.
func BenchmarkThroughput(b *testing.B) {
	for _, test := range []struct {
		name, handler, result string
		workers, n            int // n: invocations of each worker in an iteration
	}{
		{"cpu", "work.burn", "14007000000", 4, 8},
		{"sleep", "work.wait", `"waited"`, 8, 3},
	} {
		b.Run(test.name, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			warmUp := func(r *watched) { r.throughput(b, 10*test.workers, test.workers, test.result) }
			one := startWorkers(b, program, "testdata", test.handler, 1, warmUp)
			defer one.stop(b)
			several := startWorkers(b, program, "testdata", test.handler, test.workers, warmUp)
			defer several.stop(b)
			var bare []*bareR
			if test.handler == "work.burn" {
				for range test.workers {
					r := startBare(b)
					defer r.stop()
					bare = append(bare, r)
				}
				throughput(b, bare, 10) // until R has compiled burn()
			}
			var ofOne, ofSeveral, ratios, bareRatios []float64
			for b.Loop() {
				alone := one.throughput(b, test.n, 2, test.result)
				together := several.throughput(b, test.n*test.workers, 2*test.workers, test.result)
				ofOne, ofSeveral = append(ofOne, alone), append(ofSeveral, together)
				ratios = append(ratios, together/alone)
				if bare != nil {
					bareRatios = append(bareRatios, throughput(b, bare, 2*test.n)/throughput(b, bare[:1], test.n))
				}
			}
			b.ReportMetric(median(ofOne), "one-per-s")
			b.ReportMetric(median(ofSeveral), fmt.Sprintf("%d-per-s", test.workers))
			b.ReportMetric(median(ratios), "ratio-p50")
			b.ReportMetric(best(ratios), "ratio-best")
			if bareRatios != nil {
				b.ReportMetric(median(bareRatios), "bare-R-ratio-p50")
				b.ReportMetric(best(bareRatios), "bare-R-ratio-best")
			}
		})
	}
}

// BenchmarkOverhead compares sequential warm parity invocations on 16 workers and on one.
func BenchmarkOverhead(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	const event, result = `{"number": 5}`, `{"parity":"odd"}`
	warmUp := func(r *watched) {
		for range 500 {
			r.invoke(b, event, result)
		}
	}
	one := startWorkers(b, program, "../../examples/parity", "functions.parity", 1, warmUp)
	defer one.stop(b)
	many := startWorkers(b, program, "../../examples/parity", "functions.parity", 16, warmUp)
	defer many.stop(b)
	var ofOne, ofMany []time.Duration
	for b.Loop() {
		ofOne = append(ofOne, one.invoke(b, event, result))
		ofMany = append(ofMany, many.invoke(b, event, result))
	}
	b.ReportMetric(quantile(ofOne, 0.5), "1-worker-p50-ms")
	b.ReportMetric(quantile(ofMany, 0.5), "16-workers-p50-ms")
	b.ReportMetric(quantile(ofMany, 0.5)/quantile(ofOne, 0.5), "ratio")
}

// median returns the middle value.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// best returns the third best value, so that lucky ones do not count.
func best(values []float64) float64 {
	slices.Sort(values)
	return values[max(0, len(values)-3)]
}
