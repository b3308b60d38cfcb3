package bench

import (
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

// BenchmarkExtension is the time from the start of bootstrap until it asks for its first
// event: without an extension, as one, and as one whose registration hangs.
func BenchmarkExtension(b *testing.B) {
	program := build(b, "lambda-r-runtime/cmd/bootstrap")
	hang := func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.OpRegister {
			return faulty.Fault{Delay: time.Hour}
		}
		return faulty.Fault{}
	}
	firstPoll := func(fault func(faulty.Call) faulty.Fault, env ...string) time.Duration {
		r := startWatched(b, program, dir, handler, fault, env...)
		defer r.stop()
		return r.await(b, faulty.OpNext, false, 1).Sub(r.started)
	}
	var without, registered, hanging []time.Duration // the last two: how much longer it took, turn by turn
	for b.Loop() {
		bare := firstPoll(nil)
		without = append(without, bare)
		registered = append(registered, firstPoll(nil, "LAMBDA_R_SIGTERM=true")-bare)
		hanging = append(hanging, firstPoll(hang, "LAMBDA_R_SIGTERM=true")-bare)
	}
	b.ReportMetric(quantile(without, 0.5), "without-p50-ms")
	b.ReportMetric(quantile(registered, 0.5), "registered-above-p50-ms")
	b.ReportMetric(quantile(hanging, 0.5), "hanging-above-p50-ms")
}
