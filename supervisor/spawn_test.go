package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// within fails the test unless pause is right after the nth failure in a row, counted from 1.
func within(t *testing.T, n int, pause time.Duration) {
	t.Helper()
	if n == 1 {
		if pause != 0 {
			t.Errorf("pause of %s after the first failure, want none", pause)
		}
		return
	}
	interval := min(firstPause<<(n-2), maxPause)
	if pause < interval/2 || pause > interval*3/2 {
		t.Errorf("pause of %s after failure %d, want %s ± 50 %%", pause, n, interval)
	}
}

// crashes sends n invocations whose handler crashes, and checks after each one when the next
// worker is spawned. First is the number of the first failure.
func (r *rig) crashes(first, n int) {
	r.t.Helper()
	for i := range n {
		id := fmt.Sprintf("crash at %d", time.Now().UnixMilli())
		before := len(r.spawns())
		r.send(id, 0)
		crashed := r.failed(id, "Runtime.WorkerCrashed").began
		r.after(8 * time.Second)
		spawns := r.spawns()
		if len(spawns) != before+1 {
			r.t.Fatalf("%d spawns after a crash, want 1", len(spawns)-before)
		}
		within(r.t, first+i, spawns[before].Sub(crashed))
	}
}

// crasher echoes the invocations that are called echo, and dies of the others.
func crasher(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
	switch inv.ID {
	case "echo", "echo again":
		return echo(w, inv, event)
	case "error":
		return nil, &protocol.HandlerError{Type: "simpleError", Message: "no"}
	}
	return die(w, inv, event)
}

func TestBackoffAfterCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, crasher).run()
		r.crashes(1, 12)
		r.send("echo", 0)
		r.answered("echo")
		r.crashes(1, 3)
		r.send("error", 0) // of the handler: R has answered
		r.crashes(1, 3)
		r.send("echo again", 0)
		r.crashes(1, 1)
	})
}

// An invocation that R never saw does not end the backoff.
func TestBadHeaderKeepsBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, crasher).run()
		r.crashes(1, 3)
		bad := event("bad", 0)
		bad.ClientContext = "{"
		r.api.events <- bad
		r.after(0)
		r.failed("bad", "Runtime.UnmarshalError")
		r.crashes(4, 2)
	})
}

// Deaths while idle count as crashes: a worker that became ready has not served.
func TestBackoffAfterIdleDeaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).run()
		for n := 1; n <= 6; n++ {
			died := time.Now()
			r.worker(n).die()
			r.after(8 * time.Second)
			r.ready(n + 1)
			within(t, n, r.spawns()[n].Sub(died))
		}
		r.send("id", 0)
		r.answered("id")
		died := time.Now()
		r.worker(7).die()
		r.after(0)
		within(t, 1, r.spawns()[7].Sub(died))
	})
}

// The next worker is spawned after the last one is reaped, because there may be memory for
// one only.
func TestSpawnWaitsForReaping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, crasher)
		r.spawn = func(_ context.Context, _ int, w *fakeWorker) error {
			w.onShutdown = func(ctx context.Context) {
				select {
				case <-time.After(300 * time.Millisecond):
				case <-ctx.Done():
					t.Errorf("Shutdown was given less than 300 ms")
				}
			}
			return nil
		}
		r.run().send("crash", 0)
		r.failed("crash", "Runtime.WorkerCrashed")
		r.after(299 * time.Millisecond).ready(1)
		r.after(time.Millisecond).ready(2)
	})
}

// A crash in one slot never touches another.
func TestCrashStaysInItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
			if inv.ID == "long" {
				return takes(10*time.Minute)(w, inv, event)
			}
			return die(w, inv, event)
		})
		r.Slots = 2
		r.run()
		start := time.Now()
		r.send("long", 0)
		r.crashes(1, 10)
		r.after(10 * time.Minute)
		if took := r.answered("long").began.Sub(start); took != 10*time.Minute {
			t.Errorf("the invocation beside the crashes took %s, want 10m", took)
		}
		quiet := 0
		for n := range 2 {
			w := r.worker(n + 1)
			if _, _, kills, shutdowns := w.history(); len(kills)+shutdowns == 0 && w.ids()[0] == "long" {
				quiet++
			}
		}
		if quiet != 1 {
			t.Errorf("%d of the first workers are untouched, want 1", quiet)
		}
		r.ready(12)
	})
}

// After the init, maxFailedSpawns failed spawns in a row end the runtime.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				return errSpawn
			}
			return nil
		}
		r.run().worker(1).die()
		if err := r.wait(); !errors.Is(err, ErrGaveUp) || !errors.Is(err, errSpawn) {
			t.Errorf("Run: %v, want ErrGaveUp and the reason", err)
		}
		spawns := r.spawns()
		if len(spawns) != 1+maxFailedSpawns {
			t.Fatalf("%d spawns failed, want %d", len(spawns)-1, maxFailedSpawns)
		}
		within(t, 1, spawns[1].Sub(spawns[0]))
		for n := 2; n <= maxFailedSpawns; n++ { // the death was the first failure
			within(t, n, spawns[n].Sub(spawns[n-1]))
		}
		if n := len(r.api.ended("init", "")); n != 0 {
			t.Errorf("%d init errors after the init", n)
		}
	})
}

// An invocation that is held for a worker is reported before the runtime ends.
func TestGiveUpReportsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				return errSpawn
			}
			return nil
		}
		r.run().worker(1).die()
		r.send("held", time.Minute)
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want ErrGaveUp", err)
		}
		r.failed("held", "Runtime.WorkerUnavailable")
	})
}

func TestReadyResetsFailedSpawns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n%maxFailedSpawns != 1 { // one failure less than the limit, then a success
				return errSpawn
			}
			return nil
		}
		r.run()
		for n := 1; n <= 4; n++ {
			r.worker(n).die()
			r.after(time.Minute).running()
			r.ready(n + 1)
		}
	})
}

// A slot keeps trying to spawn a worker for as long as another slot has not given up.
func TestGiveUpNeedsEverySlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		r := newRig(t, echo)
		r.Slots = 2
		r.spawn = func(context.Context, int, *fakeWorker) error {
			if broken.Load() {
				return errSpawn
			}
			return nil
		}
		r.run()

		broken.Store(true)
		r.worker(1).die()
		r.after(10 * time.Minute).running()
		if n := len(r.spawns()); n < 2+5+50 {
			t.Errorf("%d spawns in 10 minutes: the slot does not go on trying", n)
		}
		r.send("beside", 3*time.Second) // either slot's poll may take it
		r.after(10 * time.Second)
		r.send("beside too", 3*time.Second)
		r.after(10 * time.Second)
		reports := len(r.api.ended("response", "")) + len(r.api.ended("error", ""))
		if reports != 2 || len(r.api.ended("response", "")) == 0 {
			t.Errorf("%d reports, %d of them responses; want 2, with one at least", reports, len(r.api.ended("response", "")))
		}

		// The slot recovers. From now on the other slot's failures do not matter.
		broken.Store(false)
		r.after(10 * time.Second).ready(3)
		broken.Store(true)
		r.worker(2).die()
		r.after(10 * time.Minute).running()

		r.worker(3).die()
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want ErrGaveUp once no slot has a worker", err)
		}
	})
}
