package chaos

import (
	"slices"
	"strings"
	"testing"
)

// A harness runs rounds. Scheduler, record and matrix are shared; each harness has these methods
// and its cells.
//
// Rounds go through lanes. Each lane has a few injectors of its own, so rounds that wait for a
// deadline do not delay rounds that take a millisecond.
type harness interface {
	// lanes returns how many injectors each lane has.
	lanes() map[string]int
	// lane returns the lane of a cell and the weight with which it is drawn.
	lane(cell) (lane string, weight int)
	// open starts an injector of a lane. One goroutine uses it.
	open(lane string) injector
}

type injector interface {
	// inject runs a round: the fault, its victim, the recovery and the invariants. The nonce
	// identifies everything that the round sends.
	inject(c cell, nonce string) result
	// close ends the injector and returns the violations at rest.
	close() []violation
}

// A result is the outcome of a round.
type result struct {
	skipped    string // why the fault was not injected; "" if it was
	gets       string // the error type that the victim's caller got
	violations []violation
}

// A state is the state of the slot when the fault comes, named as supervisor.State names it. For a
// busy slot it also names the place in the invocation.
type state string

const (
	spawning state = "spawning"
	ready    state = "ready"
	unread   state = "busy before read"
	handler  state = "busy in handler"
	response state = "busy in response"
	draining state = "draining"
)

var states = []state{spawning, ready, unread, handler, response, draining}

// A cell is a fault in a state.
type cell struct {
	fault string
	state state
}

func (c cell) String() string { return c.fault + "/" + string(c.state) }

// The harnesses that can inject a cell: the fake worker's and real R's.
const (
	fakeR = 1 << iota
	realR
	both = fakeR | realR
)

type in map[state]int

// A row is a fault and its cells. Not gives the reason why the other states have none.
type row struct {
	fault string
	in    in
	not   string
	ends  bool   // the worker does not survive it
	gets  string // the error types for the caller, separated by |, if busy in handler or response; "" is the answer
}

// every returns the cells of all states except some.
func every(h int, but ...state) in {
	cells := in{}
	for _, s := range states {
		if !slices.Contains(but, s) {
			cells[s] = h
		}
	}
	return cells
}

const (
	crashed  = "Runtime.WorkerCrashed"
	timedOut = "Runtime.InvocationTimeout"
	violated = "Runtime.ProtocolError"
)

// anywhere returns cells of all states. Real R can do what a handler, an .Rprofile, a finalizer and
// a signal from outside can do; the harness cannot see how far R has written a result.
func anywhere(fakeOnly ...state) in {
	cells := every(both, fakeOnly...)
	for _, s := range fakeOnly {
		cells[s] = fakeR
	}
	return cells
}

// printed are the cells of output, which must not matter in any state.
var printed = in{spawning: both, ready: both, unread: fakeR, handler: both, response: fakeR, draining: both}

const (
	notDraining  = "at a shutdown the worker only has to exit"
	onlyReport   = "a report is posted after the handler has answered, in any state of R"
	onlyNext     = "a slot polls only while its worker is ready"
	onlySpawn    = "it happens only while a process starts"
	onlyHandler  = "only a handler does it"
	onlyInFrames = "no reply is being written there"
	onlyForks    = "a template is used only while a worker is forked; besides, it lives or is dead"
)

var matrix = []row{
	// process
	{"SIGKILL", anywhere(response), "", true, crashed},
	{"SIGSTOP", anywhere(response), "", true, timedOut},
	{"SIGSTOP until the deadline, then SIGCONT", in{ready: both, unread: both, handler: both, response: fakeR},
		"after the time limit of a spawn or a shutdown comes SIGKILL at once", true, "|" + timedOut},
	{"SIGSEGV", anywhere(response), "", true, crashed},
	{"exit 0", every(fakeR, draining).and(in{spawning: both, ready: fakeR, handler: both}), "draining: a shutdown asks for it", true, crashed},
	{"exit 3", every(fakeR).and(in{spawning: both, handler: both}), "", true, crashed},
	{"SIGINT", in{ready: both}, "while busy, SIGINT is the signal of the deadline; bootstrap never sends it to an idle R", true, ""},

	// frames
	{"garbage", every(fakeR), "", true, violated},
	{"truncated header", every(fakeR, response, draining), "busy in response is mid-frame already; draining: replies are no longer read", true, timedOut},
	{"truncated body", every(fakeR, draining), "draining: replies are no longer read", true, crashed},
	{"oversized length", every(fakeR, draining), "draining: replies are no longer read", true, violated},
	{"wrong id", in{spawning: fakeR, handler: fakeR}, onlyInFrames + "; busy in response its id is out already", true, violated},
	{"two replies", in{handler: fakeR}, onlyInFrames, true, ""},
	{"reply after the deadline", in{handler: fakeR}, "only a running handler has a deadline of its own", true, "|" + timedOut},
	{"a byte at a time", in{spawning: fakeR, response: fakeR}, onlyInFrames, false, ""},
	{"never reads", in{spawning: fakeR, unread: fakeR, draining: fakeR}, "the worker has nothing to read there", true, timedOut},

	// output
	{"flood on stdout", printed, "", false, ""},
	{"flood on stderr", printed, "", false, ""},
	{"no newline", printed, "", false, ""},
	{"invalid UTF-8", printed, "", false, ""},

	// resources
	{"out of memory", in{handler: realR}, "the handler uses the memory; elsewhere it is a SIGKILL", true, crashed},
	{"RLIMIT_NOFILE", in{spawning: fakeR, handler: both}, "no file is opened there", false, "simpleError"},
	{"full /tmp", in{spawning: fakeR, handler: realR}, "nothing is written to /tmp there", false, ""},
	{"spawn failing", in{spawning: both}, onlySpawn, false, ""},

	// handler
	{"grandchild", in{spawning: fakeR, handler: both, response: fakeR}, onlyHandler, true, crashed + "|" + violated},
	{"grandchild in a session of its own", in{spawning: fakeR, handler: both, response: fakeR}, onlyHandler, true, crashed + "|" + violated},
	{"closes fd 4", every(fakeR).and(in{handler: both}), "", true, violated},
	{"setwd", in{handler: realR}, onlyHandler, false, ""},
	{"Sys.setenv", in{handler: realR}, onlyHandler, false, ""},
	{"loop that ignores SIGINT", in{spawning: both, handler: both, draining: fakeR}, onlyHandler + ", or a hook of it", true, timedOut},

	// environment
	{"wall-clock jump", in{unread: fakeR}, "the clock is read only when an event is received; later limits are monotonic", true, "|" + timedOut},
	{"freeze mid-spawn", in{spawning: both}, "the state is in its name", false, ""},
	{"freeze mid-backoff", in{spawning: both}, "the state is in its name: between two spawns", false, ""},

	// Runtime API
	{"/response 400", in{handler: both}, onlyReport, false, ""},
	{"/response 403", in{handler: both}, onlyReport, false, ""},
	{"/response 410", in{handler: both}, onlyReport, false, ""},
	{"/response 413", in{handler: both}, onlyReport, false, ""},
	{"/response 500", in{handler: both}, onlyReport, false, ""},
	{"/response 503", in{handler: both}, onlyReport, false, ""},
	{"/response reset before it is taken", in{handler: both}, onlyReport, false, ""},
	{"/response reset after it is taken", in{handler: both}, onlyReport, false, ""},
	{"/response slow", in{handler: both}, onlyReport, false, ""},
	{"/error 503", in{handler: both}, onlyReport, true, crashed},
	{"/error reset before it is taken", in{handler: both}, onlyReport, true, crashed},
	{"/error reset after it is taken", in{handler: both}, onlyReport, true, crashed},
	{"/next resets", in{ready: both}, onlyNext, false, ""},
	{"/next fails for a while", in{ready: both}, onlyNext, false, ""},
	{"/next 503", in{ready: both}, onlyNext, false, ""},
	{"/next cuts the event off", in{ready: realR}, onlyNext, false, ""},

	{"bootstrap SIGKILL", in{ready: realR, handler: realR}, "what matters is whether R is busy", false, ""},

	// forking
	{"template SIGKILL", in{spawning: both, ready: both, handler: both}, onlyForks, false, ""},
	{"template SIGSEGV", in{spawning: fakeR, ready: both, handler: both}, onlyForks, false, ""},
	{"template SIGSTOP", in{spawning: fakeR, ready: both}, onlyForks, false, ""},
	{"template SIGSTOP, then SIGKILL", in{ready: both}, onlyForks, false, ""},
	{"template garbage", in{spawning: fakeR}, onlyForks, false, ""},
	{"template fails to load", in{spawning: realR}, onlyForks, false, ""},
	{"middle process SIGKILL", in{spawning: both}, "it lives only while a worker is forked", false, ""},
	{"fork refused", in{spawning: fakeR}, onlyForks, false, ""},
	{"watchdog SIGKILL", in{ready: both, handler: both}, "it only waits for the end of bootstrap", false, ""},
}

// forking are the faults that need forked workers.
var forking = []string{"template ", "middle process ", "fork refused", "watchdog "}

// needsForks reports whether a fault needs forked workers.
func (c cell) needsForks() bool {
	return slices.ContainsFunc(forking, func(prefix string) bool { return strings.HasPrefix(c.fault, prefix) })
}

// and returns the cells with more replaced or added.
func (cells in) and(more in) in {
	for s, h := range more {
		cells[s] = h
	}
	return cells
}

func (c cell) row() row {
	return matrix[slices.IndexFunc(matrix, func(r row) bool { return r.fault == c.fault })]
}

// cellsFor returns the cells that a harness can inject and that match the filter: a
// comma-separated list of faults and of fault/state. An empty filter matches all. With forks, the
// workers are forked.
func cellsFor(h int, forks bool, filter string) []cell {
	wanted := strings.Split(filter, ",")
	var cells []cell
	for _, r := range matrix {
		for _, s := range states {
			c := cell{r.fault, s}
			if r.in[s]&h != 0 && (forks || !c.needsForks()) && (filter == "" || slices.Contains(wanted, r.fault) || slices.Contains(wanted, c.String())) {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// Each fault has a cell for each state, or a reason why not.
func TestChaosMatrixIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range matrix {
		if seen[r.fault] {
			t.Errorf("%s has two rows", r.fault)
		}
		seen[r.fault] = true
		if len(r.in) < len(states) && r.not == "" && len(r.in) > 0 {
			t.Errorf("%s has %d cells and no reason why not more", r.fault, len(r.in))
		}
		if len(r.in) == 0 {
			t.Errorf("%s has no cell", r.fault)
		}
	}
}
