package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/worker"
)

// An arena runs one supervisor between an emulator and fakes.
type arena struct {
	h       *fakeHarness
	margin  time.Duration
	temp    string // the folder of the TMPDIRs
	worker  worker.Config
	emu     *emulator.Emulator
	server  *httptest.Server
	client  *runtimeapi.Client
	journal *os.File
	stop    context.CancelFunc
	ended   chan struct{} // closed when Run has returned
	err     error         // the error that Run returned

	goroutines sync.WaitGroup // awaitDeath, the journal's reader and keepTemplate

	board.Board
	eye     // observations of this round
	slots   []slotLog
	living  int            // workers not yet seen dead
	reads   map[string]int // how often fakes read each request id
	polls   int            // calls of Next in flight
	closing bool           // Run is to end
	mold    mold           // if workers are forked
	forked  int            // how many were

	plan       instruction // for the next planTimes spawns
	planTimes  int
	nextFault  faulty.Fault // of the next calls of /next
	nextSpoilt int          // how many more calls have it
}

// newArena starts an arena and waits until its slots are ready.
func (h *fakeHarness) newArena(slots int, timeout, margin, initTimeout time.Duration) (*arena, error) {
	dir, err := os.MkdirTemp(h.dir, "arena-")
	if err != nil {
		return nil, err
	}
	a := &arena{
		h: h, margin: margin, temp: filepath.Join(dir, "tmp"), eye: newEye(), slots: make([]slotLog, slots), reads: map[string]int{},
		ended: make(chan struct{}),
	}
	pipe := filepath.Join(dir, "journal")
	if err := os.Mkdir(a.temp, 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return nil, err
	}
	// Open for writing too, so that the pipe does not end while no fake has it open.
	if a.journal, err = os.OpenFile(pipe, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	log := slog.New(&lineLog{a: a})
	a.worker = worker.Config{
		Bin: h.bin, Script: h.script, Handler: "fake.R", Dir: dir, TempDir: a.temp, MaxResult: runtimeapi.MaxResponse, Log: log,
		// The race detector would sleep for a second when a fake exits.
		Env: []string{actAs + "=" + asWorker, h.mark, envJournal + "=" + pipe, "GORACE=atexit_sleep_ms=0", "GOMAXPROCS=2"},
	}
	a.emu = emulator.New(emulator.Config{Timeout: timeout})
	a.server = httptest.NewServer(&faulty.Handler{Next: a.emu, Fault: a.fault, Observe: a.observe})
	a.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if a.client, err = runtimeapi.NewClient(strings.TrimPrefix(a.server.URL, "http://"), "chaos", slots); err != nil {
		return nil, err
	}
	sup, err := supervisor.New(supervisor.Config{
		API: watchedAPI{a.client, a}, Spawn: a.spawn, Slots: slots,
		InitTimeout: initTimeout, Margin: margin, Log: log, Observe: a.observeTransition,
	})
	if err != nil {
		return nil, err
	}
	a.goroutines.Go(a.readJournal)
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	if h.forks {
		a.mold.limit = initTimeout / 3
		a.goroutines.Go(func() { a.keepTemplate(ctx) })
		a.Wait(patience, func() bool { return a.mold.template != nil })
	}
	a.goroutines.Go(func() {
		a.err = sup.Run(ctx)
		a.Update(func() { close(a.ended) })
	})
	a.atRest()
	return a, nil
}

// running reports whether Run has not returned yet.
func (a *arena) running() bool {
	select {
	case <-a.ended:
		return false
	default:
		return true
	}
}

// atRest waits until every slot has a ready worker that polls and does nothing else.
func (a *arena) atRest() {
	rests := func() bool {
		for i := range a.slots {
			s := &a.slots[i]
			if s.state != supervisor.StateReady || s.worker == nil || s.worker.busy || s.worker.failed || s.worker.retired {
				return false
			}
		}
		return a.polls == len(a.slots) && a.living == len(a.slots) && a.tripsEnded() && (a.mold.template != nil) == a.h.forks
	}
	if !a.Wait(patience, func() bool { return rests() || !a.running() }) {
		a.Update(func() { a.violate(inv6, "no rest within %v: %+v, %d polls", patience, a.slots, a.polls) })
	}
	if !a.running() {
		a.Update(func() { a.violate(inv1, "the supervisor has ended: %v", a.err) })
	}
}

// tripsEnded reports whether the end of every call and of every invocation was observed. The
// caller may have had its answer for a while by then.
func (e *eye) tripsEnded() bool {
	for _, t := range e.trips {
		if !t.handed || t.over < t.received {
			return false
		}
		for _, r := range t.reports {
			if r.ended.IsZero() {
				return false
			}
		}
	}
	return true
}

// note records an injected fault. The caller holds the lock. Pid is the fake that injects the
// fault into itself, or 0.
func (a *arena) note(in instruction, pid int, at time.Time) {
	f := fire{in, pid, at}
	a.fired[in.Nonce] = f
	if pid != 0 && (cell{in.Fault, in.State}).row().ends {
		a.hurt[pid] = f
	}
}

// readJournal reads what the fakes write until the journal is closed.
func (a *arena) readJournal() {
	lines := bufio.NewScanner(a.journal)
	for lines.Scan() {
		a.Update(func() { a.journalLine(lines.Text()) })
	}
}

func (a *arena) journalLine(line string) {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "read":
		var id string
		var pid int
		if _, err := fmt.Sscan(rest, &id, &pid); err == nil {
			if a.reads[id]++; a.reads[id] > 1 {
				a.violate(inv2, "%v was read by worker %d after another had read it", a.trip(id), pid)
			}
			return
		}
	case "fire":
		var pid int
		var nanos int64
		var in instruction
		numbers, text, _ := strings.Cut(rest, "{")
		_, err := fmt.Sscan(numbers, &pid, &nanos)
		if err == nil && json.Unmarshal([]byte("{"+text), &in) == nil {
			a.note(in, pid, time.Unix(0, nanos))
			if strings.HasPrefix(in.Fault, "freeze") {
				a.freeze(pid)
			}
			return
		}
	case "child":
		var pid int
		if _, err := fmt.Sscan(rest, &pid); err == nil {
			a.childOf = append(a.childOf, pid)
			return
		}
	}
	a.violate(inv6, "the journal has %q", line)
}

// freeze stops every worker and pid, which is being spawned, and continues them 60 ms later. The
// delay is the fault, not a pause of the suite.
func (a *arena) freeze(pid int) {
	pids := []int{pid}
	if a.mold.pid != 0 {
		pids = append(pids, a.mold.pid)
	}
	for _, s := range a.slots {
		if s.worker != nil {
			pids = append(pids, s.worker.PID())
		}
	}
	all := func(s syscall.Signal) {
		for _, pid := range pids {
			_ = syscall.Kill(-pid, s) // it may have ended
		}
	}
	all(syscall.SIGSTOP)
	time.AfterFunc(60*time.Millisecond, func() { all(syscall.SIGCONT) })
}

// An answerOf is an answer of the Invoke API.
type answerOf struct {
	id, errorType, nonce, message string
}

// call invokes the function with an instruction, in this process.
func (a *arena) call(in instruction) answerOf {
	event, err := json.Marshal(in)
	if err != nil {
		panic(err) // strings only
	}
	w := httptest.NewRecorder()
	a.emu.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/2015-03-31/functions/function/invocations", bytes.NewReader(event)))
	got := answerOf{id: w.Header().Get("X-Amzn-Requestid")}
	var body struct {
		Nonce     string `json:"nonce"`
		ErrorType string `json:"errorType"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		body.Nonce = fmt.Sprintf("%.100q", w.Body)
	}
	got.nonce, got.errorType = body.Nonce, body.ErrorType
	if w.Code != http.StatusOK {
		got.errorType = fmt.Sprintf("status %d", w.Code)
	}
	return got
}
