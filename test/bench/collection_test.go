package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// largeHeap is a handler's file with as many objects as the packages of the tidyverse have, and
// a function that makes garbage.
const largeHeap = `
heap <- lapply(1:800000, function(i) i + 0.5)
f <- function() {
  d <- data.frame(g = rep(1:100, 1000), s = as.character(1:100000))
  d$k <- paste0(d$s, "a")
  nrow(aggregate(k ~ g, d, length))
}
`

// BenchmarkCollection measures whether a full garbage collection at the end of the init is worth
// it: the time to the first poll, and of the first thirty invocations the slowest and the sum. It
// runs the function without one and with one in turn.
func BenchmarkCollection(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	variants := map[string]string{"without": largeHeap, "with": largeHeap + "gc()\n"}
	inits, slowest, sums := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	for b.Loop() {
		for name, code := range variants {
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(code), 0o644); err != nil {
				b.Fatal(err)
			}
			r := startWatched(b, program, dir, "app.f", nil)
			inits[name] = append(inits[name], r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started))
			var most, sum time.Duration
			for range 30 {
				took := r.invoke(b, "{}", "100")
				most, sum = max(most, took), sum+took
			}
			slowest[name], sums[name] = append(slowest[name], most), append(sums[name], sum)
			r.stop(b)
		}
	}
	for name := range variants {
		b.ReportMetric(quantile(inits[name], 0.5), name+"-init-p50-ms")
		b.ReportMetric(quantile(slowest[name], 0.5), name+"-slowest-p50-ms")
		b.ReportMetric(quantile(sums[name], 0.5), name+"-30-invocations-p50-ms")
	}
}
