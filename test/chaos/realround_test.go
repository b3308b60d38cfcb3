package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

var realRoundsFlag = flag.Int("chaos.realrounds", 0, "number of rounds with real R, at least one for each cell")

// inject runs a round: the fault, then an invocation that must work, then the invariants.
func (a *realArena) inject(c cell, nonce string) (res result) {
	worker := a.workers()
	if len(worker) != 1 {
		a.violate(inv6, "R processes %v serve, want one", worker)
		return result{skipped: "there is no worker", violations: a.settle()}
	}
	pid := worker[0]
	switch {
	case c.needsForks():
		res.skipped = a.hurtForking(c, nonce)
	case c.state == spawning:
		res.skipped = a.spawnWith(c, nonce, pid)
	case strings.HasPrefix(c.fault, "/next"):
		spoil := nextFaults[c.fault]
		a.Update(func() { a.nextFault, a.nextSpoilt = spoil.Fault, spoil.calls+spoil.each })
		a.expect("poll-"+nonce, cell{}, "")
		if !a.Wait(patience, func() bool { return a.nextSpoilt == 0 }) {
			res.skipped = "/next was not asked"
		} else if spoil.CutOff {
			res.gets = a.expect("cut-"+nonce, cell{}, runtimeapi.ErrorEvent)
		}
	case strings.HasPrefix(c.fault, "/response") || strings.HasPrefix(c.fault, "/error"):
		a.Update(func() { a.spoil = c.fault })
		res.gets = a.expectFault(nonce, c)
		if !a.Wait(0, func() bool { return a.spoil == "" }) {
			res.skipped = "there was no such report"
		}
	case c.state == ready && printed[ready] != 0 && slices.Contains(prints, c.fault):
		a.expect(nonce, c, "")
		res.gets = a.victim("beside-"+nonce, cell{})
	case c.state == ready:
		hurt(pid, c.fault)
		thawLater(c, pid)
		res.gets = a.victim(nonce, c)
	case c.state == unread:
		// A stopped R has its request in the pipe and has not read it.
		_ = syscall.Kill(pid, syscall.SIGSTOP) // it is alive
		hurtWhenHanded(a, pid, c)
		res.gets = a.victim(nonce, c)
	default:
		thawLater(c, pid)
		res.gets = a.expectFault(nonce, c)
		if !a.fired(nonce) {
			res.skipped = "it did not fire"
		}
	}
	a.atRest()
	a.expect("after-"+nonce, cell{}, "")
	a.atRest()
	res.violations = a.settle()
	return res
}

// prints are the faults that only write output.
var prints = []string{"flood on stdout", "flood on stderr", "no newline", "invalid UTF-8"}

// realGets are the error types for the caller where real R does better than a fake: it has file
// descriptor 4 twice, and it usually reports by itself that memory ran out.
var realGets = map[string]string{"closes fd 4": "", "out of memory": "simpleError"}

// hurt sends the signal of the fault's name, or SIGSTOP.
func hurt(pid int, fault string) {
	signals := map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGSEGV": syscall.SIGSEGV, "SIGINT": syscall.SIGINT}
	s, ok := signals[fault]
	if !ok {
		s = syscall.SIGSTOP
	}
	_ = syscall.Kill(pid, s) // it may have died already
}

// hurtWhenHanded hurts the stopped worker after /next has returned an event. Unless the fault is a
// SIGSTOP, it then continues the worker.
func hurtWhenHanded(a *realArena, pid int, c cell) {
	before := a.lastHanded()
	go func() { // ends with the round, which sends an event
		a.Wait(patience, func() bool { return a.handed != before })
		hurt(pid, c.fault)
		if !strings.HasPrefix(c.fault, "SIGSTOP") {
			_ = syscall.Kill(pid, syscall.SIGCONT) // so that it can die
		}
	}()
	thawLater(c, pid)
}

// thawLater continues a stopped worker between its interrupt and its kill.
func thawLater(c cell, pid int) {
	if c.fault == "SIGSTOP until the deadline, then SIGCONT" {
		time.AfterFunc(realTimeout-realMargin*3/4, func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	}
}

func (a *realArena) lastHanded() string {
	a.Lock()
	defer a.Unlock()
	return a.handed
}

// victim sends an event to a worker that was hurt. The caller must get its own answer or an error,
// once.
func (a *realArena) victim(nonce string, c cell) string {
	got := a.invoke(nonce, cell{})
	if got.errorType == "" && got.nonce != nonce {
		a.violate(inv3, "%s got the answer %q", nonce, got.nonce)
	}
	a.checkReports(got.id, c)
	return got.errorType
}

// expect sends an event whose caller must get an error of one of these types; the type "" is the
// answer.
func (a *realArena) expect(nonce string, c cell, errorTypes string) string {
	got := a.invoke(nonce, c)
	if got.errorType == "" && got.nonce != nonce {
		a.violate(inv3, "%s got the answer %q", nonce, got.nonce)
	}
	if !slices.Contains(strings.Split(errorTypes, "|"), got.errorType) {
		a.violate(invTable, "%s (%v) got %q, want %q", nonce, c, got.errorType, errorTypes)
	}
	a.checkReports(got.id, c)
	if got.errorType == "" {
		a.checkLine(nonce, got.id)
	}
	if death := deaths[c.fault]; c.state == handler && death != "" {
		words := "chaos-words " + nonce
		if c.fault == "SIGSEGV" {
			words = "caught segfault" // R's report takes their place
		}
		for _, part := range []string{death, words} {
			if !strings.Contains(got.message, part) {
				a.violate(invTable, "%s (%v) got %q, without %q", nonce, c, got.message, part)
			}
		}
	}
	return got.errorType
}

// deaths are how an error names the death of a worker. Its last words follow.
var deaths = map[string]string{
	"SIGKILL": "was killed by SIGKILL", "SIGSEGV": "was killed by SIGSEGV", "exit 0": "exited with status 0", "exit 3": "exited with status 3",
}

// expectFault sends an event whose handler injects the fault into itself.
func (a *realArena) expectFault(nonce string, c cell) string {
	want, better := realGets[c.fault]
	if a.h.command != nil {
		want, better = serverGets[c.fault]
	}
	if !better {
		want = c.row().gets
	}
	return a.expect(nonce, c, want)
}

// recover kills the worker in its handler. It measures the times until the error report and until
// the next worker is ready.
func (a *realArena) recover(nonce string) []violation {
	c := cell{"SIGKILL", handler}
	a.expectFault(nonce, c)
	at := a.firedAt(nonce)
	a.Lock()
	reported := a.trips[a.handed].reports[0].began
	a.Unlock()
	a.h.rec.took("kill → error report", reported.Sub(at))
	if a.Wait(patience, func() bool { return a.lastPoll.After(at) && a.openPolls == 1 }) {
		a.Lock()
		a.h.rec.took("kill → next worker ready", a.lastPoll.Sub(at))
		a.Unlock()
	}
	a.atRest()
	a.expect("after-"+nonce, cell{}, "") // so that the next restart has no pause either
	a.atRest()
	a.noteSpawns()
	return a.settle()
}

// spawnWith plans the fault for the next spawn and kills the worker. If the fault did not fire, it
// returns the reason.
func (a *realArena) spawnWith(c cell, nonce string, pid int) (skipped string) {
	name, text := a.path("plan"), nonce+"\n"+c.fault+"\n"
	if c.fault == "spawn failing" || c.fault == "freeze mid-backoff" {
		name += ".fail"
		proc.KillAll(a.templates()) // so that the next R is started
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return err.Error()
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it is idle
	gone := func() bool { _, err := os.Stat(name); return err != nil }
	if strings.HasPrefix(c.fault, "freeze") {
		if c.fault == "freeze mid-backoff" {
			a.Wait(patience, gone) // a second failure, after which the slot pauses
		}
		a.freeze()
	}
	a.expect("spawn-"+nonce, cell{}, "|Runtime.WorkerUnavailable|Runtime.WorkerCrashed")
	if !a.Wait(patience, gone) {
		return "no R saw the plan"
	}
	return ""
}

// freeze stops all processes and continues them 60 ms later. The delay is the fault, not a pause
// of the suite.
func (a *realArena) freeze() {
	pids := append(a.program.Processes(), a.program.Cmd.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // it may have ended
	}
	time.AfterFunc(60*time.Millisecond, func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
}

// journal returns the lines of the journal that begin with kind and end with nonce.
func (a *realArena) journal(kind, nonce string) (lines []string) {
	text, _ := os.ReadFile(a.path("journal")) // an error: the file does not exist yet
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, kind+" ") && strings.HasSuffix(line, " "+nonce) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (a *realArena) fired(nonce string) bool { return len(a.journal("fire", nonce)) > 0 }

func (a *realArena) firedAt(nonce string) time.Time {
	for _, line := range a.journal("fire", nonce) {
		var pid int
		var nanos int64
		if _, err := fmt.Sscanf(line, "fire %d %d", &pid, &nanos); err == nil {
			return time.Unix(0, nanos)
		}
	}
	return time.Time{}
}

// checkReports checks invariants 1 and 2 for one invocation.
func (a *realArena) checkReports(id string, c cell) {
	a.Wait(patience, func() bool {
		t := a.trips[id]
		return t != nil && len(t.reports) > 0 && !t.reports[len(t.reports)-1].ended.IsZero()
	})
	a.Lock()
	t := a.trips[id]
	a.Unlock()
	if t == nil {
		a.violate(inv1, "invocation %s (%v) was answered and never handed out", id, c)
		return
	}
	answers, accepted := 0, 0
	for _, r := range t.reports {
		if answered(r.status) {
			answers++
		}
		if r.status == 202 {
			accepted++
			if left := t.handed.Add(realTimeout).Sub(r.ended); left < epsilon {
				a.violate(inv1, "invocation %s (%v) was reported %v before its deadline", id, c, left)
			}
		}
		if r.op != t.reports[0].op {
			a.violate(inv1, "invocation %s (%v) was reported both ways", id, c)
		}
	}
	if answers > 1 || accepted == 0 && !apiFaults[c.fault].Late {
		a.violate(inv1, "invocation %s (%v) has %d reports, %d of them accepted", id, c, len(t.reports), accepted)
	}
}

// checkLine checks invariants 8 and 2 for an invocation that was answered.
func (a *realArena) checkLine(nonce, id string) {
	// The line may begin with the output of a child that prints at the same time. After a flood it may
	// be late: on a busy machine, this program does not read as fast as R prints.
	line := a.program.Output.WaitFor(patience, regexp.MustCompile(".*chaos-line "+nonce+`".*\n`))
	if line == nil || !strings.Contains(line[0], `"requestId":"`+id+`"`) {
		a.violate(inv8, "the line of %s was not logged with request id %s: %q", nonce, id, line)
	}
	reads := a.journal("read", nonce)
	if len(reads) != 1 {
		a.violate(inv2, "%s was read %d times: %q", nonce, len(reads), reads)
		return
	}
	if _, err := fmt.Sscanf(reads[0], "read %d %d", &a.worker, &a.loader); err != nil {
		a.violate(inv2, "%s was read by %q", nonce, reads[0])
	}
}

// noteSpawns records the durations of the spawns in the log.
func (a *realArena) noteSpawns() {
	how := "cold spawn"
	if a.worker != a.loader {
		how = "fork"
	}
	for line := range strings.Lines(a.program.Output.String()) {
		var r struct {
			Message string  `json:"message"`
			TookMs  float64 `json:"took_ms"`
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Message == "worker ready" {
			a.h.rec.took(how, time.Duration(r.TookMs*float64(time.Millisecond)))
		}
	}
}

// settle checks the invariants at rest and forgets the round.
func (a *realArena) settle() []violation {
	left := func() (pids []int) {
		known := slices.Concat(a.workers(), a.templates(), proc.Watchdogs(a.program.Cmd.Process.Pid))
		return slices.DeleteFunc(a.program.Processes(), func(pid int) bool { return slices.Contains(known, pid) })
	}
	if pids := proc.WaitGone(soon, left()...); len(pids) > 0 {
		a.violate(inv6, "processes %v are left beside the worker", pids)
		proc.KillAll(pids)
	}
	if workers := a.workers(); len(workers) != 1 {
		a.violate(inv6, "R processes %v serve, want one", workers)
	}
	shared := func() []violation { return sharedPipes(a.children()...) }
	if !board.Poll(soon, func() bool { return len(shared()) == 0 }) { // a process that is being started shares all
		a.Update(func() { a.broken = append(a.broken, shared()...) })
	}
	tidy := func() bool {
		entries, _ := os.ReadDir(a.dir)
		n := 0
		for _, d := range entries {
			if strings.HasPrefix(d.Name(), "lambda-r-") {
				n++
			}
		}
		return n == a.usedDirs() && a.openFDs() <= a.fds+2 // connections to the emulator open and close
	}
	if !board.Poll(soon, tidy) {
		a.violate(inv6, "TMPDIRs or file descriptors are left: %d open, %d at first", a.openFDs(), a.fds)
	}
	a.over() // which the output says
	a.Lock()
	defer a.Unlock()
	a.program.Output.Reset()
	broken := a.broken
	a.broken = nil
	_ = os.Remove(a.path("journal")) // the next round has its own
	return broken
}

// A loneReal starts a bootstrap for each round, because the round ends it.
type loneReal struct{ h *realHarness }

func (l loneReal) close() []violation { return nil }

func (l loneReal) inject(c cell, nonce string) (res result) {
	if c.fault == "bootstrap SIGKILL" {
		return l.killBootstrap(c, nonce)
	}
	a := l.h.start(1)
	if c.state == draining {
		a.expect(nonce, c, "")
		a.atRest()
		res.violations = a.close()
		if !a.fired(nonce) {
			res.skipped = "the shutdown hook did not fire"
		}
		return res
	}
	a.Update(func() { a.spoil = c.fault })
	a.expect(nonce, c, c.row().gets)
	if !a.program.WaitEnd(patience) {
		a.violate(invTable, "bootstrap goes on after %s", c.fault)
	} else if code := a.program.Cmd.ProcessState.ExitCode(); code != 1 {
		a.violate(invTable, "exit status %d after %s, want 1", code, c.fault)
	}
	res.violations = a.close()
	return res
}
