package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A violation is a broken invariant.
type violation struct {
	invariant string
	detail    string
}

func (v violation) String() string { return fmt.Sprintf("broken: %s: %s", v.invariant, v.detail) }

// A tally counts the outcomes of a cell's rounds.
type tally struct {
	injected, skipped, violations int
	gets                          map[string]int
	reason                        string // why the last one was skipped
}

// A record holds the outcomes of all rounds of a harness.
type record struct {
	harness string
	seed    uint64
	began   time.Time

	mu     sync.Mutex
	cells  []cell
	counts map[cell]*tally
	broken []string // the first violations, with their cells
	bad    int      // rounds that broke an invariant
	times  map[string]histogram
}

func newRecord(harness string, seed uint64, cells []cell) *record {
	r := &record{harness: harness, seed: seed, began: time.Now(), cells: cells, counts: map[cell]*tally{}, times: map[string]histogram{}}
	for _, c := range cells {
		r.counts[c] = &tally{gets: map[string]int{}}
	}
	return r
}

// add records a round.
func (r *record) add(c cell, res result) {
	r.mu.Lock()
	t := r.counts[c]
	if res.skipped != "" {
		t.skipped++
		t.reason = res.skipped
	} else {
		t.injected++
		t.gets[res.gets]++
	}
	r.mu.Unlock()
	r.wrong(c, res.violations)
}

// wrong records violations in, or after, a round of c.
func (r *record) wrong(c cell, violations []violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(violations) == 0 {
		return
	}
	r.bad++
	if t := r.counts[c]; t != nil {
		t.violations += len(violations)
	}
	for _, v := range violations {
		if len(r.broken) < 40 { // more would not help
			r.broken = append(r.broken, fmt.Sprintf("%v: %v", c, v))
		}
	}
}

// took records a duration.
func (r *record) took(what string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[what] = append(r.times[what], d)
}

// report prints the table, the histograms and the totals. It fails t if an invariant was broken or
// a cell never fired.
func (r *record) report(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	width := 0
	for _, c := range r.cells {
		width = max(width, len(c.String()))
	}
	fmt.Fprintf(&b, "\n%-*s %9s %8s %11s  %s\n", width, "cell", "injected", "skipped", "violations", "the caller gets")
	var sum tally
	for _, c := range r.cells {
		n := r.counts[c]
		fmt.Fprintf(&b, "%-*s %9d %8d %11d  %s\n", width, c, n.injected, n.skipped, n.violations, n.got())
		sum.injected += n.injected
		sum.skipped += n.skipped
		sum.violations += n.violations
		if n.injected == 0 {
			t.Errorf("%v never fired; it was skipped %d times: %s", c, n.skipped, n.reason)
		}
	}
	fmt.Fprintf(&b, "%-*s %9d %8d %11d\n\n", width, "all", sum.injected, sum.skipped, sum.violations)
	for _, what := range slices.Sorted(maps.Keys(r.times)) {
		b.WriteString(r.times[what].text(what))
	}
	elapsed := time.Since(r.began)
	fmt.Fprintf(&b, "%s harness, seed %d: %d rounds in %.1f s, %.0f per second\n", r.harness, r.seed,
		sum.injected, elapsed.Seconds(), float64(sum.injected)/elapsed.Seconds())
	if sum.injected > 0 {
		if r.bad == 0 {
			// The rule of three: with none seen in N, the rate is below 3/N at 95 %.
			fmt.Fprintf(&b, "0 of %d rounds broke an invariant: at most 3/%d = %.2g (95 %%)\n",
				sum.injected, sum.injected, 3/float64(sum.injected))
		} else {
			fmt.Fprintf(&b, "%d of %d rounds broke an invariant\n", r.bad, sum.injected)
		}
	}
	t.Log(b.String())
	for _, v := range r.broken {
		t.Error(v)
	}
	if r.bad > 0 {
		t.Errorf("%d rounds broke an invariant; see them again with -chaos.seed=%d", r.bad, r.seed)
	}
}

// got lists what callers got, the most frequent first.
func (n *tally) got() string {
	kinds := slices.SortedFunc(maps.Keys(n.gets), func(a, b string) int { return n.gets[b] - n.gets[a] })
	var texts []string
	for _, k := range kinds {
		count := n.gets[k]
		if k == "" {
			k = "its answer"
		}
		if len(kinds) == 1 {
			return k
		}
		texts = append(texts, fmt.Sprintf("%s ×%d", k, count))
	}
	return strings.Join(texts, ", ")
}
