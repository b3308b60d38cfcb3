package chaos

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// A histogram holds measured durations.
type histogram []time.Duration

// quantile returns the smallest duration that is not below a share q of them.
func (h histogram) quantile(q float64) time.Duration {
	if len(h) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(h))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// text draws the histogram with buckets whose limits double.
func (h histogram) text(title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: n %d, p50 %s, p99 %s, max %s\n", title, len(h),
		ms(h.quantile(0.5)), ms(h.quantile(0.99)), ms(h.quantile(1)))
	buckets := map[int]int{}
	lowest, highest, most := math.MaxInt, math.MinInt, 0
	for _, d := range h {
		i := int(math.Floor(math.Log2(max(d.Seconds(), 1e-6) * 1000)))
		buckets[i]++
		lowest, highest, most = min(lowest, i), max(highest, i), max(most, buckets[i])
	}
	for i := lowest; i <= highest; i++ {
		bar := (buckets[i]*50 + most - 1) / most
		fmt.Fprintf(&b, "  %8s %7d %s\n", "< "+ms(time.Duration(math.Exp2(float64(i+1))*float64(time.Millisecond))), buckets[i], strings.Repeat("#", bar))
	}
	b.WriteByte('\n')
	return b.String()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.3g ms", d.Seconds()*1000) }

func TestChaosHistogram(t *testing.T) {
	var h histogram
	for i := range 100 {
		h = append(h, time.Duration(100-i)*time.Millisecond)
	}
	if p50, p99 := h.quantile(0.5), h.quantile(0.99); p50 != 50*time.Millisecond || p99 != 99*time.Millisecond {
		t.Errorf("p50 %v, p99 %v of 1 … 100 ms", p50, p99)
	}
	if text := h.text("kill"); !strings.Contains(text, "n 100, p50 50 ms, p99 99 ms, max 100 ms") {
		t.Error(text)
	}
}
