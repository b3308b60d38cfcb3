package chaos

import (
	"fmt"
	"lambda-r-runtime/test/kit/proc"
	"slices"
	"strings"
	"sync"
	"time"
)

// inject runs a round in the arena.
func (a *arena) inject(c cell, nonce string) result {
	in := instruction{Nonce: nonce, Fault: c.fault, State: c.state}
	var res result
	var template int
	if c.needsForks() {
		a.forkAll(nonce)
		a.Update(func() { template = a.mold.pid })
	}
	switch {
	case c.fault == "two replies": // the next invocation finds the second
		a.armed(in, true)
	case c.state == spawning:
		a.atSpawn(in)
	case strings.HasPrefix(c.fault, "/next"):
		a.atNext(in)
	case c.fault == "template SIGSTOP, then SIGKILL":
		a.stopAndKill(in)
	case c.state == handler || c.state == response || c.fault == "wall-clock jump":
		res.gets = a.among(in)
	default:
		a.armed(in, c.row().ends)
		res.gets = a.victim
	}
	a.atRest()
	if c.needsForks() {
		a.afterFork(in)
	}
	a.echoes("after-"+nonce, "")
	a.atRest()
	if !a.fires(nonce) {
		res.skipped = "it did not fire"
	}
	if strings.HasPrefix(c.fault, "template") && a.Wait(0, func() bool { return a.mold.pid == template }) {
		res.skipped = "it fired in a worker that was not forked"
	}
	res.violations = a.settle()
	return res
}

// fires waits briefly for the record of the fault, which a fake writes before it injects it.
func (a *arena) fires(nonce string) bool {
	return a.Wait(soon, func() bool { _, fired := a.fired[nonce]; return fired })
}

// among sends an instruction, and to the other slots events without a fault. It returns the error
// type that the instruction's caller gets.
func (a *arena) among(in instruction) (gets string) {
	var calls sync.WaitGroup
	for i := 1; i < len(a.slots); i++ {
		calls.Go(func() { a.send(instruction{Nonce: fmt.Sprintf("beside%d-%s", i, in.Nonce)}) })
	}
	gets = a.send(in)
	calls.Wait()
	return gets
}

// echoes sends as many events at once as there are slots.
func (a *arena) echoes(name, pad string) {
	var calls sync.WaitGroup
	for i := range a.slots {
		calls.Go(func() { a.send(instruction{Nonce: fmt.Sprintf("%d-%s", i, name), Pad: pad}) })
	}
	calls.Wait()
}

// atSpawn plans the fault for the next spawn and kills a worker, so that there is a spawn.
func (a *arena) atSpawn(in instruction) {
	a.Update(func() {
		a.plan, a.planTimes = in, 1
		if in.Fault == "spawn failing" {
			a.planTimes = 2
		}
	})
	a.among(instruction{Nonce: "trigger-" + in.Nonce, Fault: "SIGKILL", State: handler})
	a.Wait(patience, func() bool { return a.plan.Fault == "" })
}

// atNext spoils the next polls and sends events until all of them were spoilt.
func (a *arena) atNext(in instruction) {
	a.Update(func() {
		a.note(in, 0, time.Now())
		spoil := nextFaults[in.Fault]
		a.nextFault, a.nextSpoilt = spoil.Fault, spoil.calls+spoil.each*len(a.slots)
	})
	for n := 0; !a.Wait(0, func() bool { return a.nextSpoilt == 0 }); n++ {
		a.echoes(fmt.Sprintf("poll%d-%s", n, in.Nonce), "")
	}
}

// armed arms a worker with a fault for when it is idle or reads its next request, and sends events
// until the fault has fired. If ends is set, it waits for the worker to die.
func (a *arena) armed(in instruction, ends bool) {
	var worker *watched
	id := a.sendFor(in).id
	a.Update(func() {
		pid := a.trip(id).pid
		for i := range a.slots {
			if w := a.slots[i].worker; w != nil && w.PID() == pid {
				worker = w
			}
		}
	})
	pad := ""
	if in.Fault == "never reads" {
		pad = strings.Repeat("x", 300<<10) // more than a pipe holds
	}
	over := func() bool {
		if ends {
			return worker == nil || worker.died
		}
		_, fired := a.fired[in.Nonce]
		return fired
	}
	// An event may go to any slot. With 40 times as many as slots, the armed one gets one.
	for n := 0; n < 40 && !a.Wait(0, over); n++ {
		a.echoes(fmt.Sprintf("probe%d-%s", n, in.Nonce), pad)
	}
}

// send invokes with an instruction and judges the answer.
func (a *arena) send(in instruction) (errorType string) { return a.sendFor(in).errorType }

func (a *arena) sendFor(in instruction) answerOf {
	got := a.call(in)
	a.Update(func() {
		t := a.trip(got.id)
		own := (in.State == handler || in.State == response || in.Fault == "wall-clock jump") && in.Fault != ""
		switch {
		case got.errorType == "" && got.nonce != in.Nonce:
			a.violate(inv3, "%v got the answer %q", t, got.nonce)
		case t.touched:
			// Any answer will do, but only one: see checkReports.
			a.victim = max(a.victim, got.errorType)
		case !own && got.errorType != "":
			a.violate(inv1, "%v failed though nothing was done to its worker: %s", t, got.errorType)
		case own:
			want := strings.Split(cell{in.Fault, in.State}.row().gets, "|")
			if !slices.Contains(want, got.errorType) {
				a.violate(invTable, "%v got %q, want one of %q", t, got.errorType, want)
			}
		}
	})
	return got
}

// settle checks the invariants at rest and forgets the round.
func (a *arena) settle() []violation {
	a.Lock()
	a.checkReports()
	a.checkDeaths()
	a.measure(a.h.rec)
	var workers []*watched
	for _, s := range a.slots {
		if s.worker != nil {
			workers = append(workers, s.worker)
		}
	}
	if len(workers) != len(a.slots) {
		a.violate(inv6, "%d workers live in %d slots", len(workers), len(a.slots))
	}
	a.checkProcesses(workers)
	broken := append(a.broken, a.checkChildren()...)
	a.eye = newEye()
	a.plan, a.planTimes, a.nextSpoilt = instruction{}, 0, 0
	a.Unlock()
	return broken
}

// checkChildren checks that the background children of dead workers died with them.
func (e *eye) checkChildren() []violation {
	left := proc.WaitGone(soon, e.childOf...)
	if len(left) == 0 {
		return nil
	}
	proc.KillAll(left)
	return []violation{{inv6, fmt.Sprintf("children %v outlived the worker that started them", left)}}
}

// A loneInjector starts an arena for each round, because the round ends it.
type loneInjector struct{ h *fakeHarness }

func (l loneInjector) close() []violation { return nil }

func (l loneInjector) inject(c cell, nonce string) result {
	a := l.h.mustArena(2, 10*time.Second, 2*time.Second, 10*time.Second)
	in := instruction{Nonce: nonce, Fault: c.fault, State: c.state}
	var res result
	if c.state == draining {
		a.echoes("before-"+nonce, "")
		a.send(in) // the last
		a.Update(func() { a.closing = true })
		a.stop()
		a.fires(nonce)
		res.violations = a.close()
	} else {
		a.Update(func() { a.closing = true })
		res.gets = a.send(in) // alone, because queued invocations would get no answer
		if a.Wait(patience, func() bool { return !a.running() }); a.running() || a.err == nil {
			res.violations = append(res.violations, violation{inv1, "Run goes on after " + c.fault})
			a.stop()
			a.Wait(patience, func() bool { return !a.running() })
		}
		res.violations = append(res.violations, a.free()...)
	}
	a.Lock()
	defer a.Unlock()
	if _, fired := a.fired[nonce]; !fired {
		res.skipped = "it did not fire"
	}
	a.broken = nil
	a.checkReports()
	res.violations = append(append(res.violations, a.broken...), a.checkChildren()...)
	return res
}
