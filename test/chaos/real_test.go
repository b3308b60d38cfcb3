package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// The time limits of the real harness. A cold R takes about 120 ms alone, and several times as
// long when all lanes are busy.
const (
	realTimeout = 3 * time.Second  // of an invocation
	realMargin  = time.Second      // interrupt at its beginning, kill at its half
	realInit    = 10 * time.Second // only a stopped or looping R may reach it, even on a busy machine
)

// A realHarness runs the built program with real R, as Lambda does.
type realHarness struct {
	t   *testing.T
	rec *record
	bin string

	fork    string   // LAMBDA_R_FORK
	command []string // of a web server; nil for a function
}

// forks reports whether workers are forked.
func (h *realHarness) forks() bool { return h.fork == "always" }

func (h *realHarness) lanes() map[string]int { return map[string]int{quick: 2, slow: 3, lone: 1} }

func (h *realHarness) lane(c cell) (string, int) {
	switch {
	case c.state == draining, c.fault == "/response 500", c.fault == "bootstrap SIGKILL":
		return lone, 1
	case h.forks() && c.endsForking(): // each costs a bootstrap
		return slow, 1
	case strings.HasPrefix(c.fault, "SIGSTOP"), c.fault == "loop that ignores SIGINT":
		return slow, 1
	}
	return quick, 4
}

func (h *realHarness) open(lane string) injector {
	if lane == lone {
		return loneReal{h}
	}
	if h.forks() {
		return &forkedReal{h, h.start(1)}
	}
	return h.start(1)
}

// A realArena runs one bootstrap and its R behind an emulator.
type realArena struct {
	h       *realHarness
	program *lambda.Program
	dir     string
	emu     *emulator.Emulator
	slots   int
	fds     int    // how many bootstrap has at rest
	worker  int    // the pid of the R that answered last
	loader  int    // the pid of the R that has loaded its handler
	ended   string // the log record that forking has ended

	board.Board
	trips      map[string]*realTrip
	openPolls  int
	lastPoll   time.Time    // when the last poll began
	handed     string       // the id of the last invocation that /next returned
	nextFault  faulty.Fault // of the next calls of /next
	nextSpoilt int          // how many more calls have it
	spoil      string       // the fault of the next report, see apiFaults
	onReport   func()       // if not nil, called when a report begins
	broken     []violation
}

// A realTrip is what was observed of one invocation.
type realTrip struct {
	handed  time.Time
	reports []*report
}

// start starts bootstrap with so many slots; env adds to its environment.
func (h *realHarness) start(slots int, env ...string) *realArena {
	a := &realArena{h: h, slots: slots, dir: h.t.TempDir(), trips: map[string]*realTrip{}}
	a.emu = emulator.New(emulator.Config{Timeout: realTimeout})
	url := lambda.Serve(h.t, &faulty.Handler{Next: a.emu, Fault: a.fault, Observe: a.observe})
	root, err := filepath.Abs("testdata")
	if err != nil {
		panic(err) // the working directory does not exist
	}
	// R, or a program that fails once if the plan says so.
	starter := filepath.Join(a.dir, "R")
	script := "#!/bin/sh\nif [ -e \"$CHAOS_PLAN.fail\" ]; then rm \"$CHAOS_PLAN.fail\"; exit 1; fi\nexec R \"$@\"\n"
	if err := os.WriteFile(starter, []byte(script), 0o755); err != nil {
		panic(err)
	}
	cmd := exec.Command(h.bin, h.command...)
	cmd.Env = append(os.Environ(), lambda.Env(url, "chaos.run", "AWS_LAMBDA_LOG_FORMAT=JSON", "LOG_LEVEL=debug", "LAMBDA_TASK_ROOT="+root,
		"LAMBDA_R_DEADLINE_MARGIN="+realMargin.String(), "LAMBDA_R_INIT_TIMEOUT="+realInit.String(), "LAMBDA_R_BIN="+starter,
		"TMPDIR="+a.dir, "CHAOS_JOURNAL="+a.path("journal"), "CHAOS_PLAN="+a.path("plan"),
		"LAMBDA_R_FORK="+h.fork, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", slots))...)
	cmd.Env = append(cmd.Env, env...)
	if a.program, err = lambda.Start(cmd); err != nil {
		panic(err)
	}
	h.t.Cleanup(func() { proc.KillAll(append(a.program.Processes(), cmd.Process.Pid)) })
	a.expect("warm-up", cell{}, "")
	a.atRest()
	a.fds = a.openFDs()
	return a
}

func (a *realArena) path(name string) string { return filepath.Join(a.dir, name) }

func (a *realArena) violate(invariant, format string, args ...any) {
	a.Update(func() { a.broken = append(a.broken, violation{invariant, fmt.Sprintf(format, args...)}) })
}

// fault implements faulty.Handler.Fault.
func (a *realArena) fault(c faulty.Call) (f faulty.Fault) {
	a.Update(func() {
		spoil, ok := apiFaults[a.spoil]
		switch {
		case c.Op == faulty.OpNext && a.nextSpoilt > 0:
			a.nextSpoilt--
			f = a.nextFault
		case ok && c.Op == spoil.op:
			a.spoil = ""
			f = spoil.Fault
		}
	})
	return f
}

// observe implements faulty.Handler.Observe.
func (a *realArena) observe(c faulty.Call) {
	now := time.Now()
	a.Update(func() {
		switch {
		case c.Op == faulty.OpNext && !c.Ended:
			a.openPolls++
			a.lastPoll = now
			if a.openPolls > a.slots {
				a.broken = append(a.broken, violation{inv4, fmt.Sprintf("%d polls of %d workers", a.openPolls, a.slots)})
			}
		case c.Op == faulty.OpNext:
			a.openPolls--
			if c.RequestID != "" {
				a.trips[c.RequestID] = &realTrip{handed: now}
				a.handed = c.RequestID
			}
		case c.Op == faulty.OpInitError && c.Ended:
			a.broken = append(a.broken, violation{inv1, "an init error was reported, after the init"})
		case c.Op != faulty.OpResponse && c.Op != faulty.OpError:
		case !c.Ended:
			t := a.trips[c.RequestID]
			t.reports = append(t.reports, &report{op: c.Op, began: now})
			if a.onReport != nil {
				a.onReport()
			}
		default:
			t := a.trips[c.RequestID]
			last := t.reports[len(t.reports)-1]
			last.ended, last.status = now, c.Status
		}
	})
}

// invoke invokes the function in this process and returns the answer.
func (a *realArena) invoke(nonce string, c cell) answerOf {
	if strings.HasPrefix(c.fault, "/error") {
		c.fault = "SIGKILL" // so that there is an error to report
	}
	event, err := json.Marshal(map[string]string{"nonce": nonce, "fault": c.fault, "state": string(c.state)})
	if err != nil {
		panic(err) // strings
	}
	w := httptest.NewRecorder()
	a.emu.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/2015-03-31/functions/function/invocations", bytes.NewReader(event)))
	var body struct {
		Nonce        string `json:"nonce"`
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		body.Nonce = fmt.Sprintf("%.100q", w.Body)
	}
	return answerOf{w.Header().Get("X-Amzn-Requestid"), body.ErrorType, body.Nonce, body.ErrorMessage}
}

// atRest waits until the workers' polls are open and nothing else is in flight.
func (a *realArena) atRest() {
	rests := func() bool {
		for _, t := range a.trips {
			for _, r := range t.reports {
				if r.ended.IsZero() {
					return false
				}
			}
		}
		return a.openPolls == a.slots
	}
	if !a.Wait(patience, rests) {
		a.violate(inv6, "bootstrap is not at rest after %v; it printed:\n%s", patience, a.program.Output.String())
	}
}

func (a *realArena) openFDs() int {
	fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.program.Cmd.Process.Pid)) // fails only if bootstrap has ended
	return len(fds)
}

// children returns the living R processes that are bootstrap's children: its workers and the template.
func (a *realArena) children() []int {
	others := proc.Watchdogs(a.program.Cmd.Process.Pid)
	return slices.DeleteFunc(a.program.Processes(), func(pid int) bool {
		return proc.Parent(pid) != a.program.Cmd.Process.Pid || slices.Contains(others, pid)
	})
}

// workers returns the living R processes that serve. If workers are forked, it knows only the one that
// answered last.
func (a *realArena) workers() []int {
	return slices.DeleteFunc(a.children(), func(pid int) bool { return a.h.forks() && pid != a.worker })
}

// stop ends bootstrap as Lambda does, and checks that nothing is left.
func (a *realArena) stop() {
	began := time.Now()
	if err := a.program.Stop(syscall.SIGTERM, patience); err != nil {
		a.violate(inv6, "%v", err)
	} else if took := time.Since(began); took > soon {
		a.violate(inv6, "the shutdown took %v", took)
	}
	if dirs, _ := filepath.Glob(a.path("lambda-r-*")); len(dirs) > 0 {
		a.violate(inv6, "the TMPDIRs %v are left", dirs)
	}
}

func (a *realArena) close() []violation {
	a.stop()
	a.Lock()
	defer a.Unlock()
	return a.broken
}

// buildReal builds bootstrap for tests with real R and returns its path.
func buildReal(t *testing.T) (bin string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs R")
	}
	if _, err := exec.LookPath("R"); err != nil {
		t.Fatal("R is not installed: run make test, which installs it")
	}
	bin, err := lambda.Build(t.TempDir(), "cmd/bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestChaosReal runs the cells of the real harness.
func TestChaosReal(t *testing.T) { runReal(t, "real R", "never") }

// TestChaosRealForked does so with forked workers.
func TestChaosRealForked(t *testing.T) { runReal(t, "real R, forked,", "always") }

func runReal(t *testing.T, name, fork string) {
	t.Helper()
	bin := buildReal(t)
	rec := newRecord(name, *seedFlag, cellsFor(realR, fork == "always", *cellsFlag))
	h := &realHarness{t: t, rec: rec, bin: bin, fork: fork}
	if *cellsFlag == "" {
		// The recovery is measured first, while nothing else runs.
		a := h.start(1)
		for i := range max(5, *realRoundsFlag/5) {
			rec.wrong(cell{"SIGKILL", handler}, a.recover(fmt.Sprintf("recovery%d", i)))
		}
		rec.wrong(cell{"SIGKILL", handler}, a.close())
	}
	runSuite(t, h, rec, *realRoundsFlag)
	rec.report(t)
}
