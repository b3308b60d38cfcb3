package bench

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// BenchmarkLargeEvent echoes an event of 6 MB. "Around R" is the time from the end of sending the
// event until the emulator has accepted the response, minus R's own time. It includes R's reading
// and writing of the pipes, and the emulator's reading.
func BenchmarkLargeEvent(b *testing.B) {
	r := startWatched(b, build(b, "cmd/bootstrap"), "testdata", "work.echo", nil, "LOG_LEVEL=debug")
	defer r.stop(b)
	r.await(b, 1, lambda.Begun(faulty.OpNext))
	idle, _ := r.residentMB(b)
	event := `"` + strings.Repeat("0123456789abcdef", 6<<20/16-1) + `"`
	const warmUp = 5
	for range warmUp {
		r.invoke(b, event, event)
	}
	before := r.cpu(b, false)
	for b.Loop() {
		r.invoke(b, event, event)
	}
	cpu := r.cpu(b, false) - before
	r.await(b, warmUp+b.N, lambda.Done(faulty.OpResponse))
	whole, inR := r.answered()[warmUp:], r.rTimes(b)[warmUp:]
	around := make([]time.Duration, len(whole))
	for i := range whole {
		around[i] = whole[i] - inR[i]
	}
	_, peak := r.residentMB(b)
	b.ReportMetric(quantile(whole, 0.5), "event-to-response-p50-ms")
	b.ReportMetric(quantile(around, 0.5), "around-R-p50-ms")
	b.ReportMetric(float64(cpu/time.Microsecond)/1000/float64(b.N), "bootstrap-cpu-ms")
	b.ReportMetric(peak-idle, "peak-above-idle-MB")
}

// answered returns, for each event in order, the time from the end of sending it until its
// response was accepted.
func (r *watched) answered() (times []time.Duration) {
	sent := map[string]time.Time{}
	for _, c := range r.Calls(func(c lambda.Call) bool { return c.Ended }) {
		switch c.Op {
		case faulty.OpNext:
			sent[c.RequestID] = c.At
		case faulty.OpResponse:
			times = append(times, c.At.Sub(sent[c.RequestID]))
		}
	}
	return times
}

var rTime = regexp.MustCompile(`frame received .*r_ms=([0-9.]+)`)

// rTimes returns how long R took for each invocation, from the log at level debug.
func (r *watched) rTimes(b *testing.B) []time.Duration {
	b.Helper()
	var times []time.Duration
	for _, match := range rTime.FindAllStringSubmatch(r.Output.String(), -1) {
		ms, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Duration(ms*float64(time.Millisecond)))
	}
	return times
}
