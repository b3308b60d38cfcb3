package supervisor

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

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

// With "continue", a failed priming is a warning. If R died of it, another one continues, unprimed.
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
