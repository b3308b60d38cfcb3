package supervisor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A rig is a Supervisor between fakes. Its fields may be changed before run.
type rig struct {
	Config
	t        *testing.T
	api      *fakeAPI
	logs     *logBuffer
	level    slog.LevelVar
	starting int // how many slots may start at once; all if 0
	handler  handler

	// spawn decides the result of the nth spawn, counted from 1, which is of w. If nil,
	// workers are ready immediately.
	spawn func(ctx context.Context, n int, w *fakeWorker) error

	lost map[string]bool // invocations whose report need not arrive
	late map[string]bool // invocations whose report may arrive after the deadline

	cancel context.CancelFunc
	ended  chan struct{} // closed after Run returned err
	err    error

	mu      sync.Mutex
	spawned []time.Time
	seen    []Transition
	workers []*fakeWorker // those that became ready
}

// newRig returns a rig with one slot, whose workers run h. It must be called in a synctest
// bubble.
func newRig(t *testing.T, h handler) *rig {
	r := &rig{
		t:       t,
		api:     &fakeAPI{events: make(chan *runtimeapi.Invocation, 100)},
		logs:    &logBuffer{},
		handler: h,
		lost:    map[string]bool{},
		late:    map[string]bool{},
		ended:   make(chan struct{}),
	}
	r.level.Set(slog.LevelDebug)
	r.Config = Config{
		API:         r.api,
		Spawn:       r.spawnWorker,
		Slots:       1,
		InitTimeout: 10 * time.Second,
		Margin:      200 * time.Millisecond,
		Observe:     r.observe,
		Log:         slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: &r.level})),
	}
	return r
}

func (r *rig) spawnWorker(ctx context.Context, slot int) (Worker, error) {
	w := &fakeWorker{
		onInvoke:    r.handler,
		t:           r.t,
		slot:        slot,
		done:        make(chan struct{}),
		interrupted: make(chan struct{}),
	}
	r.mu.Lock()
	r.spawned = append(r.spawned, time.Now())
	n := len(r.spawned)
	r.mu.Unlock()
	if r.spawn != nil {
		if err := r.spawn(ctx, n, w); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.workers = append(r.workers, w)
	return w, nil
}

// run starts the Supervisor and waits until it is idle. When the test ends, the Supervisor is
// shut down and the invariants are checked, whatever the test was about.
func (r *rig) run() *rig {
	r.t.Helper()
	s, err := New(r.Config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.setStarting(s)
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel = cancel
	go func() { // Cleanup waits for it
		defer close(r.ended)
		r.err = s.Run(ctx)
	}()
	r.t.Cleanup(func() {
		cancel()
		<-r.ended
		r.checkInvariants()
	})
	synctest.Wait()
	return r
}

// observe keeps every transition.
func (r *rig) observe(t Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, t)
}

// transitions returns one slot's transitions so far.
func (r *rig) transitions(slot int) []Transition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.seen), func(t Transition) bool { return atOf(t).Slot != slot })
}

// setStarting sets how many slots may start at once, which New derives from the machine.
func (r *rig) setStarting(s *Supervisor) {
	s.starting = cmp.Or(r.starting, s.config.Slots)
	s.turns = make(chan struct{}, s.config.Slots+s.starting)
}

// stop shuts the supervisor down and returns Run's error.
func (r *rig) stop() error {
	r.cancel()
	return r.wait()
}

// wait waits for Run and returns its error.
func (r *rig) wait() error {
	<-r.ended
	return r.err
}

// running fails the test if Run has returned.
func (r *rig) running() {
	r.t.Helper()
	select {
	case <-r.ended:
		r.t.Fatalf("Run returned: %v", r.err)
	default:
	}
}

// after lets d pass, and waits until everything that is due is done.
func (r *rig) after(d time.Duration) *rig {
	time.Sleep(d)
	synctest.Wait()
	return r
}

// send makes the Runtime API return an event, with a deadline if timeout is not 0, and waits
// until everything is done that needs no time.
func (r *rig) send(id string, timeout time.Duration) *runtimeapi.Invocation {
	inv := event(id, timeout)
	r.api.events <- inv
	synctest.Wait()
	return inv
}

func event(id string, timeout time.Duration) *runtimeapi.Invocation {
	inv := &runtimeapi.Invocation{ID: id, Event: []byte("event " + id)}
	if timeout != 0 {
		inv.Deadline = time.Now().Add(timeout)
	}
	return inv
}

// spawns returns when each spawn began.
func (r *rig) spawns() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spawned
}

// worker returns the nth worker that became ready, counted from 1.
func (r *rig) worker(n int) *fakeWorker {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.workers) < n {
		r.t.Fatalf("%d workers became ready, want at least %d", len(r.workers), n)
	}
	return r.workers[n-1]
}

// ready fails the test unless n workers have become ready so far.
func (r *rig) ready(n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.workers) != n {
		r.t.Errorf("%d workers became ready, want %d", len(r.workers), n)
	}
}

// answered fails the test unless id was reported with the handler's answer to it.
func (r *rig) answered(id string) apiCall {
	r.t.Helper()
	calls := r.api.ended("response", id)
	if len(calls) != 1 {
		r.t.Fatalf("%d responses to %s, want 1", len(calls), id)
	}
	if want := string(answerTo(id, []byte("event "+id))); calls[0].payload != want {
		r.t.Errorf("the response to %s is %q, want %q", id, calls[0].payload, want)
	}
	return calls[0]
}

// failed fails the test unless id was reported as an error of that type.
func (r *rig) failed(id, errorType string) apiCall {
	r.t.Helper()
	calls := r.api.ended("error", id)
	if len(calls) != 1 {
		r.t.Fatalf("%d errors of %s, want 1", len(calls), id)
	}
	if got := calls[0].report.Type; got != errorType {
		r.t.Errorf("the error of %s is a %s, want %s", id, got, errorType)
	}
	return calls[0]
}

// streamed fails the test unless id was reported by a stream of that payload, which broke off
// with an error of that type, or is complete if errorType is "".
func (r *rig) streamed(id, payload, errorType string) apiCall {
	r.t.Helper()
	calls := r.api.ended("stream", id)
	if len(calls) != 1 {
		r.t.Fatalf("%d streams of %s, want 1", len(calls), id)
	}
	got := ""
	if calls[0].report != nil {
		got = calls[0].report.Type
	}
	if calls[0].payload != payload || got != errorType {
		r.t.Errorf("the stream of %s is %q and ends with %q; want %q and %q", id, calls[0].payload, got, payload, errorType)
	}
	return calls[0]
}

// checkInvariants checks what must hold after every test: each invocation was reported once,
// in time; there were never more polls than slots, and none is left; each worker was shut
// down; the transitions agree.
func (r *rig) checkInvariants() {
	r.checkTransitions()
	if r.api.polls != 0 || r.api.most > r.Slots {
		r.t.Errorf("%d polls left open, and %d at once, with %d slots", r.api.polls, r.api.most, r.Slots)
	}
	for i, w := range r.workers {
		if w.shutdowns != 1 || !w.dead {
			r.t.Errorf("worker %d: shut down %d times, dead %v", i+1, w.shutdowns, w.dead)
		}
	}
	for _, inv := range r.api.given {
		reports := append(r.api.ended("response", inv.ID), r.api.ended("error", inv.ID)...)
		reports = append(reports, r.api.ended("stream", inv.ID)...)
		if len(reports) == 0 {
			r.t.Errorf("%s was never reported", inv.ID)
			continue
		}
		for i, c := range reports {
			status, answered := errors.AsType[*runtimeapi.StatusError](c.err)
			final := c.err == nil || answered && !status.Temporary() || c.op == "stream" // a stream is never sent again
			last := i == len(reports)-1
			if c.op != reports[0].op || final && !last || !final && last && !r.lost[inv.ID] {
				r.t.Errorf("%s: report %d of %d is %s with the answer %v", inv.ID, i+1, len(reports), c.op, c.err)
			}
			if !inv.Deadline.IsZero() && !c.ended.Before(inv.Deadline) && !r.late[inv.ID] {
				r.t.Errorf("%s was reported %s after its deadline", inv.ID, c.ended.Sub(inv.Deadline))
			}
		}
	}
}

// A logBuffer keeps a JSON log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// find returns the records whose message is msg, or all if it is "".
func (b *logBuffer) find(t *testing.T, msg string) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(b.buf.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if msg == "" || record[slog.MessageKey] == msg {
			found = append(found, record)
		}
	}
	return found
}
