package supervisor

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// respawnIn returns a spawn that takes d, except for the first one.
func respawnIn(d time.Duration) func(context.Context, int, *fakeWorker) error {
	return func(ctx context.Context, n int, _ *fakeWorker) error {
		if n == 1 {
			return nil
		}
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A worker that dies idle is replaced, and its slot's poll stays open.
func TestIdleDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).run()
		r.after(time.Hour)
		r.worker(1).die()
		r.after(time.Minute)
		r.ready(2)
		if open, ended := r.api.open(), r.api.ended("next", ""); open != 1 || len(ended) != 0 {
			t.Errorf("%d polls open, ended %+v; want the first one, still", open, ended)
		}
		if n := len(r.logs.find(t, "worker died idle")); n != 1 {
			t.Errorf("the death is logged %d times, want once", n)
		}
		r.send("id", 3*time.Second)
		r.answered("id")
		if ids := r.worker(2).ids(); !slices.Equal(ids, []string{"id"}) {
			t.Errorf("the new worker was given %v", ids)
		}
	})
}

// An event that arrives while there is no worker waits for the next one.
func TestEventIsHeld(t *testing.T) {
	for _, timeout := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, echo)
			r.spawn = respawnIn(time.Second)
			r.run().worker(1).die()
			r.after(300 * time.Millisecond)
			received := time.Now()
			r.send("id", timeout)
			r.after(time.Minute)
			if waited := r.answered("id").began.Sub(received); waited != 700*time.Millisecond {
				t.Errorf("answered after %s, want 700ms", waited)
			}
			if ids := r.worker(2).ids(); !slices.Equal(ids, []string{"id"}) {
				t.Errorf("the new worker was given %v", ids)
			}
		})
	}
}

// An event waits until its deadline is near, and no longer.
func TestEventIsHeldTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(9 * time.Second)
		r.run().worker(1).die()
		r.after(time.Second)
		inv := r.send("id", 3*time.Second)
		r.after(3 * time.Second)
		c := r.failed("id", "Runtime.WorkerUnavailable")
		if got := inv.Deadline.Sub(c.began); got != r.Margin || c.report.Message != errNoWorker.Error() {
			t.Errorf("reported %s before the deadline: %q", got, c.report.Message)
		}
		if r.api.open() != 0 {
			t.Error("the slot polls without a worker")
		}
		r.after(5 * time.Second)
		r.ready(2)
		if ids := r.worker(2).ids(); len(ids) != 0 {
			t.Errorf("the new worker was given %v, which was reported before", ids)
		}
		r.send("next", 3*time.Second)
		r.answered("next")
	})
}

// Status 500 to the report of an invocation that R never saw obliges the runtime to exit, too.
func TestExpiredReportFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(9 * time.Second)
		r.answering("id", func(context.Context) error { return status(500) })
		r.run().worker(1).die()
		r.send("id", 3*time.Second)
		err := r.wait()
		if got, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || got.Status != 500 {
			t.Errorf("Run: %v, want the status 500", err)
		}
	})
}

// A slot does not poll if its worker died while the last report was in flight.
func TestNoPollForDeadWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(2 * time.Second)
		r.api.onRespond = func(context.Context, *runtimeapi.Invocation) error {
			time.Sleep(time.Second)
			return nil
		}
		r.run().send("id", 3*time.Second)
		r.worker(1).die()
		r.after(time.Second)
		r.answered("id")
		if n := r.api.open(); n != 0 {
			t.Errorf("%d polls open while the only worker is dead", n)
		}
		r.after(2 * time.Second)
		r.ready(2)
		if n := r.api.open(); n != 1 {
			t.Errorf("%d polls open with the new worker, want 1", n)
		}
	})
}
