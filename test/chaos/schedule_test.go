package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

var (
	seedFlag   = flag.Uint64("chaos.seed", 1, "seed of the random draws")
	roundsFlag = flag.Int("chaos.rounds", 0, "number of rounds, at least one for each cell")
	cellsFlag  = flag.String("chaos.cells", "", "only these cells: a comma-separated list of faults and of fault/state")
)

// schedule draws the cells of all rounds: first each cell once, in random order, then by weight.
func schedule(rng *rand.Rand, cells []cell, weight func(cell) int, rounds int) []cell {
	draws := make([]cell, 0, max(rounds, len(cells)))
	for _, i := range rng.Perm(len(cells)) {
		draws = append(draws, cells[i])
	}
	var wheel []cell
	for _, c := range cells {
		for range weight(c) {
			wheel = append(wheel, c)
		}
	}
	for len(draws) < rounds {
		draws = append(draws, wheel[rng.IntN(len(wheel))])
	}
	return draws
}

// runSuite runs the rounds of a harness and records their outcomes in rec.
func runSuite(t *testing.T, h harness, rec *record, rounds int) {
	t.Helper()
	cells := rec.cells
	if len(cells) == 0 {
		t.Fatalf("no cell of the %s harness is among %q", rec.harness, *cellsFlag)
	}
	rng := rand.New(rand.NewPCG(rec.seed, 0))
	weight := func(c cell) int { _, w := h.lane(c); return w }
	draws := schedule(rng, cells, weight, rounds)
	t.Logf("%s harness: %d rounds over %d cells, seed %d", rec.harness, len(draws), len(cells), rec.seed)

	type draw struct {
		cell
		nonce string
	}
	queues := map[string]chan draw{}
	for lane := range h.lanes() {
		queues[lane] = make(chan draw, len(draws)) // so that no lane delays another
	}
	for i, c := range draws {
		lane, _ := h.lane(c)
		queues[lane] <- draw{c, fmt.Sprintf("n%d", i)}
	}
	var injectors sync.WaitGroup
	for lane, queue := range queues {
		close(queue)
		for range min(h.lanes()[lane], len(queue)) {
			injectors.Go(func() {
				inj := h.open(lane)
				last := cell{"close", "at rest"}
				for d := range queue {
					rec.add(d.cell, inj.inject(d.cell, d.nonce))
					last = d.cell
				}
				rec.wrong(last, inj.close())
			})
		}
	}
	injectors.Wait()
}

// The scheduler draws each cell, and draws the same cells for the same seed.
func TestChaosSchedule(t *testing.T) {
	cells := cellsFor(fakeR, true, "")
	one := func(cell) int { return 1 }
	a := schedule(rand.New(rand.NewPCG(7, 0)), cells, one, 3*len(cells))
	b := schedule(rand.New(rand.NewPCG(7, 0)), cells, one, 3*len(cells))
	drawn := map[cell]bool{}
	for i, c := range a {
		if c != b[i] {
			t.Fatalf("draw %d is %v, and then %v with the same seed", i, c, b[i])
		}
		if i < len(cells) {
			drawn[c] = true
		}
	}
	if len(drawn) != len(cells) {
		t.Errorf("%d of %d cells were drawn in the first pass", len(drawn), len(cells))
	}
}
