package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
)

// The function that is started.
const dir, handler = "../../examples/parity", "functions.parity"

// BenchmarkFirstPoll is the time from the start of bootstrap until it asks for its first
// event, with one worker and with eight, and until all of the eight ask.
func BenchmarkFirstPoll(b *testing.B) {
	program := build(b, "lambda-r-runtime/cmd/bootstrap")
	var one, eight, all []time.Duration
	for b.Loop() {
		r := startWatched(b, program, dir, handler, nil)
		one = append(one, r.await(b, faulty.OpNext, false, 1).Sub(r.started))
		r.stop()

		r = startWatched(b, program, dir, handler, nil, "AWS_LAMBDA_MAX_CONCURRENCY=8")
		all = append(all, r.await(b, faulty.OpNext, false, 8).Sub(r.started))
		eight = append(eight, r.await(b, faulty.OpNext, false, 1).Sub(r.started))
		r.stop()
	}
	b.ReportMetric(quantile(one, 0.5), "1-worker-p50-ms")
	b.ReportMetric(quantile(eight, 0.5), "first-of-8-p50-ms")
	b.ReportMetric(quantile(all, 0.5), "all-8-p50-ms")
}

// BenchmarkExtension measures the time from the start of bootstrap to its first poll, for
// functions without and with a shutdown hook. The second registers as an extension first.
func BenchmarkExtension(b *testing.B) {
	program := build(b, "lambda-r-runtime/cmd/bootstrap")
	firstPoll := func(code string) time.Duration {
		dir := b.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(code), 0o644); err != nil {
			b.Fatal(err)
		}
		r := startWatched(b, program, dir, "app.f", nil)
		defer r.stop()
		return r.await(b, faulty.OpNext, false, 1).Sub(r.started)
	}
	var without, above []time.Duration // above: how much longer it took with a hook, pair by pair
	for b.Loop() {
		bare := firstPoll("f <- function() 1")
		without = append(without, bare)
		above = append(above, firstPoll("f <- function() 1\non_shutdown(function() NULL)")-bare)
	}
	b.ReportMetric(quantile(without, 0.5), "without-p50-ms")
	b.ReportMetric(quantile(above, 0.5), "registered-above-p50-ms")
}
