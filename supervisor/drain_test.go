package supervisor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// stopsIn fails the test unless a shutdown makes Run return nil after want.
func (r *rig) stopsIn(want time.Duration) {
	r.t.Helper()
	start := time.Now()
	if err := r.stop(); err != nil {
		r.t.Errorf("Run: %v, want nil", err)
	}
	if took := time.Since(start); took != want {
		r.t.Errorf("Run returned %s after the shutdown, want %s", took, want)
	}
}

func TestShutdownWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots = 3
		r.run().stopsIn(0)
		r.ready(3)
		for n := range 3 {
			if _, interrupts, kills, shutdowns := r.worker(n + 1).history(); shutdowns != 1 || len(interrupts)+len(kills) != 0 {
				t.Errorf("%d shutdowns, interrupts %v, kills %v; want one shutdown only", shutdowns, interrupts, kills)
			}
		}
		polls := r.api.ended("next", "")
		if len(polls) != 3 {
			t.Errorf("%d polls ended, want 3", len(polls))
		}
		for _, c := range polls {
			if !errors.Is(c.err, context.Canceled) {
				t.Errorf("poll ended with %v, want to be cancelled", c.err)
			}
		}
	})
}

// An idle R that does not exit gets as much time as an invocation.
func TestShutdownOfStubbornWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots = 2
		r.spawn = func(_ context.Context, _ int, w *fakeWorker) error {
			w.onShutdown = func(ctx context.Context) { <-ctx.Done() }
			return nil
		}
		r.run().stopsIn(400 * time.Millisecond)
	})
}

// A running invocation may finish, and its report is not cancelled.
func TestShutdownWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(300*time.Millisecond))
		r.api.onRespond = func(ctx context.Context, _ *runtimeapi.Invocation) error {
			time.Sleep(200 * time.Millisecond)
			return ctx.Err()
		}
		r.run().send("id", 3*time.Second)
		r.stopsIn(500 * time.Millisecond)
		r.answered("id")
		r.ready(1)
		if _, _, kills, _ := r.worker(1).history(); len(kills) != 0 {
			t.Errorf("killed at %v, though it had answered", kills)
		}
	})
}

func TestShutdownWhileReporting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onRespond = func(ctx context.Context, _ *runtimeapi.Invocation) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}
		r.run().send("id", 3*time.Second)
		r.stopsIn(time.Second)
		r.answered("id")
	})
}

func TestShutdownWhileBusyTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hang)
		r.run().send("id", time.Minute)
		r.stopsIn(400 * time.Millisecond)
		c := r.failed("id", "Runtime.WorkerCrashed")
		if c.report.Message != (crash{}).Error() {
			t.Errorf("reported %q", c.report.Message)
		}
		if n := len(r.spawns()); n != 1 {
			t.Errorf("%d spawns, want no other one", n)
		}
	})
}

// A deadline during the shutdown is kept.
func TestShutdownNearDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hang)
		r.run().send("id", 400*time.Millisecond)
		r.stopsIn(300 * time.Millisecond)
		r.failed("id", "Runtime.InvocationTimeout")
	})
}

// crossing returns a Next whose event arrives as the poll is cancelled.
func crossing(id string) func(context.Context) (*runtimeapi.Invocation, error) {
	return func(ctx context.Context) (*runtimeapi.Invocation, error) {
		<-ctx.Done()
		return event(id, 3*time.Second), nil
	}
}

// An event that arrives as its poll is cancelled was taken, so it is reported.
func TestShutdownCrossesEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = crossing("id")
		r.run().stopsIn(0)
		c := r.failed("id", "Runtime.WorkerUnavailable")
		if !strings.Contains(c.report.Message, "shut down") {
			t.Errorf("reported %q", c.report.Message)
		}
		if ids := r.worker(1).ids(); len(ids) != 0 {
			t.Errorf("R was given %v during the shutdown", ids)
		}
	})
}

// An event that waits for a worker is reported, too.
func TestShutdownWhileHolding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(time.Minute)
		r.run().worker(1).die()
		r.send("id", time.Minute)
		r.stopsIn(0)
		c := r.failed("id", "Runtime.WorkerUnavailable")
		if !strings.Contains(c.report.Message, "shut down") {
			t.Errorf("reported %q", c.report.Message)
		}
	})
}

func TestShutdownWhileSpawning(t *testing.T) {
	for _, test := range []struct {
		name  string
		spawn func(ctx context.Context, n int, w *fakeWorker) error
		want  time.Duration
		ready int
	}{
		{"spawn is cancelled", func(ctx context.Context, _ int, _ *fakeWorker) error { <-ctx.Done(); return ctx.Err() }, 0, 0},
		{"spawn succeeds nevertheless", func(context.Context, int, *fakeWorker) error { time.Sleep(time.Second); return nil }, time.Second, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, echo)
				r.spawn = test.spawn
				r.run().stopsIn(test.want)
				r.ready(test.ready) // and shut down, as the invariants check
				r.neverPolled()
				if n := len(r.api.ended("init", "")); n != 0 {
					t.Errorf("%d init errors, want none: nothing failed", n)
				}
			})
		})
	}
}

func TestShutdownWhileBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, die).run()
		r.crashes(1, 8)
		r.send("last", 0) // the next spawn is seconds away
		r.stopsIn(0)
		r.ready(9)
	})
}

func TestShutdownBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		s, err := New(r.Config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
		if n := len(r.spawns()); n != 0 {
			t.Errorf("%d spawns, want none", n)
		}
	})
}

// A shutdown is not an error, even if the slot's poll returns first.
func TestShutdownEndsPollFirst(t *testing.T) {
	for range 50 { // select chooses at random
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, echo)
			r.spawn = func(_ context.Context, _ int, w *fakeWorker) error {
				w.onDone = func() { // the slot has begun its poll, and is about to wait
					r.cancel()
					time.Sleep(time.Second) // the poll has ended
				}
				return nil
			}
			r.run()
			if err := r.wait(); err != nil {
				t.Errorf("Run: %v, want nil", err)
			}
		})
	}
}

// One slot's fatal error ends all slots, and each reports its invocation.
func TestFatalErrorEndsAllSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
			switch inv.ID {
			case "quick":
				return takes(300*time.Millisecond)(w, inv, event)
			case "slow":
				return hang(w, inv, event)
			}
			return echo(w, inv, event)
		})
		r.Slots = 4 // one stays idle
		r.answering("fatal", func(context.Context) error { return status(500) })
		r.run()
		r.send("quick", time.Minute)
		r.send("slow", time.Minute)
		start := time.Now()
		r.send("fatal", time.Minute)
		err := r.wait()
		if got, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || got.Status != 500 {
			t.Errorf("Run: %v, want the status 500", err)
		}
		if took := time.Since(start); took != 400*time.Millisecond {
			t.Errorf("Run returned after %s, want 400ms", took)
		}
		r.answered("quick")
		r.failed("slow", "Runtime.WorkerCrashed")
		r.ready(4)
	})
}
