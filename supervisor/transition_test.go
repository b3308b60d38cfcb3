package supervisor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// atOf returns what every transition embeds.
func atOf(t Transition) At { return reflect.ValueOf(t).FieldByName("At").Interface().(At) }

// invocationOf returns the invocation that t is about, if it is about one.
func invocationOf(t Transition) string {
	if f := reflect.ValueOf(t).FieldByName("Invocation"); f.IsValid() {
		return f.Interface().(Invocation).ID
	}
	return ""
}

// next has the states that may follow each state.
var next = map[State][]State{
	StateWaiting:  {StateSpawning, StateDraining},
	StateSpawning: {StateReady, StatePrepared, StateReaped, StateDraining},
	StatePrepared: {StateReady, StateReaped, StateDraining},
	StateReady:    {StateBusy, StateReaped, StateSpawning, StateDraining},  // spawning if a worker
	StateBusy:     {StateReady, StateReaped, StateSpawning, StateDraining}, // is lost while it is being recycled
	StateReaped:   {StateSpawning, StateBackoff, StateDraining},
	StateBackoff:  {StateSpawning, StateDraining},
}

// checkTransitions checks that each slot moved as the diagram of doc.go allows and ended in
// draining, and that each invocation was received once and reported once, after one Failed
// if it failed.
func (r *rig) checkTransitions() {
	r.t.Helper()
	type count struct{ received, failed, reported int }
	counts := map[string]*count{}
	for slot := range r.Slots {
		last := At{State: StateWaiting}
		for _, t := range r.transitions(slot) {
			at := atOf(t)
			if at.State != last.State && !slices.Contains(next[last.State], at.State) {
				r.t.Errorf("slot %d went from %s to %s: %+v", slot, last.State, at.State, t)
			}
			if at.Time.Before(last.Time) {
				r.t.Errorf("slot %d: %+v comes after %s", slot, t, last.Time)
			}
			last = at
			id := invocationOf(t)
			if counts[id] == nil {
				counts[id] = &count{}
			}
			switch t := t.(type) {
			case Received:
				counts[id].received++
			case Failed:
				counts[id].failed++
			case Reported:
				counts[id].reported++
				if (t.Failure != nil) != (counts[id].failed == 1) {
					r.t.Errorf("%s: %d times Failed before %+v", id, counts[id].failed, t)
				}
			}
		}
		if last.State != StateDraining && last.State != StateWaiting {
			r.t.Errorf("slot %d ended in %s", slot, last.State)
		}
	}
	for _, inv := range r.api.given {
		if c := counts[inv.ID]; c == nil || c.received != 1 || c.failed > 1 || c.reported != 1 {
			r.t.Errorf("%s: %+v transitions, want one Received, at most one Failed and one Reported", inv.ID, c)
		}
	}
}

// story returns the transitions of the first slot, one a line: the state, the name, the
// invocation, the error type and the time that it took.
func (r *rig) story() []string {
	var lines []string
	for _, t := range r.transitions(0) {
		line := fmt.Sprint(atOf(t).State, " ", reflect.TypeOf(t).Name())
		if id := invocationOf(t); id != "" {
			line += " " + id
		}
		switch t := t.(type) {
		case Ready:
			line += fmt.Sprint(" ", t.Took)
		case Failed:
			line += " " + t.Report.Type
		case Reported:
			line += fmt.Sprint(" ", t.Kind, " ", t.Took)
		}
		lines = append(lines, line)
	}
	return lines
}

// reports fails the test unless the last transitions of the first slot are these.
func (r *rig) reports(want ...string) {
	r.t.Helper()
	got := r.story()
	if last := got[max(0, len(got)-len(want)):]; !slices.Equal(last, want) {
		r.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(last, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// never fails the test if the log has such a record.
func (r *rig) never(msg string) {
	r.t.Helper()
	if records := r.logs.find(r.t, msg); len(records) != 0 {
		r.t.Errorf("logged %v", records)
	}
}

// A slot's whole life: an answer, a deadline, an idle death, a failed spawn, a shutdown.
func TestTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Second))
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			<-time.After(300 * time.Millisecond) // in fake time
			if n == 4 {
				return errSpawn
			}
			return nil
		}
		r.run().after(300 * time.Millisecond)
		r.send("a", 3*time.Second)
		r.after(time.Second).answered("a")
		r.send("late", 500*time.Millisecond)
		r.after(time.Second).failed("late", "Runtime.InvocationTimeout")
		r.worker(2).die()
		r.after(300 * time.Millisecond)
		r.worker(3).die()
		r.after(10 * time.Second)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		r.reports(
			"spawning Spawning", "ready Ready 300ms", "ready Polling",
			"ready Received a", "busy Dispatched a", "ready Answered a", "ready Reported a response 1s", "ready Polling",
			"ready Received late", "busy Dispatched late", "reaped Lost", "spawning Spawning",
			"spawning Failed late Runtime.InvocationTimeout", "spawning Reported late error 400ms", "ready Ready 300ms", "ready Polling",
			"reaped Lost", "spawning Spawning", "ready Ready 300ms",
			"reaped Lost", "backoff BackingOff", "spawning Spawning", "reaped SpawnFailed", "backoff BackingOff", "spawning Spawning",
			"ready Ready 300ms", "draining Draining",
		)
	})
}

// An invocation that R must not see is reported.
func TestTransitionsOfRefused(t *testing.T) {
	for _, test := range []struct {
		id, typ string
		late    bool
	}{
		{"late", "Runtime.InvocationTimeout", true},
		{"bad header", "Runtime.UnmarshalError", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, echo)
			r.late[test.id] = test.late
			r.run()
			inv := event(test.id, 3*time.Second)
			if test.late {
				inv.Deadline = time.Now().Add(-time.Millisecond)
			} else {
				inv.ClientContext = "{"
			}
			r.api.events <- inv
			r.after(0)
			r.reports("ready Received "+test.id, "ready Failed "+test.id+" "+test.typ, "ready Reported "+test.id+" error 0s", "ready Polling")
		})
	}
}

// An invocation whose time is over before there is a worker is reported.
func TestTransitionsOfExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(9 * time.Second)
		r.run().worker(1).die()
		r.after(time.Second)
		r.send("id", 3*time.Second)
		r.after(3 * time.Second)
		r.reports("reaped Lost", "spawning Spawning", "spawning Received id",
			"spawning Failed id Runtime.WorkerUnavailable", "spawning Reported id error 2.8s")
	})
}

// An invocation that a shutdown finds waiting is reported, and so is one that arrives as its
// poll is cancelled.
func TestTransitionsOfAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = respawnIn(time.Minute)
		r.run().worker(1).die()
		r.send("id", time.Minute)
		r.after(time.Second).stopsIn(0)
		r.reports("spawning Received id", "draining Draining",
			"draining Failed id Runtime.WorkerUnavailable", "draining Reported id error 1s")
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.api.onNext = crossing("id")
		r.run().stopsIn(0)
		r.reports("draining Draining", "draining Received id",
			"draining Failed id Runtime.WorkerUnavailable", "draining Reported id error 0s")
	})
}

func TestTransitionsOfNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
			if n == 1 {
				w.onInvoke = func(*fakeWorker, protocol.Invoke, []byte) ([]byte, error) { return nil, protocol.ErrNotSent }
			}
			return nil
		}
		r.run().send("id", 3*time.Second)
		r.reports("busy Dispatched id", "reaped Lost", "reaped NotSent id", "spawning Spawning", "ready Ready 0s",
			"busy Dispatched id", "ready Answered id", "ready Reported id response 0s", "ready Polling")
	})
}

func TestTransitionsOfRecycling(t *testing.T) {
	for _, test := range []struct {
		how  Recycling
		want []string
	}{
		{ReplaceBeside, []string{"ready Answered a", "ready Spawning", "ready Reported a response 0s", "ready Recycled", "ready Ready 0s"}},
		{ReplaceAfter, []string{"ready Answered a", "reaped Recycled", "spawning Spawning", "spawning Reported a response 0s", "ready Ready 0s"}},
		{ReplaceNow, []string{"ready Answered a", "reaped Recycled", "spawning Spawning", "spawning Reported a response 0s", "ready Ready 0s"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, echo).recycling(1, test.how)
			r.run().serve("a")
			got := slices.DeleteFunc(r.story(), func(line string) bool { return strings.HasSuffix(line, "Polling") })
			if got = got[len(got)-len(test.want):]; !slices.Equal(got, test.want) {
				t.Errorf("%d: got %q, want %q", test.how, got, test.want)
			}
		})
	}
}

func TestTransitionsOfGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				return errSpawn
			}
			return nil
		}
		r.run().worker(1).die()
		if err := r.wait(); !errors.Is(err, ErrGaveUp) {
			t.Errorf("Run: %v, want ErrGaveUp", err)
		}
		r.reports("spawning Spawning", "reaped SpawnFailed", "reaped GaveUp", "draining Draining")
	})
}

// Reported has the facts: the worker, R's time, and why the post was refused.
func TestReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Second))
		r.answering("refused", func(context.Context) error { return status(413) })
		r.run()
		for _, id := range []string{"accepted", "refused"} {
			r.send(id, 0)
			r.after(time.Second)
		}
		var reports []Reported
		for _, t := range r.transitions(0) {
			if report, ok := t.(Reported); ok {
				reports = append(reports, report)
			}
		}
		for i, report := range reports {
			if report.PID != 100 || report.RSS != 1<<20 || report.RTime != time.Millisecond || report.Took != time.Second ||
				report.Failure != nil || report.Fatal || (report.Err != nil) != (i == 1) {
				t.Errorf("got %+v", report)
			}
		}
		if len(reports) != 2 {
			t.Errorf("%d reports, want 2", len(reports))
		}
	})
}

// A backoff is logged above debug, because callers wait for it.
func TestBackoffIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, die).run()
		r.crashes(1, 1)
		r.never("backing off before the next worker")
		r.crashes(2, 2)
		records := r.logs.find(t, "backing off before the next worker")
		if len(records) != 2 || records[0]["level"] != "WARN" || records[0]["failures"] != 2.0 || records[1]["failures"] != 3.0 {
			t.Errorf("logged %v", records)
		}
	})
}

// An error is logged with its tenant.
func TestLogOfTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*fakeWorker, protocol.Invoke, []byte) ([]byte, error) {
			return nil, &protocol.HandlerError{Type: "simpleError", Message: "no"}
		})
		r.run()
		inv := event("id", 0)
		inv.TenantID = "blue"
		r.api.events <- inv
		r.after(0)
		if records := r.logs.find(t, "invocation error"); len(records) != 1 || records[0]["tenant_id"] != "blue" {
			t.Errorf("logged %v", records)
		}
	})
}
