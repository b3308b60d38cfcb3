package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

// A Worker is one R process that has reported that it is ready.
//
// Only one goroutine at a time may call Invoke, Enter or Shutdown. All other methods may be called
// from any goroutine, at any time.
type Worker struct {
	process   *process.Process
	log       *slog.Logger
	named     chan struct{} // closed once log is set
	ready     protocol.Ready
	tempDir   *tempDir
	origin    *tempDir              // of the template that it was forked from; nil if it was started
	maxResult int                   // see Config.MaxResult
	onRecord  func(protocol.Record) // may be nil
	tag       string                // begins the records of R's log
	silent    atomic.Bool           // see Silent

	requests *os.File // our end of R's fd 3
	replies  *os.File // our end of R's fd 4
	writer   *protocol.Writer
	reader   *protocol.Reader

	current atomic.Pointer[work] // what output is attributed to

	done chan struct{} // closed once the process is dead and reaped
	exit *ExitError    // set before done is closed

	goroutines sync.WaitGroup // bury
}

// Info returns what R reported when it became ready.
func (w *Worker) Info() protocol.Ready { return w.ready }

// TempDir returns the folder for the process's temporary files. It is removed when R has ended.
func (w *Worker) TempDir() string { return w.tempDir.path }

// PID returns the process id. It is also the id of the process group.
func (w *Worker) PID() int { return w.process.PID() }

// RSS returns the resident memory of the R process in bytes; 0 if it is dead.
func (w *Worker) RSS() int64 { return w.process.RSS() }

// PSS returns RSS without the part of shared memory that counts for other processes.
func (w *Worker) PSS() int64 { return w.process.PSS() }

// PeakRSS returns the most resident memory that the R process has had, in bytes.
func (w *Worker) PeakRSS() int64 { return w.process.PeakRSS() }

// Stats describes the process now.
func (w *Worker) Stats() protocol.WorkerStats {
	return protocol.WorkerStats{PID: w.PID(), RSS: w.RSS(), Ready: w.ready}
}

// Done returns a channel that is closed once the process is dead and reaped.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Err returns why the process ended, an *ExitError, or nil while it lives.
func (w *Worker) Err() error {
	select {
	case <-w.done:
		return w.exit
	default:
		return nil
	}
}

// Interrupt sends SIGINT to R, which then abandons what it is evaluating and reports where it
// was. An idle R would die of it, so call Interrupt during Invoke only.
func (w *Worker) Interrupt() {
	_ = w.process.Signal(syscall.SIGINT) // fails if the process is dead: Invoke reports that
}

// InterruptGroup is Interrupt for R and its children, as Ctrl-C is on a terminal. R ignores
// SIGINT while system() waits for a child.
func (w *Worker) InterruptGroup() {
	_ = w.process.SignalGroup(syscall.SIGINT) // likewise
}

// Signal sends a signal to R. After R's death it returns os.ErrProcessDone.
func (w *Worker) Signal(s syscall.Signal) error { return w.process.Signal(s) }

// Kill kills R and its whole process group. The reason becomes part of the ExitError. An Invoke
// that waits for R returns at once, although the kernel may still be freeing R's memory.
func (w *Worker) Kill(reason string) {
	w.process.Kill(reason)
	w.endIO()
}

// Shutdown asks an idle R to exit, waits until it has, or kills it when ctx ends first, and
// frees everything that belonged to it. A dead worker must be shut down, too.
func (w *Worker) Shutdown(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { w.Kill("it was no longer needed") })
	// Whether or not R receives the request, it exits or ctx ends. Meanwhile its shutdown
	// hooks may write log records.
	_ = w.writer.WriteMessage(protocol.NewShutdown())
	if reply, err := w.await(""); err == nil {
		w.log.Warn("R answered a shutdown", "type", reply.Type)
	}
	<-w.done
	stop()
	w.free()
}

// longAgo as a deadline ends every read or write that waits, and all later ones.
var longAgo = time.Unix(1, 0)

// endIO ends every read or write that waits for R, once what R has written was read.
func (w *Worker) endIO() {
	_ = w.replies.SetReadDeadline(longAgo)   // fails if the pipe is closed: nothing waits then
	_ = w.requests.SetWriteDeadline(longAgo) // likewise
}

// bury waits for the death of the process, ends an Invoke that waits for R, and removes the
// temporary directory once nothing uses it.
func (w *Worker) bury() {
	<-w.process.Done()
	w.exit = &ExitError{*w.process.Exit()}
	close(w.done)
	w.endIO()
	w.log.Debug("R process ended", "reason", w.exit)

	w.process.Wait()
	if err := errors.Join(w.tempDir.leave(), w.origin.leave()); err != nil {
		w.log.Warn("cannot remove the worker's temporary directory", "error", err)
	}
}

// free waits for the goroutines of a process that is dying and closes its pipes.
func (w *Worker) free() {
	w.goroutines.Wait()
	_ = w.requests.Close() // the process is dead: what it did not read is lost anyway
	_ = w.replies.Close()  // it was only read
}
