package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

// The invariants, numbered as in docs/reliability.md. Number 5 is measured, see the histograms.
const (
	inv1  = "1 one accepted report for each invocation, before its deadline"
	inv2  = "2 an invocation reaches one worker, once"
	inv3  = "3 each gets the answer to its own event"
	inv4  = "4 no more open polls than ready workers"
	inv6  = "6 nothing is left over at rest"
	inv7  = "7 spawns keep to the backoff, a crash to its slot"
	inv8  = "8 lines are logged with their invocation before it is answered"
	inv9  = "9 transitions follow the diagram and end each invocation once"
	inv10 = "10 each R has its own pipes"
	inv11 = "11 forking goes on after the death of a template"

	// The outcome for the caller and the worker.
	invTable = "the failure table of docs/architecture.md"
)

const (
	patience = 20 * time.Second     // guards against a hang; never a pause
	epsilon  = 5 * time.Millisecond // a report must be this much before the deadline
	soon     = 2 * time.Second      // for the effects of a kill
)

// An eye holds what one injector observed in this round. The arena's lock guards it.
type eye struct {
	broken  []violation
	trips   map[string]*trip     // by request id
	fired   map[string]fire      // by nonce
	hurt    map[int]fire         // by pid, of faults that a worker does not survive
	lines   map[string][2]string // by nonce: the request ids logged with it on stdout, stderr
	dead    []*watched
	lost    map[int]int // by pid, how often the supervisor lost the worker
	births  []birth
	childOf []int  // background children of fakes that then end
	victim  string // the error type that a caller got from an armed worker
}

func newEye() eye {
	return eye{
		trips: map[string]*trip{}, fired: map[string]fire{}, hurt: map[int]fire{}, lines: map[string][2]string{}, lost: map[int]int{},
	}
}

func (e *eye) violate(invariant, format string, args ...any) {
	e.broken = append(e.broken, violation{invariant, fmt.Sprintf(format, args...)})
}

// A trip is what was observed of one invocation.
type trip struct {
	id       string
	in       instruction
	deadline time.Time
	sends    int  // how often it was sent to a worker
	handed   bool // /next returned it
	pid      int  // of the worker that received it
	touched  bool // an earlier instruction had armed its worker
	reports  []*report

	received, over int // how many transitions began and ended it
}

type report struct {
	op           string
	began, ended time.Time
	status       int
}

type fire struct {
	in  instruction
	pid int
	at  time.Time
}

type birth struct {
	before   int  // the pid of the slot's previous worker
	failures int  // since the last answered invocation
	planned  bool // a fault was planned for the spawn
	at       time.Time
}

// trip returns the trip with this id.
func (e *eye) trip(id string) *trip {
	if e.trips[id] == nil {
		e.trips[id] = &trip{id: id}
	}
	return e.trips[id]
}

// checkReports checks invariants 1 and 2 over all trips of the round.
func (e *eye) checkReports() {
	for _, t := range e.trips {
		if t.received != t.over || t.received > 1 {
			e.violate(inv9, "%v was received %d times, and ended %d times", t, t.received, t.over)
		}
		accepted, unanswered := 0, 0
		for _, r := range t.reports {
			switch {
			case !answered(r.status):
				unanswered++
			case r.status == 202:
				accepted++
				if left := t.deadline.Sub(r.ended); left < epsilon {
					e.violate(inv1, "%v was reported %v before its deadline", t, left)
				}
			}
		}
		// A reset connection is not an answer, nor is that of a busy API. Any other is final.
		if len(t.reports)-unanswered > 1 {
			e.violate(inv1, "%v was reported %d times", t, len(t.reports))
		}
		if slices.ContainsFunc(t.reports, func(r *report) bool { return r.op != t.reports[0].op }) {
			e.violate(inv1, "%v was reported both ways", t)
		}
		// A late fault replaces the answer to an accepted report.
		if accepted == 0 && !apiFaults[t.in.Fault].Late {
			e.violate(inv1, "%v has no accepted report, but %d others", t, len(t.reports))
		}
	}
}

func (t *trip) String() string {
	return fmt.Sprintf("invocation %s (%s, %s/%s)", t.id, t.in.Nonce, t.in.Fault, t.in.State)
}

// checkLines checks invariant 8 for an invocation when Invoke has returned. The slot cannot have
// begun another one by then.
func (e *eye) checkLines(t *trip) {
	for i, stream := range []string{"stdout", "stderr"} {
		if got := e.lines[t.in.Nonce][i]; got != t.id {
			e.violate(inv8, "the %s of %v was logged with request id %q", stream, t, got)
		}
	}
}

// checkDeaths checks one half of invariant 7: a crash affects only its own slot.
func (e *eye) checkDeaths() {
	for _, w := range e.dead {
		if _, hurt := e.hurt[w.PID()]; !hurt && !w.shot {
			e.violate(inv7, "worker %d of slot %d died, and nothing was done to it: %v", w.PID(), w.slot, w.Err())
		}
		e.checkExit(w)
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", w.PID())); err == nil && proc.Parent(w.PID()) == os.Getpid() {
			e.violate(inv6, "worker %d is dead and not reaped", w.PID())
		}
	}
}

// exits are how faults end a fake, if bootstrap does not kill it first.
var exits = map[string]process.ExitError{
	"SIGKILL": {Signal: syscall.SIGKILL}, "SIGSEGV": {Signal: syscall.SIGSEGV}, "exit 0": {}, "exit 3": {Code: 3},
}

// checkExit checks that a worker's death was seen with its signal or status, and with the last line on
// stderr if it was busy.
func (e *eye) checkExit(w *watched) {
	f, hurt := e.hurt[w.PID()]
	want, known := exits[f.in.Fault]
	exit, _ := errors.AsType[*worker.ExitError](w.Err())
	if !hurt || !known || exit == nil || exit.Killed != "" {
		return
	}
	if exit.Signal != want.Signal || exit.Code != want.Code {
		e.violate(invTable, "worker %d died of %s, and was seen to have died of %v", w.PID(), f.in.Fault, exit)
	}
	line := lineMark + f.in.Nonce
	if f.in.State == handler && !slices.ContainsFunc(exit.StderrTail, func(l string) bool { return strings.HasPrefix(l, line) }) {
		e.violate(invTable, "the last words of worker %d are %q, without %q", w.PID(), exit.StderrTail, line)
	}
}

// checkSpawn checks the other half of invariant 7 when a spawn begins: the pause before it.
func (s *slotLog) checkSpawn(e *eye, slot int, now time.Time) {
	if s.failures == 0 {
		return
	}
	pause := now.Sub(s.failed)
	least, most := time.Duration(0), soon
	if n := s.failures - 2; n >= 0 {
		// The pause is 100 ms, doubled each time up to 5 s, plus or minus half of it.
		usual := min(100*time.Millisecond<<min(n, 10), 5*time.Second)
		least, most = usual/2-time.Millisecond, usual*3/2+soon
	}
	if pause < least || pause > most {
		e.violate(inv7, "slot %d spawned %v after failure %d in a row, want %v to %v", slot, pause, s.failures, least, most)
	}
}

// checkProcesses checks invariants 6 and 10 with the living workers.
func (a *arena) checkProcesses(workers []*watched) {
	pids, used := []int{}, map[string]bool{}
	for _, w := range workers {
		if f, hurt := a.hurt[w.PID()]; hurt {
			a.violate(invTable, "worker %d is kept after %s/%s", w.PID(), f.in.Fault, f.in.State)
		}
		if !proc.Alive(w.PID()) {
			a.violate(inv6, "worker %d is a zombie", w.PID())
		}
		pids = append(pids, w.PID())
		used[w.TempDir()] = true
		if w.origin != "" {
			used[w.origin] = true // the handler's file may have made files in it
		}
	}
	if a.mold.template != nil {
		pids = append(pids, a.mold.pid)
		used[a.mold.dir] = true
	}
	a.broken = append(a.broken, sharedPipes(pids...)...)
	if dirs, _ := filepath.Glob(filepath.Join(a.temp, "*")); len(dirs) != len(used) {
		a.violate(inv6, "%d TMPDIRs, of which %d workers and the template %d use %d", len(dirs), len(workers), a.mold.pid, len(used))
	}
}

// measure adds the durations of number 5 to the record.
func (e *eye) measure(rec *record) {
	killed := func(pid int) (time.Time, bool) {
		f, ok := e.hurt[pid]
		return f.at, ok && f.in.Fault == "SIGKILL" && f.in.State != spawning
	}
	for _, t := range e.trips {
		i := slices.IndexFunc(t.reports, func(r *report) bool { return r.op == faulty.OpError })
		if at, ok := killed(t.pid); ok && i >= 0 && t.reports[i].began.After(at) {
			rec.took("kill → error report", t.reports[i].began.Sub(at))
		}
	}
	for _, b := range e.births {
		if at, ok := killed(b.before); ok && b.failures == 1 && !b.planned {
			rec.took("kill → next worker ready", b.at.Sub(at))
		}
	}
}
