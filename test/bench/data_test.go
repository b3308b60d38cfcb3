package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// events are large events by name, of 2 to 6 MB each.
var events = []struct {
	name string
	make func() any
}{
	{"records", func() any { return several(20_000, record) }},
	{"records-with-arrays", func() any {
		return several(20_000, func(i int) any {
			r := record(i).(map[string]any)
			r["tags"] = []string{"a", "b"}[:i%3]
			return r
		})
	}},
	{"nested-records", func() any {
		return several(20_000, func(i int) any {
			return map[string]any{"id": i, "user": map[string]any{"name": fmt.Sprint("item ", i), "of": record(i)}, "ok": true}
		})
	}},
	{"doubles", func() any { return several(170_000, func(i int) any { return 1000 / float64(i+1) }) }},
	{"integers", func() any { return several(400_000, func(i int) any { return i }) }},
	{"strings", func() any { return several(150_000, func(i int) any { return fmt.Sprint("some text ", i) }) }},
	{"matrix", func() any {
		return several(100_000, func(i int) any { return []float64{float64(i) / 8, float64(i), 1.5} })
	}},
	{"http-body", func() any { return request(several(20_000, record)) }},
}

func several(n int, make func(i int) any) []any {
	var all []any
	for i := range n {
		all = append(all, make(i))
	}
	return all
}

// record returns an object of 160 bytes with seven members.
func record(i int) any {
	r := map[string]any{
		"id": i, "name": fmt.Sprint("item ", i), "value": float64(i*7919%1_000_000) / 1e4, "ok": i%2 == 0,
		"category": []string{"alpha", "beta"}[i%2], "at": time.Unix(int64(i)*3600, 0).UTC(), "note": nil,
	}
	if i%5 > 0 {
		r["note"] = fmt.Sprintf("some text of the record %d", i*7)
	}
	return r
}

// request returns the event of a POST request with body as JSON.
func request(body any) any {
	return map[string]any{
		"version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": map[string]string{"content-type": "application/json"},
		"requestContext": map[string]any{"http": map[string]string{"method": "POST", "path": "/"}},
		"body":           string(marshal(body)), "isBase64Encoded": false,
	}
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values are those above
	}
	return text
}

// BenchmarkEvent measures what a large event costs: from the moment when the Runtime API has sent
// it until a handler that ignores it has answered. Beside that is how long jsonlite takes to make
// vectors and data frames of the same text, and its parser alone, which makes lists.
func BenchmarkEvent(b *testing.B) {
	stdin, replies := startRscript(b, "data.R")
	program := build(b, "cmd/bootstrap")
	for _, event := range events {
		b.Run(event.name, func(b *testing.B) {
			value, handler := event.make(), "data.ignore"
			text := marshal(value)
			if r, ok := value.(map[string]any); ok {
				text, handler = []byte(r["body"].(string)), "data.ignore_rows"
			}
			path := filepath.Join(b.TempDir(), "event.json")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				b.Fatal(err)
			}
			measureData(b, program, handler, string(marshal(value)), func() (whole, parser time.Duration) {
				return askR(b, stdin, replies, "event "+path)
			})
			b.ReportMetric(float64(len(text))/1e6, "MB")
		})
	}
}

// BenchmarkResult measures what a data frame of 100,000 rows costs as a result, beside how long
// jsonlite takes to encode it.
func BenchmarkResult(b *testing.B) {
	stdin, replies := startRscript(b, "data.R")
	program := build(b, "cmd/bootstrap")
	for _, name := range []string{"numbers", "strings", "mixed", "dates", "missing"} {
		b.Run(name, func(b *testing.B) {
			measureData(b, program, "data.frame", fmt.Sprintf("%q", name), func() (whole, parser time.Duration) {
				return askR(b, stdin, replies, "result "+name)
			})
		})
	}
}

// measureData measures invocations with one event, alternately with jsonlite.
func measureData(b *testing.B, program, handler, event string, jsonlite func() (whole, parser time.Duration)) {
	r := startWatched(b, program, "testdata", handler, nil)
	defer r.stop(b)
	r.await(b, 1, lambda.Begun(faulty.OpNext))
	const warmUp = 3
	var wholes, parsers []time.Duration
	for i := 0; i < warmUp || b.Loop(); i++ {
		body, err := r.answer(event)
		failed := strings.Contains(body[:min(len(body), 200)], "errorMessage") || strings.HasPrefix(body, `{"statusCode":`) && !strings.HasPrefix(body, `{"statusCode":200`)
		if err != nil || failed {
			b.Fatalf("%v, %.500s\n%s", err, body, r.Output.String())
		}
		if i >= warmUp {
			whole, parser := jsonlite()
			wholes, parsers = append(wholes, whole), append(parsers, parser)
		}
	}
	r.await(b, warmUp+b.N, lambda.Done(faulty.OpResponse))
	ours := quantile(r.answered()[warmUp:], 0.5)
	b.ReportMetric(ours, "ours-ms")
	b.ReportMetric(quantile(wholes, 0.5), "jsonlite-ms")
	b.ReportMetric(ours/quantile(wholes, 0.5), "of-jsonlite")
	if parser := quantile(parsers, 0.5); parser > 0 {
		b.ReportMetric(parser, "parser-ms")
	}
	b.ReportMetric(0, "ns/op") // the sum of both is meaningless
}

// askR asks the script data.R, which answers with two times in milliseconds.
func askR(b *testing.B, stdin io.Writer, replies *bufio.Reader, question string) (first, second time.Duration) {
	b.Helper()
	if _, err := fmt.Fprintln(stdin, question); err != nil {
		b.Fatal(err)
	}
	var ms [2]float64
	if _, err := fmt.Fscanln(replies, &ms[0], &ms[1]); err != nil {
		b.Fatal(err)
	}
	return milliseconds(ms[0]), milliseconds(ms[1])
}
