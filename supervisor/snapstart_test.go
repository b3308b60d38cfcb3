package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// A snapRig is a rig with SnapStart, whose /restore/next waits for an answer.
type snapRig struct {
	*rig
	answers chan error
	prime   string                                     // of each worker, see protocol.Ready
	enter   func(n int, w *fakeWorker, p string) error // the phase p of the nth worker that was spawned; may be nil
}

func newSnapRig(t *testing.T, h handler) *snapRig {
	r := &snapRig{rig: newRig(t, h), answers: make(chan error, 100)}
	r.SnapStart = true
	r.api.onRestoreNext = func(ctx context.Context) error {
		select {
		case err := <-r.answers:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
		r.equip(n, w)
		return nil
	}
	return r
}

// run is that of the rig.
func (r *snapRig) run() *snapRig {
	r.t.Helper()
	r.rig.run()
	return r
}

// equip makes w, the nth worker, what the rig's fields say.
func (r *snapRig) equip(n int, w *fakeWorker) {
	w.prime = r.prime
	w.onEnter = func(ctx context.Context, w *fakeWorker, p protocol.Phase) (protocol.Entered, error) {
		if r.enter == nil {
			return protocol.Entered{}, nil
		}
		failed := make(chan error, 1)
		go func() { failed <- r.enter(n, w, p.Type) }() // ends soon, in fake time
		select {
		case err := <-failed:
			return protocol.Entered{}, err
		case <-ctx.Done(): // as *worker.Worker does
			w.Kill("its time was over")
			return protocol.Entered{}, &protocol.StoppedError{
				Err: context.Cause(ctx), Stack: []protocol.StackFrame{{Call: "slow()", File: "app.R", Line: 7}},
			}
		case <-w.done:
			return protocol.Entered{}, crash{}
		}
	}
}

// work makes w work for d, if it lives so long.
func (w *fakeWorker) work(d time.Duration) error {
	select {
	case <-time.After(d):
	case <-w.done:
	}
	return nil
}

// restored answers /restore/next, and waits until everything is done that needs no time.
func (r *snapRig) restored() {
	r.answers <- nil
	synctest.Wait()
}

// phases fails the test unless the nth worker went through these.
func (r *snapRig) phases(n int, want ...string) {
	r.t.Helper()
	w := r.worker(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.entered, want) {
		r.t.Errorf("worker %d went through %q, want %q", n, w.entered, want)
	}
}

// asked fails the test unless /restore/next was answered n times, or its connection broke.
func (r *snapRig) asked(n int) {
	r.t.Helper()
	if got := len(r.api.ended("restore", "")); got != n {
		r.t.Errorf("%d calls of /restore/next ended, want %d", got, n)
	}
}

// reportedOnce fails the test unless there was one report by op, and no other, with this error type
// and a message that contains text.
func (r *snapRig) reportedOnce(op, errorType, text string) apiCall {
	r.t.Helper()
	reports := append(r.api.ended("init", ""), r.api.ended("restore error", "")...)
	if len(reports) != 1 || reports[0].op != op {
		r.t.Fatalf("reports: %+v; want one %s", reports, op)
	}
	if got := reports[0].report; got.Type != errorType || !strings.Contains(got.Message, text) {
		r.t.Errorf("%s reported %s: %s; want %s: %s", op, got.Type, got.Message, errorType, text)
	}
	return reports[0]
}

// notReported fails the test if anything was reported as a failed init or restore.
func (r *snapRig) notReported() {
	r.t.Helper()
	if reports := append(r.api.ended("init", ""), r.api.ended("restore error", "")...); len(reports) != 0 {
		r.t.Errorf("reported %+v", reports)
	}
}

var errHook = &protocol.HandlerError{
	Type: "simpleError", Message: "no such table", Stack: []protocol.StackFrame{{Call: "connect()", File: "app.R", Line: 3}},
}

// failsIn returns an enter that fails in one phase of every worker.
func failsIn(phase string, err error) func(int, *fakeWorker, string) error {
	return func(_ int, w *fakeWorker, p string) error {
		if p != phase {
			return nil
		}
		if errors.Is(err, crash{}) {
			w.die()
		}
		return err
	}
}

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

// A function that cannot be prepared is reported once, and Lambda is not asked for a snapshot.
func TestPreparingFails(t *testing.T) {
	for _, test := range []struct {
		name, phase string
		err         error
		text        string
	}{
		{"priming", "prime", errHook, "priming failed: simpleError: no such table"},
		{"hook", "snapshot", errHook, "an on_snapshot() hook failed: simpleError: no such table"},
		{"death in priming", "prime", crash{}, "priming failed: R died"},
		{"death in a hook", "snapshot", crash{}, "an on_snapshot() hook failed: R died"},
		{"violation", "snapshot", &protocol.ProtocolError{Reason: "no frame"}, "an on_snapshot() hook failed: protocol violation"},
	} {
		for _, slots := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d slots", test.name, slots), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newSnapRig(t, echo)
					r.Slots, r.prime = slots, protocol.PrimeStop
					r.enter = func(n int, w *fakeWorker, p string) error {
						if n < slots {
							return nil // only the last one fails
						}
						return failsIn(test.phase, test.err)(n, w, p)
					}
					if err := r.run().wait(); !errors.Is(err, test.err) {
						t.Errorf("Run: %v, want %v", err, test.err)
					}
					call := r.reportedOnce("init", "Runtime.BeforeSnapshotError", test.text)
					if test.err == errHook && (len(call.report.Stack) != 1 || call.report.Stack[0].Label != "connect()") {
						t.Errorf("the stack is %v", call.report.Stack)
					}
					r.asked(0)
					r.neverPolled()
					if n := len(r.spawns()); n != slots {
						t.Errorf("%d spawns, want %d", n, slots)
					}
				})
			})
		}
	}
}

// The limit of the init includes priming and the hooks.
func TestPreparingTakesTooLong(t *testing.T) {
	for _, phase := range []string{"prime", "snapshot"} {
		for _, prime := range []string{protocol.PrimeStop, protocol.PrimeContinue} {
			synctest.Test(t, func(t *testing.T) {
				r := newSnapRig(t, echo)
				r.prime = prime
				r.enter = func(_ int, w *fakeWorker, p string) error {
					if p == phase {
						<-w.done
					}
					return nil
				}
				start := time.Now()
				err := r.run().wait()
				if _, ok := errors.AsType[*InitTimeoutError](err); !ok || time.Since(start) != r.InitTimeout {
					t.Errorf("Run after %v: %v", time.Since(start), err)
				}
				call := r.reportedOnce("init", "Runtime.BeforeSnapshotError",
					phaseFailures[phase]+": R was not ready within 10s (LAMBDA_R_INIT_TIMEOUT)")
				if len(call.report.Stack) != 1 {
					t.Errorf("the stack is %v", call.report.Stack)
				}
				r.asked(0)
			})
		}
	}
}

// With "continue", a failed priming is a warning. If R died of it, another one goes on, unprimed.
func TestPrimingFailsAndContinues(t *testing.T) {
	for _, test := range []struct {
		err   error
		first []string // the phases of the first worker before the snapshot
	}{
		{errHook, []string{"prime", "snapshot"}},
		{crash{}, []string{"prime"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newSnapRig(t, echo)
			r.prime, r.enter = protocol.PrimeContinue, failsIn("prime", test.err)
			r.run().running()
			r.phases(1, test.first...)
			if records := r.logs.find(t, "priming failed, continuing without it"); len(records) != 1 || records[0]["level"] != "WARN" {
				t.Errorf("logged %v", records)
			}
			// It is not tried again.
			n := len(r.spawns())
			r.worker(n).die()
			r.after(0)
			r.phases(n+1, "snapshot")
			r.restored()
			r.send("a", 0)
			r.answered("a")
			r.asked(1)
			r.notReported()
		})
	}
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
