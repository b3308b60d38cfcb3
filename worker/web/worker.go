package web

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

// A Worker is a web server that listens on its port.
//
// Only one goroutine at a time may call Invoke, Enter or Shutdown. All other methods may be called from
// any goroutine, at any time.
type Worker struct {
	*worker.Worker
	listener  int // the process that listens, which may be a child of a shell
	port      int
	function  envConfig
	maxResult int
	ready     protocol.Ready

	transport   *http.Transport
	interrupted atomic.Bool // the running invocation was interrupted

	alive  context.Context // ends when the process is dead or was killed
	end    context.CancelFunc
	ending sync.WaitGroup // ends alive
}

// Info returns what is known of the server; it has no arguments.
func (w *Worker) Info() protocol.Ready { return w.ready }

// Stats describes the process now.
func (w *Worker) Stats() protocol.WorkerStats {
	return protocol.WorkerStats{PID: w.PID(), RSS: w.RSS(), Ready: w.ready}
}

// Interrupt sends SIGINT to the process that listens. A server of httpuv then ends the request with
// status 500. Call it during Invoke only.
func (w *Worker) Interrupt() {
	if w.listener != w.PID() {
		w.InterruptGroup() // a shell waits for the server
		return
	}
	w.interrupted.Store(true)
	w.Worker.Interrupt()
}

// InterruptGroup is Interrupt for the server and its children, as Ctrl-C is on a terminal.
func (w *Worker) InterruptGroup() {
	w.interrupted.Store(true)
	_ = w.Process().SignalGroup(syscall.SIGINT) // fails if the process is dead: Invoke reports that
}

// Kill kills the process group. An Invoke that waits for an answer returns at once.
func (w *Worker) Kill(reason string) {
	w.Worker.Kill(reason)
	w.end()
}

// Enter does what a phase of SnapStart asks of a server. A server has no hooks and is not primed. After a
// restore, R draws a new seed before the next request.
func (w *Worker) Enter(_ context.Context, p protocol.Phase) (protocol.Entered, error) {
	if e := w.Process().Ending(); e != nil {
		return protocol.Entered{}, &worker.ExitError{ExitError: *e}
	}
	if p.Type == protocol.TypeRestore {
		return protocol.Entered{}, os.WriteFile(w.restoredFile(), nil, 0o600)
	}
	return protocol.Entered{}, nil
}

// Shutdown asks the server to exit, waits until it has, or kills it when ctx ends first, and frees
// everything that belonged to it. A dead worker must be shut down, too.
//
// R notices the interrupt when it next handles a request. Then it runs the exit hooks of its framework.
func (w *Worker) Shutdown(ctx context.Context) {
	if w.Process().Ending() == nil {
		w.Interrupt()
		if r, err := w.newRequest(protocol.Invoke{}, http.MethodOptions, w.url("/", ""), http.Header{}, nil); err == nil {
			if resp, err := w.transport.RoundTrip(r.WithContext(ctx)); err == nil { // an error: the server has ended
				_ = resp.Body.Close() // nothing is read
			}
		}
	}
	w.Worker.Shutdown(ctx)
	w.ending.Wait()
}

// The files of rscripts/web: the stack of an interrupt, and the mark of a restore.
func (w *Worker) stackFile() string    { return filepath.Join(w.TempDir(), "stack") }
func (w *Worker) restoredFile() string { return filepath.Join(w.TempDir(), "restored") }
