package main

import (
	"context"
	"io"
	"syscall"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
)

// An rProcess is a worker: an R that has loaded a handler, or a web server.
type rProcess interface {
	supervisor.Worker
	Info() protocol.Ready
	PID() int
	RSS() int64
	PSS() int64
	PeakRSS() int64
	TempDir() string
	Signal(s syscall.Signal) error
}

// A pooled worker has its own limits, and gets credentials when they are new.
type pooled struct {
	rProcess
	pool     *pool
	share    share    // owned by the caller of Enter and Invoke
	recycler recycler // guarded by pool.mu
}

// Enter renews what a snapshot has made old or equal, before R's hooks run.
func (w *pooled) Enter(ctx context.Context, p protocol.Phase) (protocol.Entered, error) {
	if p.Type == protocol.TypeRestore {
		w.pool.restore(ctx)
		p.Env = w.share.renewed()
	}
	return w.rProcess.Enter(ctx, p)
}

// Invoke adds renewed credentials to the invocation.
func (w *pooled) Invoke(
	inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer,
) (protocol.Answer, error) {
	inv.Env = w.share.renewed()
	answer, err := w.rProcess.Invoke(inv, event, open)
	if w.pool.forks != nil {
		w.pool.forks.invoked(w.PID(), err)
	}
	return answer, err
}

// Shutdown ends the worker.
func (w *pooled) Shutdown(ctx context.Context) {
	if w.pool.forks != nil {
		w.pool.forks.left(w.PID())
	}
	w.rProcess.Shutdown(ctx)
}

// restore renews, once after the restore, what the workers share. All slots wait for it.
func (p *pool) restore(ctx context.Context) {
	p.restored.Do(func() {
		if p.credentials != nil {
			p.credentials.Renew(ctx)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.workers { // all restored environments have the same limits
			w.recycler = newRecycler(p.settings, w.recycler.ready)
		}
	})
}
