package chaos

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/proc"
)

var largeCell = cell{"loop that ignores SIGINT", handler}

// An R that holds gigabytes and ignores the interrupt is reported before its deadline, as a small
// one is, and the next invocation works. The kernel needs 60 to 90 ms to free each GB of a killed
// R. The report must come before that is done, which also holds on a busy machine.
func TestChaosLargeR(t *testing.T) {
	bin := buildReal(t)
	sizes, rounds, margin := []int{2}, 1, realMargin
	if *realRoundsFlag > 0 { // the margin of short timeouts, and at most a third of 24 GB
		sizes, rounds, margin = []int{1, 2, 4, 8}, 5, 250*time.Millisecond
	}
	rec := newRecord("large R", *seedFlag, []cell{largeCell})
	for _, gb := range sizes {
		t.Run(fmt.Sprintf("%d GB", gb), func(t *testing.T) {
			h := &realHarness{t: t, rec: rec, bin: bin, fork: "never"}
			a := h.start(1, "LAMBDA_R_DEADLINE_MARGIN="+margin.String(), "LAMBDA_R_INIT_TIMEOUT=2m", fmt.Sprintf("CHAOS_GB=%d", gb))
			for i := range rounds {
				a.outgrow(t, gb, fmt.Sprintf("large%d-%d", gb, i))
			}
			if err := a.program.Stop(syscall.SIGTERM, patience); err != nil {
				t.Error(err)
			}
		})
	}
	rec.report(t)
}

// outgrow lets an R of so many GB run into its deadline, and records how long before the deadline
// the report was accepted.
func (a *realArena) outgrow(t *testing.T, gb int, nonce string) {
	t.Helper()
	worker := a.workers()
	if len(worker) != 1 {
		t.Fatalf("R processes %v are alive, want one", worker)
	}
	if rss := proc.RSS(worker[0]); rss < int64(gb)<<30 {
		t.Fatalf("R has %d MB, want at least %d GB", rss>>20, gb)
	}
	dead := true
	a.Update(func() { a.onReport = func() { dead = !proc.Alive(worker[0]) } })
	gets := a.expectFault(nonce, largeCell)
	a.Update(func() { a.onReport = nil })
	if dead {
		t.Errorf("R of %d GB was reported only after its death", gb)
	}
	a.Lock()
	trip := a.trips[a.handed]
	a.Unlock()
	left := trip.handed.Add(realTimeout).Sub(trip.reports[0].ended)
	a.h.rec.took(fmt.Sprintf("report of a killed R of %d GB → deadline", gb), left)
	a.expect("after-"+nonce, cell{}, "")
	a.atRest()
	a.h.rec.add(largeCell, result{gets: gets, violations: a.settle()})
}
