package soak

import (
	"fmt"
	"slices"
	"testing"
)

// A sample is what was measured of bootstrap and its workers between two laps, by name.
type sample map[string]float64

// A limit is how much a measure may grow from the first third of the laps to the last.
type limit struct {
	measure, unit string
	slack         float64
}

// limits has no measure of time, because the machine is shared: see latency.
var limits = []limit{
	{"live heap of bootstrap", "MB", 2},
	{"resident memory of bootstrap", "MB", 16},
	{"goroutines", "", 10},
	{"file descriptors of bootstrap", "", 10},
	{"file descriptors of R", "", 2},
	{"files in TMPDIR", "", 10},
	{"processes", "", 0},
	{"zombies", "", 2},
	{"heap of R", "MB", 4},
	{"memory of R", "MB", 24},
	{"connections of R", "", 0},
	{"global objects of R", "", 0},
	{"file descriptors of the template", "", 2},
	{"memory of the template", "MB", 8},
}

// drifts returns what grew by more than its limit. A value counts as grown if the smallest of the
// last third is above the largest of the first, so that no single value makes a difference.
func drifts(samples []sample) (grown []string) {
	third := len(samples) / 3
	for _, l := range limits {
		var values []float64
		for _, s := range samples {
			values = append(values, s[l.measure])
		}
		before, after := slices.Max(values[:third]), slices.Min(values[len(values)-third:])
		if after > before+l.slack {
			grown = append(grown, fmt.Sprintf("%s: %.6g %s, at most %.6g in the first third, and %.6g more are allowed: %.4g",
				l.measure, after, l.unit, before, l.slack, values))
		}
	}
	return grown
}

func TestDrifts(t *testing.T) {
	for name, test := range map[string]struct {
		goroutines []float64
		drifts     bool
	}{
		"constant":         {[]float64{9, 9, 9, 9, 9, 9}, false},
		"noisy":            {[]float64{9, 20, 9, 50, 30, 9}, false},
		"one high at last": {[]float64{9, 9, 9, 9, 9, 99}, false},
		"within the limit": {[]float64{9, 9, 12, 15, 19, 19}, false},
		"grown":            {[]float64{9, 9, 12, 15, 20, 21}, true},
	} {
		var samples []sample
		for _, n := range test.goroutines {
			samples = append(samples, sample{"goroutines": n})
		}
		if got := drifts(samples); (len(got) > 0) != test.drifts {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
