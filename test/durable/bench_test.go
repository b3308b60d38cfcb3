package durable

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
)

// startBench starts the handler of the benchmarks.
func startBench(b *testing.B) *function {
	b.Helper()
	f := startFunction(b, "bench.bench", "--skip-time", "--concurrency=2", "--timeout=5m")
	f.run(b, "{\"steps\": 10}") // R compiles its code
	return f
}

// run runs an execution to its end and returns its ARN.
func (f *function) run(t testing.TB, input string) string {
	t.Helper()
	arn := f.start(t, "function", []byte(input))
	f.await(t, func() bool { return f.status(t, arn) != "RUNNING" })
	if status := f.status(t, arn); status != "SUCCEEDED" {
		t.Fatalf("the execution has ended with %s", status)
	}
	return arn
}

func (f *function) status(t testing.TB, arn string) string {
	t.Helper()
	return f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn))["Status"].(string)
}

// invocations returns how long the invocations of an execution took, in milliseconds.
func (f *function) invocations(t testing.TB, arn string) (ms []float64) {
	t.Helper()
	events, _ := f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn)+"/history?ReverseOrder=true")["Events"].([]any)
	slices.Reverse(events)
	for _, e := range events {
		d, ok := e.(map[string]any)["InvocationCompletedDetails"].(map[string]any)
		if ok {
			ms = append(ms, 1000*(d["EndTimestamp"].(float64)-d["StartTimestamp"].(float64)))
		}
	}
	return ms
}

// BenchmarkSteps runs an execution of 1000 steps, a wait and a replay of them: what a step costs with a
// backend on the same machine, and what the replay takes.
func BenchmarkSteps(b *testing.B) {
	f := startBench(b)
	var first, replay float64
	for b.Loop() {
		ms := f.invocations(b, f.run(b, `{"steps": 1000}`))
		if len(ms) != 2 {
			b.Fatalf("%d invocations, want 2", len(ms))
		}
		first, replay = first+ms[0], replay+ms[1]
	}
	b.ReportMetric(first/float64(b.N)/1000, "ms/step")
	b.ReportMetric(replay/float64(b.N), "ms/replay")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkExecutions starts 100 executions at once, each of five steps and a wait.
func BenchmarkExecutions(b *testing.B) {
	f := startBench(b)
	for b.Loop() {
		arns := make([]string, 100)
		for i := range arns {
			arns[i] = f.start(b, "function", fmt.Appendf(nil, `{"steps": 5, "n": %d}`, i))
		}
		for _, arn := range arns {
			f.await(b, func() bool { return f.status(b, arn) == "SUCCEEDED" })
		}
	}
}
