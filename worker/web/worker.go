package web

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

// A Worker is a web server that listens on its port.
//
// Only one goroutine at a time may call Invoke, Enter or Shutdown. All other methods may be called from
// any goroutine, at any time.
type Worker struct {
	process   *process.Process
	listener  int // the process that listens, which may be a child of a shell
	port      int
	dir       string // its TMPDIR
	env       []string
	maxResult int
	ready     protocol.Ready
	log       *slog.Logger
	named     chan struct{} // closed once log is set

	transport   *http.Transport
	interrupted atomic.Bool           // the running invocation was interrupted
	current     atomic.Pointer[attrs] // of the running invocation

	alive context.Context // ends when the process is dead or was killed
	end   context.CancelFunc

	done chan struct{}     // closed once the process is dead and reaped
	exit *worker.ExitError // set before done is closed

	goroutines sync.WaitGroup // bury
}

// Info returns what is known of the server; it has no arguments.
func (w *Worker) Info() protocol.Ready { return w.ready }

// TempDir returns the folder for the process's temporary files. It is removed when the server has ended.
func (w *Worker) TempDir() string { return w.dir }

// PID returns the process id. It is also the id of the process group.
func (w *Worker) PID() int { return w.process.PID() }

// RSS returns the resident memory of the process in bytes; 0 if it is dead.
func (w *Worker) RSS() int64 { return w.process.RSS() }

// PSS returns RSS without the part of shared memory that counts for other processes.
func (w *Worker) PSS() int64 { return w.process.PSS() }

// PeakRSS returns the most resident memory that the process has had, in bytes.
func (w *Worker) PeakRSS() int64 { return w.process.PeakRSS() }

// Stats describes the process now.
func (w *Worker) Stats() protocol.WorkerStats {
	return protocol.WorkerStats{PID: w.PID(), RSS: w.RSS(), Ready: w.ready}
}

// Done returns a channel that is closed once the process is dead and reaped.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Err returns why the process ended, a *worker.ExitError, or nil while it lives.
func (w *Worker) Err() error {
	select {
	case <-w.done:
		return w.exit
	default:
		return nil
	}
}

// Interrupt sends SIGINT to the process that listens. A server of httpuv then ends the request with
// status 500. Call it during Invoke only.
func (w *Worker) Interrupt() {
	w.interrupted.Store(true)
	if w.listener == w.PID() {
		_ = w.process.Signal(syscall.SIGINT) // fails if the process is dead: Invoke reports that
		return
	}
	_ = w.process.SignalGroup(syscall.SIGINT) // a shell waits for the server
}

// InterruptGroup is Interrupt for the server and its children, as Ctrl-C is on a terminal.
func (w *Worker) InterruptGroup() {
	w.interrupted.Store(true)
	_ = w.process.SignalGroup(syscall.SIGINT) // likewise
}

// Signal sends a signal to the process. After its death it returns os.ErrProcessDone.
func (w *Worker) Signal(s syscall.Signal) error { return w.process.Signal(s) }

// Kill kills the process group. An Invoke that waits for an answer returns at once.
func (w *Worker) Kill(reason string) {
	w.process.Kill(reason)
	w.end()
}

// Enter does what a phase of SnapStart asks of a server. A server has no hooks and is not primed. After a
// restore, R draws a new seed before the next request.
func (w *Worker) Enter(_ context.Context, p protocol.Phase) (protocol.Entered, error) {
	if e := w.process.Ending(); e != nil {
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
	stop := context.AfterFunc(ctx, func() { w.Kill("it was no longer needed") })
	if w.process.Ending() == nil {
		w.Interrupt()
		if r, err := w.newRequest(protocol.Invoke{}, http.MethodOptions, w.url("/", ""), nil); err == nil {
			if resp, err := w.transport.RoundTrip(r.WithContext(ctx)); err == nil { // an error: the server has ended
				_ = resp.Body.Close() // nothing is read
			}
		}
	}
	<-w.done
	stop()
	w.free()
}

// bury waits for the death of the process, ends an Invoke that waits for it, and removes the temporary
// directory.
func (w *Worker) bury() {
	<-w.process.Done()
	w.exit = &worker.ExitError{ExitError: *w.process.Exit()}
	close(w.done)
	w.end()
	w.log.Debug("web server ended", "reason", w.exit)
	w.process.Wait()
	if err := os.RemoveAll(w.dir); err != nil {
		w.log.Warn("cannot remove the worker's temporary directory", "error", err)
	}
}

// free waits for the goroutines of a process that is dying.
func (w *Worker) free() { w.goroutines.Wait() }

func (w *Worker) stackFile() string    { return filepath.Join(w.dir, "stack") }
func (w *Worker) restoredFile() string { return filepath.Join(w.dir, "restored") }
