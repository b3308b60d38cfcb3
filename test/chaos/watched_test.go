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

// A watched is a worker whose calls by the supervisor are recorded. The arena's lock guards its
// fields.
type watched struct {
	*worker.Worker
	a      *arena
	slot   int
	origin string // the TMPDIR of the template that it was forked from; "" if it was spawned

	busy    bool // in Invoke
	died    bool // its death was recorded
	failed  bool // it died, or an Invoke ended in a way that ends it
	retired bool // the supervisor discarded it without a failure

	interrupted bool        // its invocation's deadline was near
	shot        bool        // the harness makes the supervisor kill it
	armed       instruction // the fault that its next invocation meets
}

// A slotLog is what was observed of a slot.
type slotLog struct {
	state    supervisor.State
	worker   *watched  // ready, or nil
	diedIdle bool      // and is not replaced yet: its poll may be open
	failures int       // deaths and failed spawns since an invocation was answered
	failed   time.Time // the last of them
	last     int       // the pid of the previous worker
}

func (s *slotLog) fail() { s.failures, s.failed = s.failures+1, time.Now() }

// spawn is supervisor.Config.Spawn.
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
			c.TempDir = "/proc/self" // no file can be made there
			a.note(a.plan, 0, time.Now())
		default:
			plan, _ := json.Marshal(a.plan) // three strings
			c.OwnEnv = []string{envPlan + "=" + string(plan)}
		}
		if a.planTimes--; a.planTimes <= 0 {
			a.plan = instruction{}
		}
	})
	began := time.Now()
	w, origin, err := a.bear(ctx, c)
	if err != nil {
		a.Update(func() {
			if !a.closing {
				a.slots[slot].fail()
			}
		})
		return nil, err
	}
	if !planned {
		how := "cold spawn"
		if origin != "" {
			how = "fork"
		}
		a.h.rec.took(how, time.Since(began))
	}
	watch := &watched{Worker: w, a: a, slot: slot, origin: origin}
	a.Update(func() {
		s := &a.slots[slot]
		a.living++
		if origin != "" {
			a.forked++
		}
		if s.worker != nil && s.worker.Err() == nil {
			a.violate(inv6, "slot %d has two workers", slot)
		}
		a.births = append(a.births, birth{s.last, s.failures, planned, time.Now()})
		s.worker, s.diedIdle, s.last = watch, false, w.PID()
	})
	a.goroutines.Go(watch.awaitDeath)
	return watch, nil
}

// awaitDeath records the death of the worker.
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

// fail counts a failure of the worker's slot, once. The supervisor may find a worker dead whose
// death was already recorded.
func (w *watched) fail() {
	if !w.failed {
		w.failed = true
		w.a.slots[w.slot].fail()
	}
}

// Invoke records what was sent to the worker, and the outcome.
func (w *watched) Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	var thaw *time.Timer
	w.a.Update(func() {
		w.busy = true
		t := w.a.trip(inv.ID)
		// A second reply is there before the next request, which must not see any of it.
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
		case err != nil:
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
		if err == nil && answer.TooLarge == nil && answer.Failure == nil || !t.touched && !w.shot {
			w.a.checkLines(t)
		}
	})
	return answer, err
}

// Interrupt records that the deadline of the worker's invocation is near.
func (w *watched) Interrupt() {
	w.a.Update(func() { w.interrupted = true })
	w.Worker.Interrupt()
}

// InterruptGroup records the same as Interrupt.
func (w *watched) InterruptGroup() {
	w.a.Update(func() { w.interrupted = true })
	w.Worker.InterruptGroup()
}

// Kill records that the supervisor discards the worker, unless it is busy.
func (w *watched) Kill(reason string) {
	w.a.Update(func() { w.retired = w.retired || !w.busy && !w.failed })
	w.Worker.Kill(reason)
}

// Shutdown records that the supervisor discards the worker, unless it died first.
func (w *watched) Shutdown(ctx context.Context) {
	w.a.Update(func() { w.retired = w.retired || w.Err() == nil })
	w.Worker.Shutdown(ctx)
}

// A watchedAPI is the client of the Runtime API with its polls counted.
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
			inv.Deadline = time.Now().Add(-time.Minute) // as if the clock were a minute ahead
			c.a.note(t.in, 0, time.Now())
		}
	})
	return inv, err
}

// beginPoll checks invariant 4. A slot whose worker died idle keeps its poll open until it has the
// next worker, because cancelling a poll could lose an event.
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
