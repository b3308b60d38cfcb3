package main

import "testing"

// Workers of the same age are not recycled together, and none outlives the settings.
func TestRecyclersDiffer(t *testing.T) {
	s := settings{maxInvocations: 1000, maxRSS: 500 << 20}
	invocations, sizes := map[int]bool{}, map[int64]bool{}
	for range 100 {
		r := newRecycler(s)
		if r.maxInvocations < 800 || r.maxInvocations > 1000 || r.maxRSS < 400<<20 || r.maxRSS > 500<<20 {
			t.Fatalf("limits %+v are not a little below those of the settings", r)
		}
		invocations[r.maxInvocations] = true
		sizes[r.maxRSS] = true
	}
	if len(invocations) < 20 || len(sizes) < 20 {
		t.Errorf("100 workers have %d and %d different limits", len(invocations), len(sizes))
	}
	if r := newRecycler(settings{maxInvocations: 1}); r.maxInvocations != 1 {
		t.Errorf("a limit of 1 became %d", r.maxInvocations)
	}
	if r := newRecycler(settings{}); r.due(nil, 1<<30) {
		t.Error("without a limit a worker is recycled")
	}
}
