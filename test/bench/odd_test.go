package bench

import (
	"fmt"
	"strings"
	"testing"
)

// maxMicroseconds bounds the CPU time that R may spend to decode a byte of an event: at this rate,
// the largest that is not refused takes a few seconds. maxGrowth bounds how much more a byte may
// cost in an event that is eight times as large; it would be 8 if the time were quadratic.
const (
	maxMicroseconds = 40
	maxGrowth       = 4
)

// BenchmarkOddJSON measures how long R takes to decode JSON of the shapes that cost most for their
// size. It fails if a byte takes too long, or if it takes much longer in a larger event.
func BenchmarkOddJSON(b *testing.B) {
	stdin, replies := startRscript(b, "odd.R")
	ask := func(name string) string {
		b.Helper()
		if _, err := fmt.Fprintln(stdin, name); err != nil {
			b.Fatal(err)
		}
		line, err := replies.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		return line
	}
	for _, shape := range strings.Fields(ask("")) {
		b.Run(shape, func(b *testing.B) {
			var small, large float64 // the least of all rounds: others disturb the rest
			for round := 0; b.Loop(); round++ {
				var s, l float64
				if _, err := fmt.Sscan(ask(shape), &s, &l); err != nil {
					b.Fatal(err)
				}
				if round == 0 {
					small, large = s, l
				}
				small, large = min(small, s), min(large, l)
			}
			b.ReportMetric(large, "µs/byte")
			b.ReportMetric(0, "ns/op") // of both sizes together: no use
			if large > maxMicroseconds {
				b.Errorf("a byte takes %.1f µs, want at most %d", large, maxMicroseconds)
			}
			// Below a tenth of a microsecond, R's clock is too coarse to compare.
			if large > maxGrowth*max(small, 0.1) {
				b.Errorf("a byte takes %.2f µs in a large event, %.2f in a small one: more than linear", large, small)
			}
		})
	}
}
