package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"syscall"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// A watched is a worker between the supervisor and the mechanism, whose every call
// is noted. Its fields are guarded by the arena's lock.
type watched struct {
	*worker.Worker
	a    *arena
	slot int

	busy    bool // in Invoke
	died    bool // was seen dead
	failed  bool // it died, or an Invoke came to an end that ends it; counted once
	retired bool // the supervisor is done with it, not for a failure

	interrupted bool        // its invocation's deadline was near
	shot        bool        // the supervisor was made to kill it
	armed       instruction // what it will do to whom it meets next
}

// A slotLog is what was seen of a slot.
type slotLog struct {
	state    supervisor.State
	worker   *watched  // ready, or nil
	diedIdle bool      // and was not replaced yet: its poll may be open
	failures int       // deaths and failed spawns since an invocation was answered
	failed   time.Time // the last of them
	last     int       // the pid of the worker before
}

func (s *slotLog) fail() { s.failures, s.failed = s.failures+1, time.Now() }

// spawn is the supervisor's Spawn.
func (a *arena) spawn(ctx context.Context, slot int) (supervisor.Worker, error) {
	c := a.worker
	planned := false
	a.Update(func() {
		s := &a.slots[slot]
		s.checkSpawn(&a.eye, slot, time.Now())
		if a.plan.Fault == "" {
			return
		}
		planned = true
		switch a.plan.Fault {
		case "spawn failing":
			c.Bin = "/nonexistent/R"
			a.note(a.plan, 0, time.Now())
		case "full /tmp":
			c.TempDir = "/nonexistent/tmp"
			a.note(a.plan, 0, time.Now())
		default:
			plan, _ := json.Marshal(a.plan) // three strings
			c.Env = append(c.Env[:len(c.Env):len(c.Env)], envPlan+"="+string(plan))
		}
		if a.planTimes--; a.planTimes <= 0 {
			a.plan = instruction{}
		}
	})
	began := time.Now()
	w, err := worker.Spawn(ctx, c)
	if err != nil {
		a.Update(func() {
			if !a.closing {
				a.slots[slot].fail()
			}
		})
		return nil, err
	}
	if !planned {
		a.h.rec.took("cold spawn", time.Since(began))
	}
	watch := &watched{Worker: w, a: a, slot: slot}
	a.Update(func() {
		s := &a.slots[slot]
		a.living++
		if s.worker != nil && s.worker.Err() == nil {
			a.violate(inv6, "slot %d has two workers", slot)
		}
		a.births = append(a.births, birth{s.last, s.failures, planned, time.Now()})
		s.worker, s.diedIdle, s.last = watch, false, w.PID()
	})
	a.goroutines.Go(watch.awaitDeath)
	return watch, nil
}

// awaitDeath notes when the worker has died.
func (w *watched) awaitDeath() {
	<-w.Done()
	w.a.Update(func() {
		s := &w.a.slots[w.slot]
		if s.worker == w {
			s.worker = nil
		}
		w.died = true
		w.a.living--
		w.a.dead = append(w.a.dead, w)
		if !w.failed && !w.retired && !w.busy {
			s.diedIdle = true
			w.fail()
		}
	})
}

// fail counts a failure of the worker's slot, once: the supervisor may find a worker
// dead that was seen to die before.
func (w *watched) fail() {
	if !w.failed {
		w.failed = true
		w.a.slots[w.slot].fail()
	}
}

// Invoke notes what was sent to the worker, and what came of it.
func (w *watched) Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	var thaw *time.Timer
	w.a.Update(func() {
		w.busy = true
		t := w.a.trip(inv.ID)
		// A second reply is there before the next request is: whoever finds it must
		// see nothing of it.
		t.touched = t.touched || w.armed.Fault != "" && w.armed.Fault != "two replies"
		t.pid = w.PID()
		if t.in.Fault == "wall-clock jump" {
			w.shot = true
		}
		const stopped = "SIGSTOP until the deadline, then SIGCONT"
		if t.in.Fault == stopped && t.in.State != ready && t.in.State != unread || w.armed.Fault == stopped {
			// After SIGINT, before SIGKILL.
			thaw = time.AfterFunc(time.Until(t.deadline)-w.a.margin*3/4, func() { _ = syscall.Kill(w.PID(), syscall.SIGCONT) })
		}
	})
	answer, err := w.Worker.Invoke(inv, event, open)
	if thaw != nil {
		thaw.Stop()
	}
	w.a.Update(func() {
		w.busy = false
		t := w.a.trip(inv.ID)
		s := &w.a.slots[w.slot]
		switch {
		case errors.Is(err, protocol.ErrNotSent):
			w.fail()
		case w.interrupted: // it ran until the deadline: that is not a crash, see supervisor's restarts
			s.failures, w.retired = 0, true
		case !keeps(err):
			w.fail()
		case w.died: // after it had answered
			s.failures, s.diedIdle = 0, true
			w.fail()
		default:
			s.failures = 0
		}
		if errors.Is(err, protocol.ErrNotSent) {
			return
		}
		if t.sends++; t.sends > 1 {
			w.a.violate(inv2, "%v was sent to worker %d after another had it", t, w.PID())
		}
		if t.in.State == ready || t.in.State == unread || t.in.State == draining || t.in.Fault == "two replies" {
			if r := (cell{t.in.Fault, t.in.State}).row(); r.ends {
				w.armed = t.in
			}
		}
		if err == nil && answer.Failure == nil || !t.touched && !w.shot {
			w.a.checkLines(t)
		}
	})
	return answer, err
}

// keeps reports whether a worker whose Invoke returned err is used again.
func keeps(err error) bool {
	_, large := err.(*protocol.FrameTooLargeError)
	return err == nil || large
}

// Interrupt notes that the deadline of the worker's invocation is near.
func (w *watched) Interrupt() {
	w.a.Update(func() { w.interrupted = true })
	w.Worker.Interrupt()
}

// Kill notes that the supervisor is done with the worker, unless it is busy.
func (w *watched) Kill(reason string) {
	w.a.Update(func() { w.retired = w.retired || !w.busy && !w.failed })
	w.Worker.Kill(reason)
}

// Shutdown notes that the supervisor is done with the worker, unless it died first.
func (w *watched) Shutdown(ctx context.Context) {
	w.a.Update(func() { w.retired = w.retired || w.Err() == nil })
	w.Worker.Shutdown(ctx)
}

// A watchedAPI is the Runtime API's client, whose polls are counted.
type watchedAPI struct {
	*runtimeapi.Client
	a *arena
}

func (c watchedAPI) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	c.a.Update(c.a.beginPoll)
	inv, err := c.Client.Next(ctx)
	c.a.Update(func() {
		c.a.polls--
		if err != nil {
			return
		}
		t := c.a.trip(inv.ID)
		t.deadline = inv.Deadline
		if err := json.Unmarshal(inv.Event, &t.in); err != nil {
			c.a.violate(inv3, "the event of %s is %.100q", inv.ID, inv.Event)
		}
		if t.in.Fault == "wall-clock jump" {
			inv.Deadline = time.Now().Add(-time.Minute) // as a clock that is a minute ahead sees it
			c.a.note(t.in, 0, time.Now())
		}
	})
	return inv, err
}

// beginPoll checks invariant 4. A slot whose worker died idle keeps its poll open
// until it has the next one: an event could be lost with a poll that is cancelled.
func (a *arena) beginPoll() {
	a.polls++
	may := 0
	for _, s := range a.slots {
		if s.worker != nil || s.diedIdle {
			may++
		}
	}
	if a.polls > may {
		a.violate(inv4, "%d polls are open, %d workers are ready", a.polls, may)
	}
}
