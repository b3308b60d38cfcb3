package chaos

import (
	"slices"
	"strings"
	"testing"
)

// A harness runs rounds. The scheduler, the record and the table are the same for
// each; a second one needs these methods and its column of the matrix, no more.
//
// Rounds go through lanes: those of one lane go to the same few injectors, so that
// rounds that wait for a deadline do not hold up those that take a millisecond.
type harness interface {
	// lanes says how many injectors each lane has.
	lanes() map[string]int
	// lane says where rounds of a cell belong, and how often such a cell is drawn.
	lane(cell) (lane string, weight int)
	// open makes an injector of a lane. One goroutine uses it.
	open(lane string) injector
}

type injector interface {
	// inject runs one round to its end: the fault, what it hits, the recovery, and
	// the invariants. The nonce is in everything that the round sends.
	inject(c cell, nonce string) result
	// close ends what the injector runs and returns what was wrong at rest.
	close() []violation
}

// A result is what became of a round.
type result struct {
	skipped    string // why the fault was not injected; "" when it was
	gets       string // what the caller of the invocation that was hit got
	violations []violation
}

// A state is the state of the slot when the fault comes, by the name that supervisor.State has for it. For
// a busy slot it also says how far the invocation is.
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

// In which harness a cell can be injected: the fake worker's, real R's.
const (
	fakeR = 1 << iota
	realR
	both = fakeR | realR
)

type in map[state]int

// A row is a fault and its cells; not says why the other states have none.
type row struct {
	fault string
	in    in
	not   string
	ends  bool   // the worker does not survive it
	gets  string // what it gives the caller in handler and in response, with | between; "": the answer
}

// every makes the cells of all states but some.
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

// Real R does what its handler, its .Rprofile and its finalizers can do, and what can
// be done to it from outside; where its own write of a result stands cannot be told.
func process(fakeOnly ...state) in {
	cells := every(both, fakeOnly...)
	for _, s := range fakeOnly {
		cells[s] = fakeR
	}
	return cells
}

// printed: whatever is printed must not matter, wherever it is.
var printed = in{spawning: both, ready: both, unread: fakeR, handler: both, response: fakeR, draining: both}

const (
	notDraining  = "at the shutdown nothing more is asked of the worker but to end"
	onlyReport   = "a report is posted after the handler has answered, whatever state R is in by then"
	onlyNext     = "/next is asked only while the worker is ready"
	onlySpawn    = "it is met only while a process is being made"
	onlyHandler  = "it is something that a handler does"
	onlyInFrames = "there is no reply on its way in which it could be"
)

var matrix = []row{
	// process
	{"SIGKILL", process(response), "", true, crashed},
	{"SIGSTOP", process(response), "", true, timedOut},
	{"SIGSTOP until the deadline, then SIGCONT", in{ready: both, unread: both, handler: both, response: fakeR},
		"SIGKILL follows the time limit of a spawn and of a shutdown at once, with nothing left to go on", true, "|" + timedOut},
	{"SIGSEGV", process(response), "", true, crashed},
	{"exit 0", every(fakeR, draining).and(in{spawning: both, ready: fakeR, handler: both}), "draining: it is what was asked for", true, crashed},
	{"exit 3", every(fakeR).and(in{spawning: both, handler: both}), "", true, crashed},
	{"SIGINT", in{ready: both}, "while busy, SIGINT is how bootstrap tells R of the deadline; it is sent to no idle R", true, ""},

	// frames
	{"garbage", every(fakeR), "", true, violated},
	{"truncated header", every(fakeR, response, draining), "busy in response is mid-frame already; draining: nobody reads any more", true, timedOut},
	{"truncated body", every(fakeR, draining), "draining: nobody reads any more", true, crashed},
	{"oversized length", every(fakeR, draining), "draining: nobody reads any more", true, violated},
	{"wrong id", in{spawning: fakeR, handler: fakeR}, onlyInFrames + "; busy in response its id is out already", true, violated},
	{"two replies", in{handler: fakeR}, onlyInFrames, true, ""},
	{"reply after the deadline", in{handler: fakeR}, "only a running handler has a deadline of its own", true, "|" + timedOut},
	{"a byte at a time", in{spawning: fakeR, response: fakeR}, onlyInFrames, false, ""},
	{"never reads", in{spawning: fakeR, unread: fakeR, draining: fakeR}, "there is nothing that it should be reading", true, timedOut},

	// output
	{"flood on stdout", printed, "", false, ""},
	{"flood on stderr", printed, "", false, ""},
	{"no newline", printed, "", false, ""},
	{"invalid UTF-8", printed, "", false, ""},

	// resources
	{"out of memory", in{handler: realR}, "what takes memory is the handler; elsewhere it is a SIGKILL", true, crashed},
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
	{"wall-clock jump", in{unread: fakeR}, "a clock is read only when an event is taken; the limits after that are monotonic", true, "|" + timedOut},
	{"freeze mid-spawn", in{spawning: both}, "its state is in its name", false, ""},
	{"freeze mid-backoff", in{spawning: both}, "its state is in its name: between two spawns", false, ""},

	// Runtime API
	{"/response 400", in{handler: both}, onlyReport, false, ""},
	{"/response 403", in{handler: both}, onlyReport, false, ""},
	{"/response 410", in{handler: both}, onlyReport, false, ""},
	{"/response 413", in{handler: both}, onlyReport, false, ""},
	{"/response 500", in{handler: both}, onlyReport, false, ""},
	{"/response reset before it is taken", in{handler: both}, onlyReport, false, ""},
	{"/response reset after it is taken", in{handler: both}, onlyReport, false, ""},
	{"/response slow", in{handler: both}, onlyReport, false, ""},
	{"/error reset before it is taken", in{handler: both}, onlyReport, true, crashed},
	{"/error reset after it is taken", in{handler: both}, onlyReport, true, crashed},
	{"/next resets", in{ready: both}, onlyNext, false, ""},
	{"/next fails for a while", in{ready: both}, onlyNext, false, ""},
}

// and returns the cells with those of more in their place.
func (cells in) and(more in) in {
	for s, h := range more {
		cells[s] = h
	}
	return cells
}

func (c cell) row() row {
	return matrix[slices.IndexFunc(matrix, func(r row) bool { return r.fault == c.fault })]
}

// cellsFor returns the cells that a harness can inject and that the filter, a list
// of faults and of fault/state with commas between, has in it; all when it is "".
func cellsFor(h int, filter string) []cell {
	wanted := strings.Split(filter, ",")
	var cells []cell
	for _, r := range matrix {
		for _, s := range states {
			c := cell{r.fault, s}
			if r.in[s]&h != 0 && (filter == "" || slices.Contains(wanted, r.fault) || slices.Contains(wanted, c.String())) {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// Each fault in each state is a cell, or it is said why it is none.
func TestChaosMatrixIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range matrix {
		if seen[r.fault] {
			t.Errorf("%s is there twice", r.fault)
		}
		seen[r.fault] = true
		if len(r.in) < len(states) && r.not == "" && len(r.in) > 0 {
			t.Errorf("%s: it is not said why it has %d cells only", r.fault, len(r.in))
		}
		if len(r.in) == 0 {
			t.Errorf("%s has no cell", r.fault)
		}
	}
}
