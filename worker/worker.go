package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

const (
	// afterDeath is how long a reader still waits for bytes of a process that
	// has died. They are in the pipe already; but a child of R may hold the pipe
	// open, so that its end never comes.
	afterDeath = 5 * time.Millisecond

	// afterEOF is how long a process may take to be seen dead after it has
	// closed its reply pipe. One that lives on is killed.
	afterEOF = 200 * time.Millisecond
)

// A Worker is one R process that has said it is ready.
//
// Invoke and Close are for one goroutine at a time; everything else may be
// called from any, at any time.
type Worker struct {
	cmd   *exec.Cmd
	log   *slog.Logger
	ready protocol.Ready

	requests *os.File // our end of R's fd 3
	replies  *os.File // our end of R's fd 4
	writer   *protocol.Writer
	reader   *protocol.Reader

	stdout, stderr *pump
	stderrTail     tail
	current        atomic.Pointer[string] // the invocation that output belongs to

	mu     sync.Mutex // guards the pid: a reaped one may be somebody else's
	reaped bool
	killed string // why Kill was called first

	done chan struct{} // closed when the process was reaped
	exit *ExitError    // set before done is closed
	peak atomic.Int64  // bytes, once the process is dead

	goroutines sync.WaitGroup
}

// Ready returns what R said of itself when it was ready.
func (w *Worker) Ready() protocol.Ready { return w.ready }

// PID returns the process id, which is its process group's too.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// Done returns a channel that is closed when the process has died and was reaped.
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

// Invoke runs one invocation and returns the JSON of its result. It returns once
// everything that R wrote before it answered has been logged.
//
// The errors: *protocol.HandlerError, when R reported one;
// *protocol.FrameTooLargeError, when the result has more than limit bytes (after
// both of these the worker may be used again); *protocol.Violation, when R broke
// the protocol, and *ExitError, when it died. An error that is protocol.ErrNotSent
// means that R was found unusable before a byte of inv was sent to it.
func (w *Worker) Invoke(inv protocol.Invoke, event []byte, limit int) ([]byte, error) {
	if err := w.usable(); err != nil {
		return nil, fmt.Errorf("%w: %w", protocol.ErrNotSent, err)
	}
	w.current.Store(&inv.ID)
	w.stderrTail.reset()
	defer func() {
		w.stdout.flush()
		w.stderr.flush()
		w.current.Store(nil)
	}()
	log := w.log.With("request_id", inv.ID)

	log.Debug("frame sent", "type", inv.Type, "payload_bytes", len(event))
	if err := w.writer.WriteMessagePayload(inv, event); err != nil {
		return nil, w.broken(err)
	}
	reply, err := w.await(inv.ID)
	if err != nil {
		return nil, w.broken(err)
	}
	if reply.Type == protocol.TypeError {
		log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "r_ms", reply.RMs)
		return nil, reply.Error
	}
	if reply.Type != protocol.TypeResult {
		return nil, w.broken(unexpected(reply, "result or error"))
	}
	payload, err := w.reader.ReadPayload(limit)
	if large, ok := errors.AsType[*protocol.FrameTooLargeError](err); ok && large.Size <= protocol.MaxPayload {
		if err := w.reader.Discard(large.Size); err != nil {
			return nil, w.broken(err)
		}
		return nil, large
	}
	if err != nil {
		return nil, w.broken(err)
	}
	log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "payload_bytes", len(payload), "r_ms", reply.RMs)
	return payload, nil
}

// usable reports why nothing should be sent to R: it is dead, or it sent
// something that nobody asked for.
func (w *Worker) usable() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.reader.Buffered() == 0 && !readable(w.replies) {
		return nil
	}
	w.Kill("it broke the protocol")
	return &protocol.Violation{Reason: "R wrote to its reply pipe while no invocation was running"}
}

// readable reports whether a read of f would return bytes at once.
func readable(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false // closed: the process is dead
	}
	fds := []unix.PollFd{{Events: unix.POLLIN}}
	_ = raw.Control(func(fd uintptr) { // fails only when f is closed
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0) // an error leaves Revents empty
	})
	return fds[0].Revents&unix.POLLIN != 0
}

// await reads replies until one that is not a log record, which must carry id.
func (w *Worker) await(id string) (protocol.Reply, error) {
	for {
		reply, err := w.reader.ReadReply()
		if err != nil {
			return reply, err
		}
		if reply.ID != id {
			return reply, &protocol.Violation{Reason: fmt.Sprintf("%s frame with id %.80q, want %q", reply.Type, reply.ID, id)}
		}
		if reply.Type != protocol.TypeLog {
			return reply, nil
		}
		w.logRecord(reply)
	}
}

func unexpected(reply protocol.Reply, want string) error {
	return &protocol.Violation{Reason: fmt.Sprintf("%s frame, want %s", reply.Type, want)}
}

// broken turns an error of the pipes into what it means for the process, which
// is dead, or killed, when it returns.
func (w *Worker) broken(err error) error {
	_, isViolation := errors.AsType[*protocol.Violation](err)
	if isViolation && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.Kill("it broke the protocol")
		return err
	}
	// An end of file, a broken pipe, or the deadline that the reaper set: the
	// process is dead or about to be seen so.
	timer := time.NewTimer(afterEOF)
	defer timer.Stop()
	select {
	case <-w.done:
		return w.exit
	case <-timer.C:
		w.Kill("it closed its protocol pipes")
		return &protocol.Violation{Reason: "R closed its protocol pipes and lived on", Err: err}
	}
}

// Interrupt sends SIGINT, which makes R abandon what it is evaluating and report
// where it was. An idle R would die of it, so call it during Invoke only.
func (w *Worker) Interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reaped {
		_ = syscall.Kill(w.PID(), syscall.SIGINT) // the process may be a zombie: as good as interrupted
	}
}

// Kill kills R and its whole process group. The reason becomes part of the
// ExitError.
func (w *Worker) Kill(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reaped {
		return
	}
	if w.killed == "" {
		w.killed = reason
	}
	_ = syscall.Kill(-w.PID(), syscall.SIGKILL) // the group may be a zombie: as good as killed
}

// Close asks an idle R to exit, waits until it has, or kills it when ctx ends
// first, and frees everything that belonged to it. A dead one needs it too.
func (w *Worker) Close(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		w.Kill("it was no longer needed")
		_ = w.requests.SetWriteDeadline(time.Unix(1, 0))
	})
	// R exits by itself, or ctx ends: that the request did not get through
	// changes nothing.
	_ = w.writer.WriteMessage(protocol.NewShutdown())
	<-w.done
	stop()
	w.free()
}

// free waits for the goroutines of a process that is dying and closes its pipes.
func (w *Worker) free() {
	w.goroutines.Wait()
	_ = w.requests.Close()
	_ = w.replies.Close()
}
