package bench

import (
	"fmt"
	"testing"
	"time"
)

// jsonShapes names the values in json.R.
var jsonShapes = []string{
	"small", "rows100", "nested100", "mixed100", "dates100", "scalars1e5", "named1e4", "strings1e5", "doubles1e5",
	"frame1000x3", "frame1000x10", "frame10x3",
}

// BenchmarkJSON measures how long R takes to encode a value, alternately with jsonlite's toJSON
// and with the runtime's encoder, which writes the same bytes. For a data frame it also measures
// jsonlite's C code alone, which the encoder uses: the lower bound.
func BenchmarkJSON(b *testing.B) {
	stdin, replies := startRscript(b, "json.R")
	for _, shape := range jsonShapes {
		b.Run(shape, func(b *testing.B) {
			var before, after, floor []time.Duration
			for b.Loop() {
				if _, err := fmt.Fprintln(stdin, shape); err != nil {
					b.Fatal(err)
				}
				var beforeMS, afterMS, floorMS float64
				if _, err := fmt.Fscanln(replies, &beforeMS, &afterMS, &floorMS); err != nil {
					b.Fatal(err)
				}
				before = append(before, milliseconds(beforeMS))
				after = append(after, milliseconds(afterMS))
				floor = append(floor, milliseconds(floorMS))
			}
			b.ReportMetric(quantile(before, 0.5), "toJSON-ms")
			b.ReportMetric(quantile(after, 0.5), "ours-ms")
			b.ReportMetric(quantile(before, 0.5)/quantile(after, 0.5), "times-faster")
			if quantile(floor, 0.5) > 0 {
				b.ReportMetric(quantile(floor, 0.5), "floor-ms")
			}
			b.ReportMetric(0, "ns/op") // the sum of both is meaningless
		})
	}
}

func milliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
