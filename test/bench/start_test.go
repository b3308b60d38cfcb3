package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// The function that is started.
const dir, handler = "../../examples/parity", "functions.parity"

// BenchmarkFirstPoll measures the time from the start of bootstrap to its first poll, with one
// worker and with eight, and to the first poll of all eight.
func BenchmarkFirstPoll(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	var one, eight, all []time.Duration
	for b.Loop() {
		r := startWatched(b, program, dir, handler, nil)
		one = append(one, r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started))
		r.stop(b)

		r = startWatched(b, program, dir, handler, nil, "AWS_LAMBDA_MAX_CONCURRENCY=8")
		all = append(all, r.await(b, 8, lambda.Begun(faulty.OpNext)).Sub(r.started))
		eight = append(eight, r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started))
		r.stop(b)
	}
	b.ReportMetric(quantile(one, 0.5), "1-worker-p50-ms")
	b.ReportMetric(quantile(eight, 0.5), "first-of-8-p50-ms")
	b.ReportMetric(quantile(all, 0.5), "all-8-p50-ms")
}

// BenchmarkPackages measures the time from the start of bootstrap to its first poll with a function
// that loads 20 packages, beside an Rscript that loads them, too. The packages come with ggplot2.
func BenchmarkPackages(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	var code strings.Builder
	for name := range strings.FieldsSeq(`cli colorspace digest fansi farver ggplot2 glue gtable isoband labeling lifecycle
		munsell pillar R6 RColorBrewer rlang scales tibble vctrs viridisLite`) {
		fmt.Fprintf(&code, "suppressMessages(library(%s))\n", name)
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(code.String()+"f <- function() 1"), 0o644); err != nil {
		b.Fatal(err)
	}
	var bare, above []time.Duration // above: how much longer bootstrap took, pair by pair
	for b.Loop() {
		begin := time.Now()
		if out, err := exec.Command("Rscript", "-e", code.String()).CombinedOutput(); err != nil {
			b.Fatalf("Rscript: %v\n%s", err, out)
		}
		took := time.Since(begin)
		bare = append(bare, took)

		r := startWatched(b, program, dir, "app.f", nil)
		above = append(above, r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started)-took)
		r.stop(b)
	}
	b.ReportMetric(quantile(bare, 0.5), "Rscript-p50-ms")
	b.ReportMetric(quantile(above, 0.5), "above-Rscript-p50-ms")
}

// BenchmarkExtension measures the time from the start of bootstrap to its first poll, for
// functions without and with a shutdown hook. The second registers as an extension first.
func BenchmarkExtension(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	firstPoll := func(code string) time.Duration {
		dir := b.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(code), 0o644); err != nil {
			b.Fatal(err)
		}
		r := startWatched(b, program, dir, "app.f", nil)
		defer r.stop(b)
		return r.await(b, 1, lambda.Begun(faulty.OpNext)).Sub(r.started)
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
