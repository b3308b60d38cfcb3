package bench

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// BenchmarkForkMemory measures the memory of all R processes of one worker and of eight, forked, with
// the template, and spawned, when each worker has served some twenty invocations.
func BenchmarkForkMemory(b *testing.B) {
	for _, function := range []string{"plain", "vector", "tidyverse"} {
		b.Run(function, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			memory := func(n int, start func(*testing.B, string, string, ...string) *birthTrial) float64 {
				t := start(b, program, function+".f", fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
				defer t.stop(b)
				t.await(b, n, lambda.Begun(faulty.OpNext))
				t.throughput(b, 20*n, n, fine)
				sum := 0.0
				for _, pid := range t.Processes() {
					sum += proportionalMB(b, pid)
				}
				return sum
			}
			var one, oneForked, forked, spawned []float64
			for b.Loop() {
				one = append(one, memory(1, startSpawned))
				oneForked = append(oneForked, memory(1, startForked))
				forked = append(forked, memory(8, startForked))
				spawned = append(spawned, memory(8, startSpawned))
			}
			b.ReportMetric(median(one), "1-spawned-MB")
			b.ReportMetric(median(oneForked), "1-forked-MB")
			b.ReportMetric(median(spawned), "8-spawned-MB")
			b.ReportMetric(median(forked), "8-forked-MB")
			b.ReportMetric(median(forked)/median(one), "8-forked-by-one")
			b.ReportMetric(median(spawned)/median(one), "8-spawned-by-one")
		})
	}
}

// proportionalMB returns the resident memory of a process in MB, where of memory that n processes
// share one part in n counts.
func proportionalMB(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	field := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`).FindSubmatch(text)
	if field == nil {
		b.Fatalf("no PSS in\n%s", text)
	}
	kib, _ := strconv.ParseFloat(string(field[1]), 64) // digits
	return kib / 1024
}
