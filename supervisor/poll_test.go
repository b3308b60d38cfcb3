package supervisor

import (
	"context"
	"errors"
	"fmt"
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

func TestPollNeverGetsThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = func(context.Context) (*runtimeapi.Invocation, error) { return nil, errReset }
		start := time.Now()
		err := r.run().wait()
		if took := time.Since(start); !errors.Is(err, errReset) || took < 5*time.Second || took > 10*time.Second {
			t.Errorf("Run after %s: %v, want %v after some 10 s", took, err, errReset)
		}
		polls := r.api.ended("next", "")
		if len(polls) < 5 || len(polls) > 50 {
			t.Errorf("%d polls, want a few, with pauses", len(polls))
		}
		if n := len(r.logs.find(t, "poll failed")); n != len(polls)-1 {
			t.Errorf("%d of %d failures are logged, want all but the one that is returned", n, len(polls))
		}
	})
}

// failingNext returns a Next that fails n times, each after wait, and then returns the
// events.
func failingNext(a *fakeAPI, n int, wait time.Duration) func(context.Context) (*runtimeapi.Invocation, error) {
	return func(ctx context.Context) (*runtimeapi.Invocation, error) {
		if n--; n >= 0 {
			time.Sleep(wait)
			return nil, errReset
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
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = failingNext(r.api, 4, 0)
		r.run().after(10 * time.Second).running()
		r.send("id", 3*time.Second)
		r.answered("id")
		r.ready(1)
	})
}

// A poll may wait for hours before its connection breaks. That time does not count as time
// in which the API could not be reached.
func TestPollBreaksAfterLongWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = failingNext(r.api, 2, time.Hour)
		r.run().after(3 * time.Hour).running()
		r.send("id", 3*time.Second)
		r.answered("id")
	})
}
