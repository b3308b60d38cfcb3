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

	"lambda-r-runtime/internal/planted"
	"lambda-r-runtime/protocol"
)

// afterEOF is how long a process may take to be seen dead after it has closed its reply
// pipe. One that lives on is killed.
const afterEOF = 500 * time.Millisecond

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
	current        atomic.Pointer[protocol.Invoke] // the invocation that output belongs to
	oomKills       atomic.Int64                    // see oomWatch, when the invocation began
	rTime          time.Duration                   // see RTime

	mu     sync.Mutex // guards the pid: a reaped one may be somebody else's
	reaped bool
	killed string // why Kill was called first

	done chan struct{} // closed when the process was reaped
	exit *ExitError    // set before done is closed

	goroutines sync.WaitGroup
}

// Ready returns what R said of itself when it was ready.
func (w *Worker) Ready() protocol.Ready { return w.ready }

// RTime returns how long R has worked on the last invocation, by its own clock: 0 when
// it did not say. It is for the goroutine that calls Invoke.
func (w *Worker) RTime() time.Duration { return w.rTime }

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
// A result that R streams goes, piece by piece, to what open returns, which is called at
// the first piece; then there is no JSON. R waits until a piece was written, and hears
// of an error; that is no error of Invoke. Who has opened the stream ends it, too, when
// Invoke has returned.
//
// The errors: *protocol.HandlerError, when R reported one (if it is Answered, there is
// JSON all the same);
// *protocol.FrameTooLargeError, when the result has more than limit bytes (after
// both of these the worker may be used again); *protocol.Violation, when R broke
// the protocol, and *ExitError, when it died. An error that is protocol.ErrNotSent
// means that R was found unusable before a byte of inv was sent to it.
func (w *Worker) Invoke(inv protocol.Invoke, event []byte, limit int, open func(protocol.StreamHead) io.Writer) ([]byte, error) {
	if err := w.usable(); err != nil {
		return nil, fmt.Errorf("%w: %w", protocol.ErrNotSent, err)
	}
	// What a child of R printed meanwhile is not this invocation's.
	w.stdout.flush()
	w.stderr.flush()
	w.current.Store(&inv)
	w.rTime = 0
	w.stderrTail.reset()
	w.oomKills.Store(int64(watchOOM().kills()))
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
	if reply.Type == protocol.TypeChunk {
		return nil, w.stream(reply, open(reply.StreamHead), log)
	}
	w.rTime = time.Duration(reply.RMs * float64(time.Millisecond))
	if reply.Type == protocol.TypeError {
		log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "r_ms", reply.RMs)
		return nil, reply.Error
	}
	if reply.Type != protocol.TypeResult {
		return nil, w.broken(unexpected(reply, "result, error or chunk"))
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
	if reply.Error != nil {
		reply.Error.Answered = true
		return payload, reply.Error
	}
	return payload, nil
}

// usable reports why nothing should be sent to R: it is dead, or it sent
// something that nobody asked for.
func (w *Worker) usable() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.reader.Buffered() > 0 || happened(w.replies, unix.POLLIN)&unix.POLLIN != 0 {
		w.Kill("it broke the protocol")
		return &protocol.Violation{Reason: "R wrote to its reply pipe while no invocation was running"}
	}
	if happened(w.replies, 0)|happened(w.requests, 0) != 0 {
		return w.broken(io.EOF) // dead, and not reaped yet
	}
	return nil
}

// happened returns which of events has happened to f, and whether its other end is closed.
func happened(f *os.File, events int16) int16 {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0 // closed: the process is dead, and Invoke will see that
	}
	fds := []unix.PollFd{{Events: events}}
	_ = raw.Control(func(fd uintptr) { // fails only when f is closed
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0) // an error leaves Revents empty
	})
	return fds[0].Revents
}

// await reads replies until one that is not a log record, which must carry id.
func (w *Worker) await(id string) (protocol.Reply, error) {
	for {
		reply, err := w.reader.ReadReply()
		if err != nil {
			return reply, err
		}
		if reply.ID != id && !planted.Bug(planted.IDCheckDropped) {
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
	// An end of file, a broken pipe, or the deadline that the reaper set: the process
	// is dead or about to be seen so.
	timer := time.NewTimer(afterEOF)
	defer timer.Stop()
	select {
	case <-w.done:
		return w.exit
	case <-timer.C:
	}
	if w.kill("it closed its protocol pipes") {
		return &protocol.Violation{Reason: "R closed its protocol pipes and lived on", Err: err}
	}
	<-w.done // it is dead, and its last output is on its way to the log
	return w.exit
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

// Kill kills R and its whole process group. The reason becomes part of the ExitError.
func (w *Worker) Kill(reason string) { w.kill(reason) }

// kill is Kill, and reports whether R had not been reaped yet.
func (w *Worker) kill(reason string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reaped {
		return false
	}
	if w.killed == "" {
		w.killed = reason
	}
	_ = syscall.Kill(w.group(), syscall.SIGKILL) // the group may be a zombie: as good as killed
	return true
}

// group returns the process group as kill(2) takes it.
func (w *Worker) group() int {
	if planted.Bug(planted.OnlyPidKilled) {
		return w.PID()
	}
	return -w.PID()
}

// Close asks an idle R to exit, waits until it has, or kills it when ctx ends
// first, and frees everything that belonged to it. A dead one needs it too.
func (w *Worker) Close(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		w.Kill("it was no longer needed")
		_ = w.requests.SetWriteDeadline(longAgo)
	})
	// R exits by itself, or ctx ends: that the request did not get through changes
	// nothing. Meanwhile its shutdown hooks may have something to say.
	_ = w.writer.WriteMessage(protocol.NewShutdown())
	if reply, err := w.await(""); err == nil {
		w.log.Warn("R answered a shutdown", "type", reply.Type)
	}
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
