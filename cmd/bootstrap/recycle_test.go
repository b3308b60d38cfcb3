package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// Workers of the same age are not recycled together, and none outlives the settings.
func TestRecyclersDiffer(t *testing.T) {
	s := settings{maxInvocations: 1000, maxRSS: 500 << 20}
	invocations, sizes := map[int]bool{}, map[int64]bool{}
	for range 100 {
		r := newRecycler(s, 100<<20)
		if r.maxInvocations < 800 || r.maxInvocations > 1000 || r.maxRSS < 400<<20 || r.maxRSS > 500<<20 {
			t.Fatalf("limits %+v are not a little below those of the settings", r)
		}
		invocations[r.maxInvocations] = true
		sizes[r.maxRSS] = true
	}
	if len(invocations) < 20 || len(sizes) < 20 {
		t.Errorf("100 workers have %d and %d different limits", len(invocations), len(sizes))
	}
	if r := newRecycler(settings{maxInvocations: 1}, 0); r.maxInvocations != 1 {
		t.Errorf("a limit of 1 became %d", r.maxInvocations)
	}
	if r := newRecycler(settings{}, 1<<20); r.due(1<<40, 1<<30) {
		t.Error("without a limit a worker is recycled")
	}
}

// A worker that is near its limit from the start has the whole of it, and one that is over it
// has none.
func TestRecyclerOfALargeWorker(t *testing.T) {
	s := settings{maxRSS: 100 << 20}
	for range 20 {
		if r := newRecycler(s, 99<<20); r.due(99<<20, 1) || !r.due(100<<20, 1) {
			t.Fatalf("a worker of 99 MB has the limits %+v", r)
		}
		if r := newRecycler(s, 100<<20); r.due(1<<40, 1) {
			t.Fatalf("a worker of 100 MB has the limits %+v", r)
		}
	}
}

func TestSizeWatch(t *testing.T) {
	const mb = 1 << 20
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	warnings := func() int { return strings.Count(text.String(), "level=WARN") }

	var w sizeWatch
	w.ready(log, 50*mb, 0)
	w.ready(log, 50*mb, 51*mb)
	for range 10 { // some workers live on after their first invocation
		w.recycled(log, 60*mb, 51*mb, 1)
		w.recycled(log, 60*mb, 51*mb, 2)
	}
	if text.Len() > 0 {
		t.Errorf("it warns of limits that work: %s", &text)
	}
	for range 5 {
		w.recycled(log, 60*mb, 51*mb, 1)
	}
	if warnings() != 1 || !strings.Contains(text.String(), "used_mb=60 limit_mb=51") {
		t.Errorf("after five workers that served one invocation each: %s", &text)
	}

	text.Reset()
	w = sizeWatch{}
	for range 5 {
		w.ready(log, 50*mb, 40*mb)
	}
	if warnings() != 1 || !strings.Contains(text.String(), "used_mb=50 limit_mb=40") {
		t.Errorf("after five workers over the limit: %s", &text)
	}
}
