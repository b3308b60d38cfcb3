package bench

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

var growthFile = flag.String("growth", "", "a CSV file for the results of BenchmarkGrowth, which growth.R plots")

// A growth is something that an invocation may have much of.
type growth struct {
	name, unit string
	handler    string
	sizes      []int
	event      func(size int) string
}

var growths = []growth{
	{"event", "kB", "growth.ignore", []int{1, 4, 8, 16, 64, 256, 1024, 2048, 4096, 6000}, func(kB int) string {
		const record = `{"id":1234,"name":"some text","value":0.125,"ok":true,"tags":["a","b"]}`
		return "[" + strings.Repeat(record+",", kB*1000/len(record)-1) + record + "]"
	}},
	{"text", "kB", "growth.ignore", []int{1, 4, 8, 16, 64, 256, 1024, 2048, 4096, 6000}, func(kB int) string {
		return `"` + strings.Repeat("x", kB*1000) + `"`
	}},
	{"result", "rows", "growth.rows", []int{10, 100, 300, 1000, 3000, 10_000, 30_000, 60_000, 100_000}, func(rows int) string {
		return fmt.Sprintf(`{"rows":%d}`, rows)
	}},
	{"arguments", "", "growth.arguments", []int{1, 10, 30, 100, 300, 1000}, func(n int) string {
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf(`"argument%d":%d`, i, i)
		}
		return "{" + strings.Join(members, ",") + "}"
	}},
	{"depth", "levels", "growth.ignore", []int{1, 10, 30, 100, 150, 200, 300, 400}, func(depth int) string {
		return strings.Repeat(`{"a":`, depth) + "[1]" + strings.Repeat("}", depth)
	}},
}

// BenchmarkGrowth measures how the cost of an invocation grows with the size of the event, the size
// of the result, the number of arguments, the depth of the event, and the number of workers. The
// cost is the median time from the event to the response. With several workers, which are all busy,
// it is the CPU time of bootstrap and R for each invocation.
func BenchmarkGrowth(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	results := [][]string{{"what", "unit", "size", "ms"}}
	for _, g := range growths {
		for _, size := range g.sizes {
			b.Run(fmt.Sprintf("%s-%d", g.name, size), func(b *testing.B) {
				ms := g.measure(b, program, size)
				b.ReportMetric(ms, "ms")
				b.ReportMetric(0, "ns/op")
				results = append(results, []string{g.name, g.unit, strconv.Itoa(size), strconv.FormatFloat(ms, 'f', 3, 64)})
			})
		}
	}
	for _, workers := range []int{1, 2, 4, 8, 12, 16} {
		b.Run(fmt.Sprintf("workers-%d", workers), func(b *testing.B) {
			ms := cpuOfWorkers(b, program, workers)
			b.ReportMetric(ms, "ms")
			b.ReportMetric(0, "ns/op")
			results = append(results, []string{"workers", "", strconv.Itoa(workers), strconv.FormatFloat(ms, 'f', 3, 64)})
		})
	}
	if *growthFile != "" {
		writeCSV(b, *growthFile, results)
	}
}

func (g growth) measure(b *testing.B, program string, size int) float64 {
	r := startWatched(b, program, "testdata", g.handler, nil)
	defer r.stop(b)
	r.await(b, 1, lambda.Begun(faulty.OpNext))
	event := g.event(size)
	const warmUp = 5
	for i := 0; i < warmUp || b.Loop(); i++ {
		body, err := r.answer(event)
		if err != nil || strings.HasPrefix(body, `{"errorMessage"`) {
			b.Fatalf("%v, %.500s\n%s", err, body, r.Output.String())
		}
	}
	r.await(b, warmUp+b.N, lambda.Done(faulty.OpResponse))
	return quantile(r.answered()[warmUp:], 0.5)
}

// cpuOfWorkers returns the CPU time of an invocation, in ms, while n workers are busy.
func cpuOfWorkers(b *testing.B, program string, n int) float64 {
	const result = "600300000"
	r := startWorkers(b, program, "testdata", "growth.spin", n, func(r *watched) { r.throughput(b, 20*n, n, result) })
	defer r.stop(b)
	const invocations = 400 // the kernel counts CPU in steps of 10 ms
	var used time.Duration
	for b.Loop() {
		before := r.cpu(b, true)
		r.throughput(b, invocations, n, result)
		used += r.cpu(b, true) - before
	}
	return float64(used) / float64(time.Millisecond) / float64(b.N) / invocations
}

func writeCSV(b *testing.B, path string, rows [][]string) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := csv.NewWriter(f)
	if err := w.WriteAll(rows); err != nil {
		b.Error(err)
	}
	if err := f.Close(); err != nil {
		b.Error(err)
	}
}
