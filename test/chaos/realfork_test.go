package chaos

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
)

// A forkedReal is a bootstrap that forks its workers. If a fault ends forking, another one follows.
type forkedReal struct {
	h *realHarness
	*realArena
}

func (f *forkedReal) inject(c cell, nonce string) (res result) {
	res = f.realArena.inject(c, nonce)
	if f.worker == f.loader && !f.over() { // it was spawned while there was no template
		f.refork("again-" + nonce)
		res.violations = append(res.violations, f.settle()...)
	}
	over := f.over()
	if over != c.endsForking() && !(c.mayEndForking() && over) {
		res.violations = append(res.violations, violation{inv11, fmt.Sprintf("forking has ended: %q", f.ended)})
	}
	if over {
		res.violations = append(res.violations, f.close()...)
		f.realArena = f.h.start(1)
	}
	return res
}

// endsForking reports whether a fault ends forking: a fork hangs, or its worker dies before it is
// ready.
func (c cell) endsForking() bool {
	switch {
	case c.fault == "template SIGSTOP":
		return true
	case c.state != spawning || c.needsForks():
		return false
	}
	return c.row().ends
}

// mayEndForking reports whether it depends on the moment.
func (c cell) mayEndForking() bool {
	return c.state == spawning && (c.fault == "middle process SIGKILL" || c.fault == "template SIGKILL")
}

// templates returns the pids of the R processes that workers are forked from, which is one at rest.
func (a *realArena) templates() []int {
	if !a.h.forks() {
		return nil
	}
	return slices.DeleteFunc(a.children(), func(pid int) bool { return pid == a.worker })
}

// over reports whether forking has ended in this round or before.
func (a *realArena) over() bool {
	if a.ended == "" {
		a.ended = regexp.MustCompile(`.*"forking has failed.*`).FindString(a.program.Output.String())
	}
	return a.ended != ""
}

// usedDirs returns how many TMPDIRs are in use. That of a dead template is used by its workers.
func (a *realArena) usedDirs() int {
	used := append(a.templates(), a.worker, a.loader)
	slices.Sort(used)
	return len(slices.Compact(used))
}

// hurtForking injects a fault of forking. If the fault did not fire, it returns the reason.
func (a *realArena) hurtForking(c cell, nonce string) (skipped string) {
	worker := a.worker
	templates := a.templates()
	if len(templates) != 1 {
		return fmt.Sprintf("the templates are %v", templates)
	}
	template := templates[0]
	switch {
	case c.fault == "watchdog SIGKILL":
		skipped = a.hurtWatchdog(c, nonce)
	case c.state == handler:
		a.expectFault(nonce, c)
	case c.fault == "template SIGSTOP":
		hurt(template, strings.TrimPrefix(c.fault, "template "))
		proc.KillAll([]int{worker})
		a.expect("stopped-"+nonce, cell{}, "|Runtime.WorkerUnavailable|Runtime.WorkerCrashed")
	case c.fault == "template SIGSTOP, then SIGKILL":
		hurt(template, "SIGSTOP")
		var killing sync.WaitGroup
		killing.Go(func() { // ends when a fork was requested, or never will be
			board.Poll(soon, func() bool { return strings.Contains(a.program.Output.String(), `"message":"spawning"`) })
			proc.KillAll([]int{template})
		})
		proc.KillAll([]int{worker})
		a.expect("stopped-"+nonce, cell{}, "|Runtime.WorkerUnavailable|Runtime.WorkerCrashed")
		killing.Wait()
	case c.fault == "template fails to load":
		if err := os.WriteFile(a.path("plan.load"), []byte(nonce+"\nexit 3\n"), 0o600); err != nil {
			return err.Error()
		}
		proc.KillAll(templates)
		if !board.Poll(patience, func() bool { return a.fired(nonce) }) {
			skipped = "no template loads"
		}
	case c.state == spawning:
		skipped = a.hurtFork(c, nonce)
	default:
		hurt(template, strings.TrimPrefix(c.fault, "template "))
		a.expect("beside-"+nonce, cell{}, "")
		if a.worker != worker {
			a.violate(inv7, "worker %d was replaced by %d after %v", worker, a.worker, c)
		}
	}
	a.atRest()
	a.expect("hurt-"+nonce, cell{}, "") // to see which worker there is
	a.atRest()
	a.refork(nonce)
	return skipped
}

// hurtWatchdog kills the watchdog, while the worker is idle or busy. There must be another one.
func (a *realArena) hurtWatchdog(c cell, nonce string) (skipped string) {
	bootstrap := a.program.Cmd.Process.Pid
	killed := proc.Watchdogs(bootstrap)
	if len(killed) != 1 {
		return fmt.Sprintf("the watchdogs are %v", killed)
	}
	if c.state == ready {
		proc.KillAll(killed)
	} else {
		var killing sync.WaitGroup
		killing.Go(func() { // ends when the handler waits for it
			board.Poll(patience, func() bool { return a.fired(nonce) })
			proc.KillAll(killed)
			_ = os.WriteFile(a.path("plan.done"), nil, 0o600) // without it, the invocation fails
		})
		a.expectFault(nonce, c)
		killing.Wait()
		_ = os.Remove(a.path("plan.done")) // likewise
	}
	if !board.Poll(soon, func() bool { now := proc.Watchdogs(bootstrap); return len(now) == 1 && now[0] != killed[0] }) {
		a.violate(inv6, "the watchdogs are %v after %v were killed", proc.Watchdogs(bootstrap), killed)
	}
	return ""
}

// hurtFork kills the template while it forks, or the process between it and the worker. A fork takes
// a few milliseconds, so it may take several to catch one.
func (a *realArena) hurtFork(c cell, nonce string) (skipped string) {
	for n := range 30 {
		if len(a.templates()) != 1 {
			break // the last fork has ended forking
		}
		template, caught := a.templates()[0], make(chan bool)
		go func() { caught <- catchFork(template, c.fault) }() // received below
		proc.KillAll([]int{a.worker})
		a.expect(fmt.Sprintf("fork%d-%s", n, nonce), cell{}, "|Runtime.WorkerUnavailable|Runtime.WorkerCrashed")
		a.atRest()
		if <-caught {
			return ""
		}
		a.expect(fmt.Sprintf("forked%d-%s", n, nonce), cell{}, "") // to see which worker there is
		a.atRest()
	}
	return "no fork was caught"
}

// catchFork waits for the next process that template forks, and kills it or the template. It reports
// whether it did.
func catchFork(template int, fault string) (caught bool) {
	next := newestPID() + 1
	for began := time.Now(); time.Since(began) < soon; { // without pauses, which would be longer than a fork
		for newest := newestPID(); next <= newest; next++ {
			if proc.Parent(next) != template {
				continue
			}
			victim := next
			if strings.HasPrefix(fault, "template") {
				victim = template
			}
			return proc.Alive(next) && syscall.Kill(victim, syscall.SIGKILL) == nil
		}
	}
	return false
}

// newestPID returns the pid of the process or thread that was made last.
func newestPID() (pid int) {
	var load, running string
	text, _ := os.ReadFile("/proc/loadavg") // it exists, see proc(5)
	_, _ = fmt.Sscan(string(text), &load, &load, &load, &running, &pid)
	return pid
}

// refork lets workers die until one was forked. Until the template is replaced, they are spawned.
func (a *realArena) refork(nonce string) {
	for n := range 10 {
		if a.over() {
			return
		}
		before := a.worker
		proc.KillAll([]int{before})
		a.expect(fmt.Sprintf("refork%d-%s", n, nonce), cell{}, "|Runtime.WorkerUnavailable|Runtime.WorkerCrashed")
		a.atRest()
		a.expect(fmt.Sprintf("reforked%d-%s", n, nonce), cell{}, "")
		a.atRest()
		if a.worker != before && slices.Equal(a.templates(), []int{a.loader}) {
			return
		}
	}
	a.violate(inv11, "worker %d has the template %d; the templates are %v", a.worker, a.loader, a.templates())
}

// killBootstrap kills bootstrap while both workers are idle or busy. Nothing may be left. With forked
// workers, the watchdog is killed before, in every second round.
func (l loneReal) killBootstrap(c cell, nonce string) (res result) {
	a := l.h.start(2)
	var calls sync.WaitGroup
	if c.state == handler {
		for i := range a.slots {
			calls.Go(func() { a.invoke(fmt.Sprintf("busy%d-%s", i, nonce), c) }) // nobody answers
		}
		for i := range a.slots {
			if !board.Poll(patience, func() bool { return a.fired(fmt.Sprintf("busy%d-%s", i, nonce)) }) {
				res.skipped = "a worker is not busy"
			}
		}
	}
	bootstrap := a.program.Cmd.Process.Pid
	if dogs := proc.Watchdogs(bootstrap); l.h.forks() && nonce[len(nonce)-1]%2 == 0 {
		proc.KillAll(dogs)
		board.Poll(soon, func() bool { now := proc.Watchdogs(bootstrap); return len(now) == 1 && !slices.Equal(now, dogs) })
	}
	a.program.Signal(syscall.SIGKILL)
	a.program.WaitEnd(patience)
	if err := a.program.CheckGone(); err != nil {
		a.violate(inv6, "%v", err)
	}
	calls.Wait()
	a.Lock()
	defer a.Unlock()
	res.violations = a.broken
	return res
}
