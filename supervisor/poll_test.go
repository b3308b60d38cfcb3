package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A poll that is refused is not retried.
func TestPollIsRefused(t *testing.T) {
	for _, code := range []int{403, 500} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want := &runtimeapi.StatusError{Op: "GET /invocation/next", Status: code}
				r := newRig(t, echo)
				r.api.onNext = func(context.Context) (*runtimeapi.Invocation, error) { return nil, want }
				start := time.Now()
				if err := r.run().wait(); !errors.Is(err, want) || time.Since(start) != 0 {
					t.Errorf("Run after %s: %v, want %v at once", time.Since(start), err, want)
				}
				if n := len(r.api.ended("next", "")); n != 1 {
					t.Errorf("%d polls, want 1", n)
				}
			})
		})
	}
}

// pollErrors are errors after which a poll is retried: the API could not be reached, is busy, or
// something in front of it answered.
func pollErrors() []error {
	errs := []error{errReset}
	for _, code := range []int{302, 307, 429, 502, 503, 504} {
		errs = append(errs, &runtimeapi.StatusError{Op: "GET /invocation/next", Status: code})
	}
	return errs
}

func TestPollNeverGetsThrough(t *testing.T) {
	for _, want := range pollErrors() {
		t.Run(want.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, echo)
				r.api.onNext = func(context.Context) (*runtimeapi.Invocation, error) { return nil, want }
				start := time.Now()
				err := r.run().wait()
				if took := time.Since(start); !errors.Is(err, want) || took < 5*time.Second || took > 10*time.Second {
					t.Errorf("Run after %s: %v, want %v after some 10 s", took, err, want)
				}
				polls := r.api.ended("next", "")
				if len(polls) < 5 || len(polls) > 50 {
					t.Errorf("%d polls, want a few, with pauses", len(polls))
				}
				if n := len(r.logs.find(t, "poll failed")); n != len(polls)-1 {
					t.Errorf("%d of %d failures are logged, want all but the one that is returned", n, len(polls))
				}
			})
		})
	}
}

// failingNext returns a Next that fails n times with why, each after wait, and then returns
// the events.
func failingNext(a *fakeAPI, n int, why error, wait time.Duration) func(context.Context) (*runtimeapi.Invocation, error) {
	return func(ctx context.Context) (*runtimeapi.Invocation, error) {
		if n--; n >= 0 {
			time.Sleep(wait)
			return nil, why
		}
		select {
		case inv := <-a.events:
			return inv, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func TestPollGetsThroughAgain(t *testing.T) {
	for _, why := range pollErrors() {
		t.Run(why.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, echo)
				r.api.onNext = failingNext(r.api, 4, why, 0)
				r.run().after(10 * time.Second).running()
				r.send("id", 3*time.Second)
				r.answered("id")
				r.ready(1)
			})
		})
	}
}

// A poll may wait for hours before its connection breaks. That time does not count as time
// in which the API could not be reached.
func TestPollBreaksAfterLongWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = failingNext(r.api, 2, errReset, time.Hour)
		r.run().after(3 * time.Hour).running()
		r.send("id", 3*time.Second)
		r.answered("id")
	})
}

// cutOff returns a Next that takes the invocations, but not their events, and then returns the
// events of those that are sent.
func cutOff(a *fakeAPI, taken ...*runtimeapi.Invocation) func(context.Context) (*runtimeapi.Invocation, error) {
	return func(ctx context.Context) (*runtimeapi.Invocation, error) {
		if len(taken) > 0 {
			inv := taken[0]
			taken = taken[1:]
			return nil, &runtimeapi.EventError{Invocation: inv, Got: 4, Want: 10, Err: io.ErrUnexpectedEOF}
		}
		select {
		case inv := <-a.events:
			return inv, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// An invocation whose event was cut off is reported, logged, and costs nothing else.
func TestEventIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = cutOff(r.api, event("one", 3*time.Second), event("two", 0))
		r.run()
		for _, id := range []string{"one", "two"} {
			c := r.failed(id, "Runtime.EventError")
			if want := "the event was cut off after 4 of 10 bytes: unexpected EOF"; c.report.Message != want {
				t.Errorf("reported %q, want %q", c.report.Message, want)
			}
		}
		if n := len(r.logs.find(t, "invocation error")); n != 2 {
			t.Errorf("%d errors are logged, want 2", n)
		}
		r.reports("ready Received one", "ready Failed one Runtime.EventError", "ready Reported one error 0s", "ready Polling",
			"ready Received two", "ready Failed two Runtime.EventError", "ready Reported two error 0s", "ready Polling")
		r.send("id", 3*time.Second)
		r.answered("id")
		r.ready(1)
		if ids := r.worker(1).ids(); len(ids) != 1 {
			t.Errorf("R was given %v", ids)
		}
	})
}

// A shutdown that cuts an event off reports its invocation as any other that cannot run.
func TestShutdownCutsEventOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		inv := event("id", time.Minute)
		r.api.onNext = func(ctx context.Context) (*runtimeapi.Invocation, error) {
			<-ctx.Done()
			return nil, &runtimeapi.EventError{Invocation: inv, Got: 4, Want: 10, Err: ctx.Err()}
		}
		r.run().stopsIn(0)
		r.failed("id", "Runtime.WorkerUnavailable")
	})
}
