package supervisor

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// startsAt returns when each spawn began, in seconds after start.
func (r *rig) startsAt(start time.Time) []float64 {
	var at []float64
	for _, spawned := range r.spawns() {
		at = append(at, spawned.Sub(start).Seconds())
	}
	return at
}

// The first slot starts its worker alone. When that is ready, the others start theirs, here
// two at a time.
func TestFirstWorkerStartsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots, r.starting = 6, 2
		r.spawn = func(context.Context, int, *fakeWorker) error {
			time.Sleep(time.Second)
			return nil
		}
		start := time.Now()
		r.run().after(time.Second)
		if n := r.api.open(); n != 1 {
			t.Errorf("%d polls when the first worker is ready, want 1", n)
		}
		r.send("first", 0)
		r.answered("first")
		r.after(time.Minute)
		if got, want := r.startsAt(start), []float64{0, 1, 1, 2, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("spawns began after %v s, want %v", got, want)
		}
		if n := r.api.open(); n != 6 {
			t.Errorf("%d polls in the end, want 6", n)
		}
	})
}

// A worker that does not become ready gives its turn to the next slot. A slot that had its
// turn restarts its worker at any time.
func TestTurnIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots, r.starting = 3, 1
		r.spawn = func(ctx context.Context, n int, _ *fakeWorker) error {
			if n == 2 {
				<-ctx.Done() // until InitTimeout, 10 s
				return context.Cause(ctx)
			}
			return nil
		}
		start := time.Now()
		r.run().after(5 * time.Second)
		r.worker(1).die() // while the second hangs
		r.after(time.Minute).running()
		if got, want := r.startsAt(start), []float64{0, 0, 5, 10, 10}; !slices.Equal(got, want) {
			t.Errorf("spawns began after %v s, want %v", got, want)
		}
		r.ready(4)
	})
}

// A shutdown also ends slots that have not begun.
func TestShutdownBeforeATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots, r.starting = 3, 1
		r.spawn = func(ctx context.Context, _ int, _ *fakeWorker) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r.run()
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := len(r.spawns()); n != 1 {
			t.Errorf("%d spawns, want 1", n)
		}
	})
}
