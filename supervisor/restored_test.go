package supervisor

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// A worker that dies while the supervisor waits for the restore is replaced at once. The wait goes
// on.
func TestDeathWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots, r.prime = 2, protocol.PrimeStop
		r.run().after(time.Hour)
		r.worker(1).die()
		r.after(0)
		r.ready(3)
		r.phases(3, "prime", "snapshot")
		r.asked(0)
		r.worker(3).die() // and the one after it, with the usual pause
		r.after(time.Second)
		r.ready(4)
		r.restored()
		r.phases(2, "prime", "snapshot", "restore")
		r.phases(4, "prime", "snapshot", "restore")
		r.asked(1)
		if n := r.api.open(); n != 2 {
			t.Errorf("%d polls are open, want 2", n)
		}
		r.notReported()
	})
}

// A worker that dies before all are prepared delays /restore/next until it is replaced.
func TestDeathBeforeAllArePrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 2
		var asked atomic.Bool
		r.api.onRestoreNext = func(context.Context) error {
			asked.Store(true)
			return nil
		}
		r.enter = func(n int, w *fakeWorker, _ string) error {
			if n > 1 {
				return w.work(time.Duration(n) * time.Second)
			}
			return nil
		}
		r.run().worker(1).die()
		r.after(2 * time.Second) // the second is prepared, the third is not
		r.ready(3)
		if asked.Load() {
			t.Error("/restore/next was asked before all were prepared")
		}
		r.after(time.Second)
		if !asked.Load() {
			t.Error("/restore/next was not asked")
		}
		r.after(3 * time.Second)
		r.send("a", 0)
		r.answered("a")
	})
}

// A replacement that cannot be prepared fails the init, and so does one that cannot be started.
func TestReplacementFailsWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 2
		r.enter = func(n int, w *fakeWorker, p string) error {
			if n < 3 {
				return nil
			}
			return failsIn("snapshot", errHook)(n, w, p)
		}
		r.run().worker(1).die()
		if err := r.wait(); !errors.Is(err, errHook) {
			t.Errorf("Run: %v, want %v", err, errHook)
		}
		r.reportedOnce("init", "Runtime.BeforeSnapshotError", "no such table")
	})
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 2
		r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
			if n > 2 {
				return errSpawn
			}
			r.equip(n, w)
			return nil
		}
		r.run().worker(1).die()
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want %v", err, ErrGaveUp)
		}
		r.reportedOnce("init", "Runtime.WorkerCrashed", errSpawn.Error())
		if n := len(r.spawns()); n != 2+maxFailedSpawns {
			t.Errorf("%d spawns, want %d", n, 2+maxFailedSpawns)
		}
	})
}

// notSeenDead makes the supervisor find w dead when it uses it, and not before.
func notSeenDead(w *fakeWorker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
}

// A worker that is found dead at the restore is replaced by one that runs both kinds of hooks. That
// neither fails nor delays the others.
func TestDeadAtTheRestore(t *testing.T) {
	for _, slots := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.Slots, r.prime = slots, protocol.PrimeStop
			r.enter = func(n int, w *fakeWorker, _ string) error {
				if n > slots {
					return w.work(2 * time.Second)
				}
				return nil
			}
			r.run().after(time.Hour)
			notSeenDead(r.worker(1))
			r.restored()
			if n := r.api.open(); n != slots-1 {
				t.Errorf("%d polls are open, want %d", n, slots-1)
			}
			r.after(4 * time.Second)
			if n := r.api.open(); n != slots {
				t.Errorf("%d polls are open, want %d", n, slots)
			}
			r.phases(slots+1, "snapshot", "restore")
			r.send("a", 0)
			r.answered("a")
			r.asked(1)
			r.notReported()
		})
	}
}

// If its successor is not ready when Lambda's limit is near, the slot polls and holds the event. If
// another slot polls, it does not.
func TestDeadAtTheRestoreAndSlow(t *testing.T) {
	for _, slots := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.Slots, r.InitTimeout = slots, time.Minute
			r.enter = func(n int, w *fakeWorker, _ string) error {
				if n > slots {
					return w.work(10 * time.Second)
				}
				return nil
			}
			r.run()
			notSeenDead(r.worker(1))
			r.restored()
			r.after(RestoreLimit - time.Millisecond)
			if n := r.api.open(); n != slots-1 {
				t.Errorf("%d polls are open, want %d", n, slots-1)
			}
			r.after(time.Millisecond)
			if n := r.api.open(); n != 1 {
				t.Errorf("%d polls are open, want 1", n)
			}
			if slots > 1 {
				return
			}
			r.send("held", time.Minute)
			r.after(11 * time.Second)
			r.answered("held")
			r.notReported()
		})
	}
}

// The slot does not poll while another one's hooks run, not even at the limit, when they fail.
func TestDeadAtTheRestoreAndTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 2
		r.enter = func(n int, w *fakeWorker, p string) error {
			if n > 2 || p == "restore" {
				return w.work(time.Hour)
			}
			return nil
		}
		r.run()
		notSeenDead(r.worker(1))
		r.answers <- nil
		if err := r.wait(); !errors.Is(err, ErrRestoreTimeout) {
			t.Errorf("Run: %v, want %v", err, ErrRestoreTimeout)
		}
		r.reportedOnce("restore error", "Runtime.AfterRestoreError", "")
		r.neverPolled()
	})
}

// A worker that is being started at the restore is killed, because it has half of an init from
// before, and so is one that is being prepared. Another one is started without a pause.
func TestRestoredInTheMiddleOfASpawn(t *testing.T) {
	for _, loading := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.Slots = 2
			var cause error
			r.spawn = func(ctx context.Context, n int, w *fakeWorker) error {
				r.equip(n, w)
				if loading && n == 3 {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return cause
				}
				return nil
			}
			r.enter = func(n int, w *fakeWorker, _ string) error {
				if n == 3 {
					<-w.done
				}
				return nil
			}
			r.run().worker(1).die()
			r.after(time.Second)
			r.restored()
			last := 4
			if loading {
				last = 3 // of those that became ready
				if !errors.Is(cause, errRestored) {
					t.Errorf("the spawn was ended by %v", cause)
				}
			}
			r.phases(2, "snapshot", "restore")
			r.phases(last, "snapshot", "restore")
			if n := len(r.spawns()); n != 4 {
				t.Errorf("%d spawns, want 4", n)
			}
			if n := r.api.open(); n != 2 {
				t.Errorf("%d polls are open, want 2", n)
			}
			r.asked(1)
			r.notReported()
		})
	}
}

// A pause that began before the snapshot does not go on after it.
func TestRestoredDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.run()
		for n := range 4 {
			r.worker(n + 1).die()
			if n < 3 {
				r.after(10 * time.Second)
			} else {
				r.after(0)
			}
		}
		r.ready(4)
		r.restored()
		r.ready(5)
		r.phases(5, "snapshot", "restore")
		r.send("a", 0)
		r.answered("a")
	})
}

// A worker that is spawned later runs both kinds of hooks before it serves. If one fails, the spawn
// has failed.
func TestSpawnAfterTheRestore(t *testing.T) {
	for _, phase := range []string{"", "snapshot", "restore"} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, die)
			r.prime = protocol.PrimeStop
			r.enter = func(n int, w *fakeWorker, p string) error {
				if n != 2 {
					return nil
				}
				return failsIn(phase, errHook)(n, w, p)
			}
			r.run().restored()
			r.send("a", 0)
			r.failed("a", "Runtime.WorkerCrashed")
			r.after(time.Second)
			last := 2
			if phase != "" {
				last = 3
				if n := len(r.logs.find(t, "worker did not become ready")); n != 1 {
					t.Errorf("logged %d times, want once", n)
				}
			}
			r.phases(last, "snapshot", "restore")
			r.running()
			r.asked(1)
			r.notReported()
		})
	}
}

// A slot that gives up before the first poll reports that as the restore error.
func TestGivingUpAfterTheRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.enter = func(n int, w *fakeWorker, p string) error {
			if n == 1 {
				return nil
			}
			return failsIn("restore", errHook)(n, w, p)
		}
		r.run()
		notSeenDead(r.worker(1))
		r.answers <- nil
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want %v", err, ErrGaveUp)
		}
		r.reportedOnce("restore error", "Runtime.AfterRestoreError", "no such table")
		r.neverPolled()
	})
	synctest.Test(t, func(t *testing.T) { // after the first poll, Lambda would refuse it
		r := newSnapRig(t, echo)
		r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
			if n > 1 {
				return errSpawn
			}
			r.equip(n, w)
			return nil
		}
		r.run().restored()
		r.worker(1).die()
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want %v", err, ErrGaveUp)
		}
		r.notReported()
	})
}

// The order of all calls of the Runtime API.
func TestSnapStartOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 3
		r.run().restored()
		r.send("a", 0)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		calls := slices.Clone(r.api.calls)
		slices.SortStableFunc(calls, func(a, b apiCall) int { return a.began.Compare(b.began) })
		if calls[0].op != "restore" {
			t.Errorf("the first call is %s", calls[0].op)
		}
		for _, c := range calls[1:] {
			if c.op != "next" && c.op != "response" {
				t.Errorf("%s was called", c.op)
			}
			if c.began.Before(calls[0].ended) {
				t.Errorf("%s was called before the restore", c.op)
			}
		}
	})
}
