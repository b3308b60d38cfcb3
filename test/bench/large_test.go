package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// BenchmarkLargeEvent echoes an event of 6 MB: one text, or records. "Around R" is the time from the
// end of sending the event until the emulator has accepted the response, minus R's own time. It
// includes R's reading and writing of the pipes, and the emulator's reading.
func BenchmarkLargeEvent(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	const size = 6 << 20
	b.Run("text", func(b *testing.B) { echo(b, program, `"`+strings.Repeat("0123456789abcdef", size/16-1)+`"`) })
	b.Run("records", func(b *testing.B) {
		const record = `{"at":"2024-01-01T00:00:00Z","id":123456,"name":"some text","ok":true,"value":0.123456789012345}`
		echo(b, program, "["+strings.Repeat(record+",", size/len(record)-1000)+record+"]")
	})
}

func echo(b *testing.B, program, event string) {
	r := startWatched(b, program, "testdata", "work.echo", nil, "LOG_LEVEL=debug")
	defer r.stop(b)
	r.await(b, 1, lambda.Begun(faulty.OpNext))
	idle, _ := r.residentMB(b)
	idleR, _ := r.residentOfR(b)
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
	_, peakR := r.residentOfR(b)
	b.ReportMetric(quantile(whole, 0.5), "event-to-response-p50-ms")
	b.ReportMetric(quantile(around, 0.5), "around-R-p50-ms")
	b.ReportMetric(float64(cpu/time.Microsecond)/1000/float64(b.N), "bootstrap-cpu-ms")
	b.ReportMetric(peak-idle, "peak-above-idle-MB")
	b.ReportMetric(peakR-idleR, "R-peak-above-idle-MB")
}

// residentOfR returns the resident memory of the one R of the process, now and at its peak, in MB.
func (r *runtime) residentOfR(b testing.TB) (now, peak float64) {
	b.Helper()
	path := fmt.Sprintf("/proc/%d/task/*/children", r.Cmd.Process.Pid)
	threads, err := filepath.Glob(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, thread := range threads {
		children, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(children)) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err == nil && strings.HasPrefix(string(status), "Name:\tR\n") {
				return residentMB(b, status)
			}
		}
	}
	b.Fatalf("no R in %s", path)
	return 0, 0
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
