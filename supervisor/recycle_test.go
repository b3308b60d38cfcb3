package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// recycling makes the rig recycle a worker after n invocations.
func (r *rig) recycling(n int, how Recycling) *rig {
	r.Recycle = func(_, served int) Recycling {
		if served < n {
			return Keep
		}
		return how
	}
	return r
}

// serve sends an invocation and waits for its answer.
func (r *rig) serve(id string) {
	r.t.Helper()
	r.send(id, 0)
	r.after(0)
	r.answered(id)
}

func (w *fakeWorker) isDead() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// The successor is spawned while the old worker continues to serve, and takes its place when it
// is ready. The poll stays open.
func TestRecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(3, ReplaceBeside)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				<-time.After(time.Second) // in fake time
			}
			return nil
		}
		r.run()
		for i := range 3 {
			r.serve(fmt.Sprint("first ", i))
		}
		if n := len(r.spawns()); n != 2 {
			t.Fatalf("%d spawns after 3 invocations, want a second", n)
		}
		old := r.worker(1)
		for i := range 2 {
			r.serve(fmt.Sprint("meanwhile ", i))
		}
		if n := len(r.spawns()); n != 2 || old.isDead() {
			t.Errorf("%d spawns and the old worker dead %v while its successor starts", n, old.isDead())
		}
		r.after(time.Second).ready(2)
		if !old.isDead() {
			t.Error("the old worker lives on beside its successor")
		}
		r.serve("next")
		if n := len(r.spawns()); n != 2 {
			t.Errorf("%d spawns: the successor has served once only", n)
		}
	})
}

// Without room for both, the old worker is reaped before its successor is spawned.
func TestRecycleWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(1, ReplaceAfter)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 && !r.worker(n-1).isDead() {
				t.Errorf("worker %d is spawned while its predecessor lives", n)
			}
			return nil
		}
		r.run()
		for i := range 3 {
			r.serve(fmt.Sprint("id ", i))
		}
		r.ready(4)
	})
}

// If the successor does not become ready, the old worker continues.
func TestRecycleThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(2, ReplaceBeside)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				return errors.New("no memory for another R")
			}
			return nil
		}
		r.run()
		for i := range 20 {
			r.serve(fmt.Sprint("id ", i))
		}
		r.running()
		if n := len(r.spawns()); n != 11 {
			t.Errorf("%d spawns, want one more for every second invocation", n)
		}
		if len(r.logs.find(t, "could not start a replacement for a worker due for recycling")) == 0 {
			t.Error("the log does not say so")
		}
	})
}

// If the old worker dies while its successor is spawned, no other one is.
func TestDeathWhileRecycling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(1, ReplaceBeside)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				<-time.After(time.Second)
			}
			return nil
		}
		r.run().serve("first")
		r.worker(1).die()
		r.after(time.Second).ready(2)
		if n := len(r.spawns()); n != 2 {
			t.Errorf("%d spawns, want 2", n)
		}
	})
}

// A shutdown while the successor is spawned ends both.
func TestShutdownWhileRecycling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(1, ReplaceBeside)
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			if n > 1 {
				<-time.After(100 * time.Millisecond)
			}
			return nil
		}
		r.run().serve("first")
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if len(r.workers) != 2 {
			t.Errorf("%d workers, want the successor to be ready and shut down", len(r.workers))
		}
	})
}

// A worker that is replaced at once serves no second invocation. Its successor is spawned while the
// answer is posted, even if the worker takes long to exit. But no more than two exit at a time.
func TestReplaceNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).recycling(1, ReplaceNow)
		r.spawn = func(_ context.Context, _ int, w *fakeWorker) error {
			w.onShutdown = func(ctx context.Context) { <-ctx.Done() } // 400 ms
			return nil
		}
		r.api.onRespond = func(context.Context, *runtimeapi.Invocation) error {
			<-time.After(10 * time.Millisecond)
			return nil
		}
		r.run()
		for i, id := range []string{"first", "second"} {
			r.send(id, 0)
			r.after(time.Millisecond)
			if spawns, want := len(r.spawns()), 2; spawns != want {
				t.Errorf("%d spawns while the %s answer is posted, want %d", spawns, id, want)
			}
			if r.worker(i + 1).isDead() {
				t.Errorf("worker %d is dead", i+1)
			}
			r.after(9 * time.Millisecond)
			r.answered(id)
		}
		r.after(400 * time.Millisecond).ready(3)
		for i := range 2 {
			if n := len(r.worker(i + 1).invoked); n != 1 || !r.worker(i+1).isDead() {
				t.Errorf("worker %d has served %d invocations, and is dead: %v", i+1, n, r.worker(i+1).isDead())
			}
		}
	})
}
