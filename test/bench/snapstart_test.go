//go:build criu

package bench

import (
	"os"
	"regexp"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/snapshot"
)

// BenchmarkSnapStart measures the first answer of a function with ggplot2, alternately after a cold
// start and after the restore of one snapshot by CRIU, with priming: the time from the start of
// bootstrap, or of the restore, and how long R took for the invocation. The second invocation after
// the restore shows what priming cannot shorten.
//
// The restore has a pause in it that Lambda's does not have, 50 ms on average: the call that waits
// for the restore is cut, and bootstrap asks again.
func BenchmarkSnapStart(b *testing.B) {
	const dir, handler, event, debug = "testdata", "plot.plot_model", `{"title": "a plot"}`, "LOG_LEVEL=debug"
	tool, err := checkpoint.Find(b.Context(), os.Getenv)
	if err != nil {
		b.Fatalf("%v; make bench-snapstart unpacks one", err)
	}
	program := build(b, "cmd/bootstrap")
	image := snapshot.Take(b, snapshot.Config{
		Tool: tool, Program: program, Dir: dir, Handler: handler, Env: []string{debug}, Copies: 1000,
	})
	var coldWall, coldR, restoredWall, restoredR, secondR, pauses []time.Duration
	for b.Loop() {
		begin := time.Now()
		r := startWith(b, program, dir, handler, emulator.New(emulator.Config{Timeout: snapshot.Timeout}), debug)
		if a, err := lambda.Request(b.Context(), "POST", r.url+lambda.InvokePath, event); err != nil || a.Header.Get("X-Amz-Function-Error") != "" {
			b.Fatalf("%v %s\n%s", err, a.Body, &r.Output)
		}
		coldWall = append(coldWall, time.Since(begin))
		r.stop(b)
		coldR = append(coldR, logged(b, r.Output.String(), `r_ms=([0-9.]+)`)[0])

		begin = time.Now()
		e := image.Restore(b)
		e.Invoke(event, new(any))
		restoredWall = append(restoredWall, time.Since(begin))
		e.Invoke(event, new(any))
		e.Stop()
		times := logged(b, e.Output.String(), `r_ms=([0-9.]+)`)
		restoredR, secondR = append(restoredR, times[0]), append(secondR, times[1])
		pauses = append(pauses, logged(b, e.Output.String(), `retry_in=([0-9.]+)ms`)[0])
	}
	b.ReportMetric(0, "ns/op") // of both together: no use
	b.ReportMetric(quantile(coldWall, 0.5), "cold-wall-p50-ms")
	b.ReportMetric(quantile(coldR, 0.5), "cold-R-p50-ms")
	b.ReportMetric(quantile(restoredWall, 0.5), "restored-wall-p50-ms")
	b.ReportMetric(quantile(restoredR, 0.5), "restored-R-p50-ms")
	b.ReportMetric(quantile(secondR, 0.5), "second-R-p50-ms")
	b.ReportMetric(quantile(pauses, 0.5), "pause-in-restored-p50-ms")
	b.ReportMetric(quantile([]time.Duration{image.InitTook}, 0.5), "init-ms")
	b.ReportMetric(quantile([]time.Duration{image.DumpTook}, 0.5), "dump-ms")
}

// logged returns the times in milliseconds in a log that the group of pattern matches.
func logged(b *testing.B, log, pattern string) (times []time.Duration) {
	b.Helper()
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(log, -1) {
		took, err := time.ParseDuration(match[1] + "ms")
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, took)
	}
	if times == nil {
		b.Fatalf("no %s in\n%s", pattern, log)
	}
	return times
}
