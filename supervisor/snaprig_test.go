package supervisor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// A snapRig is a rig with SnapStart, whose /restore/next waits for an answer.
type snapRig struct {
	*rig
	answers chan error
	prime   string                                     // of each worker, see protocol.Ready
	enter   func(n int, w *fakeWorker, p string) error // the phase p of the nth worker that was spawned; may be nil
}

func newSnapRig(t *testing.T, h handler) *snapRig {
	r := &snapRig{rig: newRig(t, h), answers: make(chan error, 100)}
	r.SnapStart = true
	r.api.onRestoreNext = func(ctx context.Context) error {
		select {
		case err := <-r.answers:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
		r.equip(n, w)
		return nil
	}
	return r
}

// run is that of the rig.
func (r *snapRig) run() *snapRig {
	r.t.Helper()
	r.rig.run()
	return r
}

// equip makes w, the nth worker, what the rig's fields say.
func (r *snapRig) equip(n int, w *fakeWorker) {
	w.prime = r.prime
	w.onEnter = func(ctx context.Context, w *fakeWorker, p protocol.Phase) (protocol.Entered, error) {
		if r.enter == nil {
			return protocol.Entered{}, nil
		}
		failed := make(chan error, 1)
		go func() { failed <- r.enter(n, w, p.Type) }() // ends soon, in fake time
		select {
		case err := <-failed:
			return protocol.Entered{}, err
		case <-ctx.Done(): // as *worker.Worker does
			w.Kill("its time was over")
			return protocol.Entered{}, &protocol.StoppedError{
				Err: context.Cause(ctx), Stack: []protocol.StackFrame{{Call: "slow()", File: "app.R", Line: 7}},
			}
		case <-w.done:
			return protocol.Entered{}, crash{}
		}
	}
}

// work makes w work for d, if it lives so long.
func (w *fakeWorker) work(d time.Duration) error {
	select {
	case <-time.After(d):
	case <-w.done:
	}
	return nil
}

// restored answers /restore/next, and waits until everything is done that needs no time.
func (r *snapRig) restored() {
	r.answers <- nil
	synctest.Wait()
}

// phases fails the test unless the nth worker went through these.
func (r *snapRig) phases(n int, want ...string) {
	r.t.Helper()
	w := r.worker(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.entered, want) {
		r.t.Errorf("worker %d went through %q, want %q", n, w.entered, want)
	}
}

// asked fails the test unless /restore/next was answered n times, or its connection broke.
func (r *snapRig) asked(n int) {
	r.t.Helper()
	if got := len(r.api.ended("restore", "")); got != n {
		r.t.Errorf("%d calls of /restore/next ended, want %d", got, n)
	}
}

// reportedOnce fails the test unless there was one report by op, and no other, with this error type
// and a message that contains text.
func (r *snapRig) reportedOnce(op, errorType, text string) apiCall {
	r.t.Helper()
	reports := append(r.api.ended("init", ""), r.api.ended("restore error", "")...)
	if len(reports) != 1 || reports[0].op != op {
		r.t.Fatalf("reports: %+v; want one %s", reports, op)
	}
	if got := reports[0].report; got.Type != errorType || !strings.Contains(got.Message, text) {
		r.t.Errorf("%s reported %s: %s; want %s: %s", op, got.Type, got.Message, errorType, text)
	}
	return reports[0]
}

// notReported fails the test if anything was reported as a failed init or restore.
func (r *snapRig) notReported() {
	r.t.Helper()
	if reports := append(r.api.ended("init", ""), r.api.ended("restore error", "")...); len(reports) != 0 {
		r.t.Errorf("reported %+v", reports)
	}
}

var errHook = &protocol.HandlerError{
	Type: "simpleError", Message: "no such table", Stack: []protocol.StackFrame{{Call: "connect()", File: "app.R", Line: 3}},
}

// failsIn returns an enter that fails in one phase of every worker.
func failsIn(phase string, err error) func(int, *fakeWorker, string) error {
	return func(_ int, w *fakeWorker, p string) error {
		if p != phase {
			return nil
		}
		if errors.Is(err, crash{}) {
			w.die()
		}
		return err
	}
}
