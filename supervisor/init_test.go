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

// initError fails the test unless there was one init error, of that type.
func (r *rig) initError(errorType string) apiCall {
	r.t.Helper()
	calls := r.api.ended("init", "")
	if len(calls) != 1 {
		r.t.Fatalf("%d init errors, want 1", len(calls))
	}
	if got := calls[0].report.Type; got != errorType {
		r.t.Errorf("the init error is a %s, want %s", got, errorType)
	}
	return calls[0]
}

// neverPolled fails the test if /next was ever called.
func (r *rig) neverPolled() {
	r.t.Helper()
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	if r.api.most != 0 {
		r.t.Error("an event was asked for")
	}
}

func TestInitFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		typ     string
		message string
	}{
		{"handler not found", &protocol.HandlerError{Type: "Runtime.HandlerNotFound", Message: "no function f in app.R"},
			"Runtime.HandlerNotFound", "no function f in app.R"},
		{"crash", fmt.Errorf("R was not ready: %w", crash{}), "Runtime.WorkerCrashed", "R was not ready: R died of a segmentation fault"},
		{"violation", &protocol.ProtocolError{Reason: "no hello"}, "Runtime.ProtocolError", "protocol violation: no hello"},
	} {
		for _, slots := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d slots", test.name, slots), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, echo)
					r.Slots = slots
					r.spawn = func(context.Context, int, *fakeWorker) error {
						time.Sleep(time.Second)
						return test.err
					}
					r.run()
					if err := r.wait(); !errors.Is(err, test.err) {
						t.Errorf("Run: %v, want %v", err, test.err)
					}
					c := r.initError(test.typ)
					if c.report.Message != test.message {
						t.Errorf("init error %q, want %q", c.report.Message, test.message)
					}
					if n := len(r.spawns()); n != 1 {
						t.Errorf("%d spawns, want 1: the first slot fails for all", n)
					}
					r.neverPolled()
				})
			})
		}
	}
}

func TestInitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(ctx context.Context, _ int, _ *fakeWorker) error {
			<-ctx.Done()
			return fmt.Errorf("spawn: %w", context.Cause(ctx))
		}
		start := time.Now()
		err := r.run().wait()
		timeout, ok := errors.AsType[*InitTimeoutError](err)
		if !ok || timeout.Limit != r.InitTimeout || time.Since(start) != r.InitTimeout {
			t.Errorf("Run after %s: %v, want an InitTimeoutError after %s", time.Since(start), err, r.InitTimeout)
		}
		r.initError("Runtime.InitTimeout")
		r.neverPolled()
	})
}

// The Runtime API's answer to an init error changes nothing.
func TestInitErrorIsNotAccepted(t *testing.T) {
	for _, test := range []struct {
		name        string
		onInitError func(ctx context.Context) error
		most        time.Duration
	}{
		{"refused", func(context.Context) error { return status(403) }, 0},
		{"broken", func(context.Context) error { return errReset }, time.Second},
		{"hanging", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, echo)
				r.spawn = func(context.Context, int, *fakeWorker) error { return errSpawn }
				r.api.onInitError = test.onInitError
				start := time.Now()
				if err := r.run().wait(); !errors.Is(err, errSpawn) {
					t.Errorf("Run: %v, want %v", err, errSpawn)
				}
				if took := time.Since(start); took > test.most {
					t.Errorf("Run took %s, want at most %s", took, test.most)
				}
				r.initError("Runtime.WorkerCrashed")
				if n := len(r.logs.find(t, "init error not reported")); n != 1 {
					t.Errorf("logged %d times, want once", n)
				}
				r.neverPolled()
			})
		})
	}
}

// Once one worker was ready, the init has succeeded: later failures are retried.
func TestLaterSlotFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots = 2
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n == 2 {
				time.Sleep(time.Second)
				return errSpawn
			}
			return nil
		}
		r.run().after(time.Second).running()
		r.ready(2)
		if n := r.api.open(); n != 2 {
			t.Errorf("%d polls open, want 2", n)
		}
		if n := len(r.api.ended("init", "")); n != 0 {
			t.Errorf("%d init errors, want none", n)
		}
	})
}

// After an init error the runtime takes no event and starts no worker.
func TestNoPollAfterInitError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.Slots = 2
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n == 1 {
				return errSpawn
			}
			return nil
		}
		r.api.onInitError = func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		}
		if err := r.run().wait(); !errors.Is(err, errSpawn) {
			t.Errorf("Run: %v, want %v", err, errSpawn)
		}
		r.initError("Runtime.WorkerCrashed")
		r.ready(0)
		r.neverPolled()
	})
}
