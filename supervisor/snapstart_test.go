package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// All workers are prepared, then /restore/next is asked once, then all are renewed, then polls begin.
func TestSnapStart(t *testing.T) {
	for _, slots := range []int{1, 3} {
		for _, prime := range []string{"", protocol.PrimeStop, protocol.PrimeContinue} {
			t.Run(fmt.Sprintf("%d slots, prime %q", slots, prime), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newSnapRig(t, echo)
					r.Slots, r.prime = slots, prime
					r.enter = func(n int, w *fakeWorker, _ string) error { return w.work(time.Duration(n) * time.Second) }
					before := []string{"snapshot"}
					if prime != "" {
						before = []string{"prime", "snapshot"}
					}
					r.run().after(time.Minute)
					for n := range slots {
						r.phases(n+1, before...)
					}
					r.after(24 * time.Hour).running() // no time limit
					r.asked(0)
					r.neverPolled()

					r.restored()
					r.asked(1)
					for n := range slots {
						r.phases(n+1, append(before, "restore")...)
						r.neverPolled()
						r.after(time.Second)
					}
					if n := r.api.open(); n != slots {
						t.Errorf("%d polls are open, want %d", n, slots)
					}
					r.send("a", 0)
					r.answered("a")
					if err := r.stop(); err != nil {
						t.Error(err)
					}
					r.asked(1)
					r.notReported()
				})
			})
		}
	}
}

// In any other mode no worker goes through a phase.
func TestNoSnapStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.SnapStart, r.prime = false, protocol.PrimeStop
		r.run().send("a", 0)
		r.answered("a")
		r.phases(1)
		r.asked(0)
	})
}

func TestRestoreNextIsRefused(t *testing.T) {
	for _, code := range []int{400, 403, 404, 500, 501} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.run()
			r.answers <- status(code)
			if err := r.wait(); err == nil {
				t.Error("Run returned nil")
			}
			r.asked(1)
			r.reportedOnce("init", "Runtime.BeforeSnapshotError", fmt.Sprint("status ", code))
			r.neverPolled()
			r.phases(1, "snapshot")
		})
	}
}

// Without an answer, nothing shows whether the snapshot was taken.
func TestRestoreNextIsAskedAgain(t *testing.T) {
	for _, err := range []error{errReset, status(408), status(429), status(502), status(503), status(504), status(307)} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.run()
			for range 3 {
				r.answers <- err
				r.after(time.Hour).running()
			}
			r.restored()
			r.asked(4)
			r.send("a", 0)
			r.answered("a")
			r.phases(1, "snapshot", "restore")
			r.notReported()
		})
	}
}

func TestRestoreNextIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.api.onRestoreNext = func(context.Context) error { return errReset }
		if err := r.run().wait(); !errors.Is(err, errReset) {
			t.Errorf("Run: %v, want %v", err, errReset)
		}
		r.asked(maxRestoreRetries + 1)
		r.reportedOnce("init", "Runtime.BeforeSnapshotError", errReset.Error())
		r.neverPolled()
	})
}

// A function that cannot be renewed is reported once, and never takes an invocation.
func TestRestoreFails(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		text string
	}{
		{"hook", errHook, "an on_restore() hook failed: simpleError: no such table"},
		{"death", crash{}, "an on_restore() hook failed: R died"},
		{"violation", &protocol.ProtocolError{Reason: "no frame"}, "an on_restore() hook failed: protocol violation"},
	} {
		for _, slots := range []int{1, 3} {
			for _, every := range []bool{false, true} { // worker fails, or only the second
				t.Run(fmt.Sprintf("%s, %d slots, every %v", test.name, slots, every), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newSnapRig(t, echo)
						r.Slots = slots
						r.enter = func(n int, w *fakeWorker, p string) error {
							if n != min(2, slots) && !every {
								return nil
							}
							return failsIn("restore", test.err)(n, w, p)
						}
						r.api.onRestoreError = func(context.Context) error { // all others fail meanwhile
							time.Sleep(100 * time.Millisecond)
							return nil
						}
						r.run()
						r.answers <- nil
						if err := r.wait(); !errors.Is(err, test.err) {
							t.Errorf("Run: %v, want %v", err, test.err)
						}
						r.reportedOnce("restore error", "Runtime.AfterRestoreError", test.text)
						r.asked(1)
						r.neverPolled()
					})
				})
			}
		}
	}
}

func TestRestoreTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSnapRig(t, echo)
		r.Slots = 2
		r.enter = func(n int, w *fakeWorker, p string) error {
			if n == 2 && p == "restore" {
				<-w.done
			}
			return nil
		}
		r.run().after(time.Hour)
		start := time.Now()
		r.answers <- nil
		err := r.wait()
		if took := time.Since(start); !errors.Is(err, ErrRestoreTimeout) || took != RestoreLimit {
			t.Errorf("Run after %v: %v", took, err)
		}
		call := r.reportedOnce("restore error", "Runtime.AfterRestoreError", "after the restore; Lambda allows 10s; it was in slow() (app.R:7)")
		if len(call.report.Stack) != 1 {
			t.Errorf("the stack is %v", call.report.Stack)
		}
		r.neverPolled()
	})
}

// The answer to a restore error changes nothing.
func TestRestoreErrorIsNotAccepted(t *testing.T) {
	for _, answer := range []error{status(403), status(500), errReset} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.enter = failsIn("restore", errHook)
			r.api.onRestoreError = func(context.Context) error { return answer }
			r.run()
			r.answers <- nil
			if err := r.wait(); !errors.Is(err, errHook) {
				t.Errorf("Run: %v, want %v", err, errHook)
			}
			r.reportedOnce("restore error", "Runtime.AfterRestoreError", "")
			if n := len(r.logs.find(t, "restore error not reported")); n != 1 {
				t.Errorf("logged %d times, want once", n)
			}
			r.neverPolled()
		})
	}
}

// A shutdown during any phase is orderly: R may finish its hook, and then runs its shutdown hooks.
func TestSnapStartShutdown(t *testing.T) {
	for _, phase := range []string{"prime", "snapshot", "waiting", "restore"} {
		for _, took := range []time.Duration{DrainLimit / 2, time.Hour} {
			t.Run(fmt.Sprint(phase, " ", took), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newSnapRig(t, echo)
					r.prime = protocol.PrimeStop
					const before = 5 * time.Second // the shutdown
					r.enter = func(_ int, w *fakeWorker, p string) error {
						if p == phase {
							return w.work(before + took)
						}
						return nil
					}
					if phase == "restore" {
						r.answers <- nil
					}
					r.InitTimeout = time.Hour
					r.run().after(before)
					start := time.Now()
					if err := r.stop(); err != nil {
						t.Error(err)
					}
					if took := time.Since(start); took > DrainLimit {
						t.Errorf("Run took %v to return", took)
					}
					r.notReported()
					r.neverPolled()
					if kills := len(r.worker(1).kills); (kills > 0) != (phase != "waiting" && took == time.Hour) {
						t.Errorf("R was killed %d times", kills)
					}
				})
			})
		}
	}
}

// R's findings are logged as warnings, and what it would draw is passed on.
func TestSnapStartTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finding := protocol.Finding{Kind: "dbi", What: "con, a connection", Fix: "open it in on_restore()"}
		draws := map[string]string{"runif": "0.5"}
		r := newSnapRig(t, echo)
		r.Probe = true
		r.spawn = func(_ context.Context, _ int, w *fakeWorker) error {
			w.prime = protocol.PrimeStop
			w.onEnter = func(_ context.Context, _ *fakeWorker, p protocol.Phase) (protocol.Entered, error) {
				time.Sleep(time.Second)
				switch {
				case p.Type == protocol.TypeSnapshot:
					return protocol.Entered{Findings: []protocol.Finding{finding}}, nil
				case p.Probe:
					return protocol.Entered{Draws: draws}, nil
				}
				return protocol.Entered{}, nil
			}
			return nil
		}
		r.run().after(2 * time.Second)
		r.reports("prepared Ready 0s", "prepared Fragile", "prepared Prepared")
		r.restored()
		r.after(time.Second)
		r.reports("prepared Prepared", "ready Restored", "ready Polling")
		for _, tr := range r.transitions(0) {
			switch tr := tr.(type) {
			case Fragile:
				if tr.Finding != finding || tr.PID != 100 {
					t.Errorf("got %+v", tr)
				}
			case Prepared:
				if !tr.Primed || tr.Took != 2*time.Second {
					t.Errorf("got %+v", tr)
				}
			case Restored:
				if tr.Draws["runif"] != "0.5" || tr.Took != time.Second {
					t.Errorf("got %+v", tr)
				}
			}
		}
		if n := len(r.logs.find(t, "a restore breaks or repeats what the init made")); n != 1 {
			t.Errorf("logged %d findings, want 1", n)
		}
	})
}
