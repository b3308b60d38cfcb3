package main

import "testing"

// A pool that was born together is not recycled together, and no worker lives beyond
// what the setting says.
func TestRecyclersDiffer(t *testing.T) {
	c := config{maxInvocations: 1000, maxRSS: 500 << 20}
	invocations, sizes := map[int]bool{}, map[int64]bool{}
	for range 100 {
		r := newRecycler(c)
		if r.maxInvocations < 800 || r.maxInvocations > 1000 || r.maxRSS < 400<<20 || r.maxRSS > 500<<20 {
			t.Fatalf("limits %+v are not a little below those of %+v", r, c)
		}
		invocations[r.maxInvocations] = true
		sizes[r.maxRSS] = true
	}
	if len(invocations) < 20 || len(sizes) < 20 {
		t.Errorf("100 workers have %d and %d different limits", len(invocations), len(sizes))
	}
	if r := newRecycler(config{maxInvocations: 1}); r.maxInvocations != 1 {
		t.Errorf("a limit of 1 became %d", r.maxInvocations)
	}
	if r := newRecycler(config{}); r.due(nil, 1<<30) {
		t.Error("without a limit a worker is recycled")
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"400MB": 400 << 20, "1GB": 1 << 30, "400 mb": 400 << 20,
		"": 0, "400": 0, "MB": 0, "-1MB": 0, "0MB": 0, "1.5GB": 0, "99999999999GB": 0, "400MiB": 0,
	} {
		if got, ok := parseSize(text); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, ok, want)
		}
	}
}
