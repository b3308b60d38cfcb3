package supervisor

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// R is interrupted at the margin before the deadline and killed at half of it; in between, R
// and its children are interrupted twice more. A margin is at most half of the time left.
func TestDeadline(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name                     string
		timeout, margin          time.Duration
		wantInterrupt, wantKill  time.Duration // since the event arrived
		wantAfter, wantRemaining string
	}{
		{"usual", 3000 * ms, 200 * ms, 2800 * ms, 2900 * ms, "2.90 s", "100 ms"},
		{"margin is half", 400 * ms, 200 * ms, 200 * ms, 300 * ms, "0.30 s", "100 ms"},
		{"margin is more than half", 100 * ms, 200 * ms, 50 * ms, 75 * ms, "0.07 s", "25 ms"},
		{"margin is more than the timeout", 100 * ms, time.Minute, 50 * ms, 75 * ms, "0.07 s", "25 ms"},
		{"grown, 1 s", 1000 * ms, 0, 750 * ms, 875 * ms, "0.88 s", "125 ms"},
		{"grown, 3 s", 3000 * ms, 0, 2750 * ms, 2875 * ms, "2.88 s", "125 ms"},
		{"grown, halfway", 31500 * ms, 0, 30875 * ms, 31187500 * time.Microsecond, "31.19 s", "312 ms"},
		{"grown, a minute", time.Minute, 0, 59 * time.Second, 59500 * ms, "59.50 s", "500 ms"},
		{"grown, 15 minutes", 15 * time.Minute, 0, 899 * time.Second, 899500 * ms, "899.50 s", "500 ms"},
		{"a day", 24 * time.Hour, 200 * ms, 24*time.Hour - 200*ms, 24*time.Hour - 100*ms, "86399.90 s", "100 ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hang)
				r.Margin = test.margin
				r.run()
				start := time.Now()
				r.send("id", test.timeout)
				r.after(48 * time.Hour)
				c := r.failed("id", "Runtime.InvocationTimeout")
				want := "the handler was stopped after " + test.wantAfter + ", " + test.wantRemaining +
					" before its deadline; R did not react to an interrupt and was killed"
				if c.report.Message != want || c.began.Sub(start) != test.wantKill {
					t.Errorf("reported after %s: %q\nwant after %s: %q", c.began.Sub(start), c.report.Message, test.wantKill, want)
				}
				_, interrupts, kills, _ := r.worker(1).history()
				var got []time.Duration
				for _, at := range interrupts {
					got = append(got, at.Sub(start))
				}
				grace := test.wantKill - test.wantInterrupt
				want3 := []time.Duration{test.wantInterrupt, test.wantInterrupt + grace/4*2, test.wantInterrupt + grace/4*3}
				if !slices.Equal(got, want3) {
					t.Errorf("interrupted after %s, want %s", got, want3)
				}
				if len(kills) == 0 || kills[0].Sub(start) != test.wantKill {
					t.Errorf("killed at %v of %v, want after %s", kills, start, test.wantKill)
				}
				r.ready(2)
				if spawn := r.spawns()[1].Sub(start); spawn != test.wantKill {
					t.Errorf("the next worker was spawned after %s, want %s", spawn, test.wantKill)
				}
			})
		})
	}
}

// An event that arrives after its deadline, as after a freeze, is reported as a timeout.
func TestDeadlineIsOver(t *testing.T) {
	for range 50 { // an interrupt, a kill and an invocation that are due at once come in any order
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, hang)
			r.late["id"] = true
			r.run()
			start := time.Now()
			r.send("id", -time.Millisecond)
			if c := r.failed("id", "Runtime.InvocationTimeout"); !c.began.Equal(start) {
				t.Errorf("reported after %s, want at once", c.began.Sub(start))
			}
		})
	}
}

func TestNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Hour)).run()
		r.send("id", 0)
		r.after(time.Hour)
		r.answered("id")
		invoked, interrupts, kills, _ := r.worker(1).history()
		if invoked[0].DeadlineMs != 0 || len(interrupts)+len(kills) != 0 {
			t.Errorf("deadline_ms %d, interrupts %v, kills %v: want none", invoked[0].DeadlineMs, interrupts, kills)
		}
	})
}

// An invocation that waited for a worker has the margin of its whole timeout.
func TestMarginOfHeldInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hang)
		r.Margin = 0
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				time.Sleep(40 * time.Second)
			}
			return nil
		}
		r.InitTimeout = time.Minute
		r.run()
		r.worker(1).die()
		start := time.Now()
		r.send("id", time.Minute)
		r.after(time.Hour)
		r.failed("id", "Runtime.InvocationTimeout")
		if _, interrupts, _, _ := r.worker(2).history(); len(interrupts) == 0 || interrupts[0].Sub(start) != 59*time.Second {
			t.Errorf("interrupted at %v of %v, want first after 59s", interrupts, start)
		}
	})
}

// An answer just before the interrupt is an ordinary answer.
func TestAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(2800*time.Millisecond-1)).run()
		r.send("id", 3*time.Second)
		r.after(time.Minute)
		r.answered("id")
		r.ready(1)
		if _, interrupts, kills, _ := r.worker(1).history(); len(interrupts)+len(kills) != 0 {
			t.Errorf("interrupts %v, kills %v: want none", interrupts, kills)
		}
	})
}

// interruptible returns a handler that answers d after an interrupt.
func interruptible(d time.Duration, payload string, err error) handler {
	return func(w *fakeWorker, _ protocol.Invoke, _ []byte) ([]byte, error) {
		select {
		case <-w.interrupted:
			time.Sleep(d)
			if payload == "" {
				return nil, err
			}
			return []byte(payload), err
		case <-w.done:
			return nil, crash{}
		}
	}
}

func TestInterruptIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, interruptible(10*time.Millisecond, "", &protocol.HandlerError{
			Type:    "interrupt",
			Message: "interrupted",
			Stack:   []protocol.StackFrame{{Call: "handler(event)", File: "app.R", Line: 7}, {Call: "Sys.sleep(60)"}},
		})).run()
		inv := r.send("id", 3*time.Second)
		r.after(time.Minute)
		c := r.failed("id", "Runtime.InvocationTimeout")
		if got := inv.Deadline.Sub(c.began); got != 190*time.Millisecond {
			t.Errorf("reported %s before the deadline, want 190ms", got)
		}
		wantMessage := "the handler was stopped after 2.81 s, 190 ms before its deadline; it was in handler(event) (app.R:7)"
		wantStack := []runtimeapi.StackFrame{{Label: "handler(event)", Path: "app.R", Line: 7}, {Label: "Sys.sleep(60)"}}
		if c.report.Message != wantMessage || !reflect.DeepEqual(c.report.Stack, wantStack) {
			t.Errorf("reported %+v, want %q with %v", c.report, wantMessage, wantStack)
		}
		r.never("result came after the deadline's interrupt and may be incomplete")
		r.ready(2)
		if _, _, _, shutdowns := r.worker(1).history(); shutdowns != 1 {
			t.Errorf("the interrupted worker was shut down %d times, want once", shutdowns)
		}
	})
}

// A result that comes after the interrupt counts, with a warning: nothing shows whether the
// handler was done or has caught the interrupt. The interrupt may also reach R when it is idle
// again, so R is replaced.
func TestInterruptCrossesResult(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler handler
	}{
		{"result at the same time", takes(2800 * time.Millisecond)},
		{"result after it", interruptible(0, "id: event id", nil)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, test.handler).run()
				inv := r.send("id", 3*time.Second)
				r.after(10 * time.Second)
				if c := r.answered("id"); !c.began.Equal(inv.Deadline.Add(-r.Margin)) {
					t.Errorf("reported at %s, want %s before %s", c.began, r.Margin, inv.Deadline)
				}
				_, interrupts, kills, shutdowns := r.worker(1).history()
				if len(kills) != len(interrupts) || shutdowns != len(interrupts) {
					t.Errorf("%d interrupts, %d kills, %d shutdowns: want as many of each", len(interrupts), len(kills), shutdowns)
				}
				warned := r.logs.find(t, "result came after the deadline's interrupt and may be incomplete")
				if len(warned) != len(interrupts) || len(warned) > 0 && (warned[0]["level"] != "WARN" || warned[0]["request_id"] != "id") {
					t.Errorf("%d interrupts, and the warnings %v: want as many", len(interrupts), warned)
				}
			})
		})
	}
}

// A handler that always runs into its deadline is not a crash loop: its worker is replaced
// at once, every time, and each invocation is reported.
func TestDeadlineAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hang).run()
		var want []string
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
			r.send(id, time.Second)
			r.after(time.Second)
			want = append(want, id)
		}
		var got []string
		for _, c := range r.api.ended("error", "") {
			got = append(got, c.id)
			if !strings.Contains(c.report.Message, "was killed") {
				t.Errorf("%s: %s", c.id, c.report.Message)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("errors of %v, want %v", got, want)
		}
		r.ready(10)
		r.never("backing off before the next worker")
	})
}
