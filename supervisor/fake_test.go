package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errReset = errors.New("connection reset by peer")
	errSpawn = errors.New("fork: cannot allocate memory")
)

// A crash is the error of an R process that died, as worker.ExitError is.
type crash struct{}

func (crash) Error() string     { return "R died of a segmentation fault" }
func (crash) ErrorType() string { return "Runtime.WorkerCrashed" }

// A handler is what a fakeWorker does with an invocation: R answers with the payload, with
// a *protocol.HandlerError or with both, and any other error means that it did not answer.
type handler func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error)

func echo(_ *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
	return answerTo(inv.ID, event), nil
}

func answerTo(id string, event []byte) []byte { return fmt.Appendf(nil, "%s: %s", id, event) }

func die(w *fakeWorker, _ protocol.Invoke, _ []byte) ([]byte, error) {
	w.die()
	return nil, crash{}
}

// hang ignores interrupts; only a kill ends it.
func hang(w *fakeWorker, _ protocol.Invoke, _ []byte) ([]byte, error) {
	<-w.done
	return nil, crash{}
}

// takes returns a handler that answers after d, unless it is killed first.
func takes(d time.Duration) handler {
	return func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
		select {
		case <-time.After(d):
			return echo(w, inv, event)
		case <-w.done:
			return nil, crash{}
		}
	}
}

// A fakeWorker is a Worker that records its calls, and fails the test if one is not allowed.
type fakeWorker struct {
	onInvoke   handler
	onEnter    func(ctx context.Context, w *fakeWorker, p protocol.Phase) (protocol.Entered, error) // if nil, it succeeds
	onDone     func()                                                                               // may be nil
	onShutdown func(ctx context.Context)                                                            // if nil, it exits immediately

	t           *testing.T
	slot        int
	prime       string // see protocol.Ready
	done        chan struct{}
	interrupted chan struct{}

	open func(protocol.StreamHead) io.Writer // of the running invocation, for its handler

	mu         sync.Mutex
	busy       bool
	dead       bool
	invoked    []protocol.Invoke
	entered    []string // the phases
	interrupts []time.Time
	kills      []time.Time
	shutdowns  int
}

func (w *fakeWorker) Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	w.mu.Lock()
	switch {
	case w.busy:
		w.t.Errorf("Invoke of %s while the worker is busy", inv.ID)
	case w.shutdowns > 0:
		w.t.Errorf("Invoke of %s on a worker that was shut down", inv.ID)
	}
	if w.dead {
		w.mu.Unlock()
		return protocol.Answer{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, crash{})
	}
	w.busy = true
	w.open = open
	w.invoked = append(w.invoked, inv)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy = false
	}()
	payload, err := w.onInvoke(w, inv, event)
	if failure, ok := errors.AsType[*protocol.HandlerError](err); ok {
		return protocol.Answer{Payload: payload, Failure: failure}, nil
	}
	if large, ok := err.(*protocol.FrameTooLargeError); ok {
		return protocol.Answer{TooLarge: large, RTime: time.Millisecond}, nil
	}
	if err != nil {
		return protocol.Answer{}, err
	}
	return protocol.Answer{Payload: payload, RTime: time.Millisecond}, nil
}

// Enter goes through a phase: see onEnter.
func (w *fakeWorker) Enter(ctx context.Context, p protocol.Phase) (protocol.Entered, error) {
	w.mu.Lock()
	switch {
	case w.busy:
		w.t.Errorf("Enter of %s while the worker is busy", p.Type)
	case w.shutdowns > 0:
		w.t.Errorf("Enter of %s on a worker that was shut down", p.Type)
	}
	if w.dead {
		w.mu.Unlock()
		return protocol.Entered{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, crash{})
	}
	w.busy = true
	w.entered = append(w.entered, p.Type)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy = false
	}()
	if w.onEnter == nil {
		return protocol.Entered{}, nil
	}
	return w.onEnter(ctx, w, p)
}

func (w *fakeWorker) Interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupts = append(w.interrupts, time.Now())
	if len(w.interrupts) == 1 {
		close(w.interrupted)
	}
}

// InterruptGroup does what Interrupt does: a fake has no children.
func (w *fakeWorker) InterruptGroup() { w.Interrupt() }

func (w *fakeWorker) Kill(string) {
	w.mu.Lock()
	w.kills = append(w.kills, time.Now())
	w.mu.Unlock()
	w.die()
}

func (w *fakeWorker) Done() <-chan struct{} {
	if w.onDone != nil {
		w.onDone()
	}
	return w.done
}

func (w *fakeWorker) Err() error {
	select {
	case <-w.done:
		return crash{}
	default:
		return nil
	}
}

func (w *fakeWorker) Stats() protocol.WorkerStats {
	return protocol.WorkerStats{PID: 100 + w.slot, RSS: 1 << 20, Ready: protocol.Ready{Prime: w.prime}}
}

func (w *fakeWorker) Shutdown(ctx context.Context) {
	w.mu.Lock()
	w.shutdowns++
	if w.busy || w.shutdowns > 1 {
		w.t.Errorf("Shutdown: busy %v, call %d", w.busy, w.shutdowns)
	}
	w.mu.Unlock()
	if w.onShutdown != nil {
		w.onShutdown(ctx)
	}
	w.die()
}

func (w *fakeWorker) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dead {
		w.dead = true
		close(w.done)
	}
}

// history returns the calls so far.
func (w *fakeWorker) history() (invoked []protocol.Invoke, interrupts, kills []time.Time, shutdowns int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.invoked, w.interrupts, w.kills, w.shutdowns
}

// ids returns the invocations that reached the worker.
func (w *fakeWorker) ids() []string {
	var ids []string
	invoked, _, _, _ := w.history()
	for _, inv := range invoked {
		ids = append(ids, inv.ID)
	}
	return ids
}

// A fakeAPI is a RuntimeAPI that records its calls. If a function is nil, Next returns what
// is sent on events, and the others accept every report.
type fakeAPI struct {
	onNext            func(ctx context.Context) (*runtimeapi.Invocation, error)
	onRespond         func(ctx context.Context, inv *runtimeapi.Invocation) error
	onInvocationError func(ctx context.Context, inv *runtimeapi.Invocation) error
	onInitError       func(ctx context.Context) error
	onRestoreNext     func(ctx context.Context) error
	onRestoreError    func(ctx context.Context) error
	onWrite           func(s *fakeStream, piece string) error
	onClose           func(ctx context.Context) error

	events chan *runtimeapi.Invocation

	mu    sync.Mutex
	calls []apiCall
	polls int // calls of Next in flight
	most  int // the most of them at once
	given []*runtimeapi.Invocation
}

// An apiCall is one call of the Runtime API, as it was when it ended.
type apiCall struct {
	op      string // next, response, stream, error, init, restore or restore error
	began   time.Time
	ended   time.Time
	id      string // of the invocation
	payload string
	report  *runtimeapi.ErrorReport
	err     error // the answer

	contentType string // of a stream
	prelude     *runtimeapi.Prelude
}

func (a *fakeAPI) Next(ctx context.Context) (inv *runtimeapi.Invocation, err error) {
	call := apiCall{op: "next", began: time.Now()}
	a.mu.Lock()
	a.polls++
	a.most = max(a.most, a.polls)
	a.mu.Unlock()
	defer func() {
		call.err = err
		a.record(call, func() {
			a.polls--
			cutOff, _ := errors.AsType[*runtimeapi.EventError](err)
			switch {
			case err == nil:
				a.given = append(a.given, inv)
			case cutOff != nil:
				a.given = append(a.given, cutOff.Invocation)
			}
		})
	}()
	if a.onNext != nil {
		return a.onNext(ctx)
	}
	select {
	case inv := <-a.events:
		return inv, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *fakeAPI) Respond(ctx context.Context, inv *runtimeapi.Invocation, payload []byte) error {
	call := apiCall{op: "response", began: time.Now(), id: inv.ID, payload: string(payload)}
	if a.onRespond != nil {
		call.err = a.onRespond(ctx, inv)
	}
	return a.record(call, nil)
}

func (a *fakeAPI) RespondStream(inv *runtimeapi.Invocation, contentType string, prelude *runtimeapi.Prelude) runtimeapi.Stream {
	call := apiCall{op: "stream", began: time.Now(), id: inv.ID, contentType: contentType, prelude: prelude}
	return &fakeStream{api: a, call: call, cut: make(chan struct{})}
}

// A fakeStream is a Stream that becomes a call when it is closed.
type fakeStream struct {
	api  *fakeAPI
	call apiCall

	once   sync.Once
	cut    chan struct{}
	cutErr error
}

func (s *fakeStream) Write(b []byte) (int, error) {
	select {
	case <-s.cut:
		return 0, s.cutErr
	default:
	}
	if s.api.onWrite != nil {
		if err := s.api.onWrite(s, string(b)); err != nil {
			return 0, err
		}
	}
	s.call.payload += string(b)
	return len(b), nil
}

func (s *fakeStream) Cut(err error) {
	s.once.Do(func() {
		s.cutErr = err
		close(s.cut)
	})
}

func (s *fakeStream) Close(ctx context.Context, r *runtimeapi.ErrorReport) error {
	s.call.report = r
	if s.api.onClose != nil {
		s.call.err = s.api.onClose(ctx)
	}
	return s.api.record(s.call, nil)
}

func (a *fakeAPI) InvocationError(ctx context.Context, inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) error {
	call := apiCall{op: "error", began: time.Now(), id: inv.ID, report: r}
	if a.onInvocationError != nil {
		call.err = a.onInvocationError(ctx, inv)
	}
	return a.record(call, nil)
}

func (a *fakeAPI) InitError(ctx context.Context, r *runtimeapi.ErrorReport) error {
	call := apiCall{op: "init", began: time.Now(), report: r}
	if a.onInitError != nil {
		call.err = a.onInitError(ctx)
	}
	return a.record(call, nil)
}

func (a *fakeAPI) RestoreNext(ctx context.Context) error {
	call := apiCall{op: "restore", began: time.Now()}
	if a.onRestoreNext != nil {
		call.err = a.onRestoreNext(ctx)
	}
	return a.record(call, nil)
}

func (a *fakeAPI) RestoreError(ctx context.Context, r *runtimeapi.ErrorReport) error {
	call := apiCall{op: "restore error", began: time.Now(), report: r}
	if a.onRestoreError != nil {
		call.err = a.onRestoreError(ctx)
	}
	return a.record(call, nil)
}

// record adds a call that ended, and calls also under the same lock.
func (a *fakeAPI) record(call apiCall, also func()) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	call.ended = time.Now()
	a.calls = append(a.calls, call)
	if also != nil {
		also()
	}
	return call.err
}

// ended returns the calls of op that have ended, for the invocation id if it is not "".
func (a *fakeAPI) ended(op, id string) []apiCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	var calls []apiCall
	for _, c := range a.calls {
		if c.op == op && (id == "" || c.id == id) {
			calls = append(calls, c)
		}
	}
	return calls
}

// open returns how many polls are in flight.
func (a *fakeAPI) open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.polls
}
