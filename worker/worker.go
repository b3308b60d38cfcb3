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
// Invoke and Shutdown are for one goroutine at a time; everything else may be
// called from any, at any time.
type Worker struct {
	cmd   *exec.Cmd
	log   *slog.Logger
	ready protocol.Ready

	maxResult int // see Config.MaxResult

	requests *os.File // our end of R's fd 3
	replies  *os.File // our end of R's fd 4
	writer   *protocol.Writer
	reader   *protocol.Reader

	stdout, stderr *pump
	stderrTail     tail
	current        atomic.Pointer[protocol.Invoke] // the invocation that output belongs to
	oomKills       atomic.Int64                    // see oomWatch, when the invocation began

	mu     sync.Mutex // guards the pid: a reaped one may be somebody else's
	reaped bool
	killed string // why Kill was called first

	done chan struct{} // closed when the process was reaped
	exit *ExitError    // set before done is closed

	goroutines sync.WaitGroup
}

// Info returns what R reported when it became ready.
func (w *Worker) Info() protocol.Ready { return w.ready }

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

// Invoke runs one invocation and returns R's answer. It returns once everything that R
// wrote before it answered has been logged.
//
// If R streams its result, Invoke calls open at the first piece, and writes each piece to
// what that returns. R waits for each write; an error of one is sent to R, and Invoke does
// not return it. After Invoke returns, the caller must close any stream it opened.
//
// The errors mean that R did not answer: *protocol.FrameTooLargeError if the result is
// larger than Config.MaxResult (the worker may be used again), *protocol.ProtocolError if R
// broke the protocol, and *ExitError if it died. An error that is protocol.ErrNotSent
// means that R was found unusable before a byte of inv was sent to it. No error comes with
// an answer.
//
// Invoke takes no context, because a deadline ends it in two steps: see Interrupt and Kill.
func (w *Worker) Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	if err := w.usable(); err != nil {
		return protocol.Answer{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, err)
	}
	// What a child of R printed meanwhile is not this invocation's.
	w.stdout.flush()
	w.stderr.flush()
	w.current.Store(&inv)
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
		return protocol.Answer{}, w.broken(err)
	}
	reply, err := w.await(inv.ID)
	if err != nil {
		return protocol.Answer{}, w.broken(err)
	}
	if reply.Type == protocol.TypeChunk {
		return w.stream(reply, open(reply.StreamHead), log)
	}
	answer := answerOf(reply)
	if reply.Type == protocol.TypeError {
		log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "r_ms", reply.RMs)
		return answer, nil
	}
	if reply.Type != protocol.TypeResult {
		return protocol.Answer{}, w.broken(unexpected(reply, "result, error or chunk"))
	}
	answer.Payload, err = w.reader.ReadPayload(w.maxResult)
	if large, ok := errors.AsType[*protocol.FrameTooLargeError](err); ok && large.Size <= protocol.MaxPayload {
		if err := w.reader.Discard(large.Size); err != nil {
			return protocol.Answer{}, w.broken(err)
		}
		return protocol.Answer{}, large
	}
	if err != nil {
		return protocol.Answer{}, w.broken(err)
	}
	log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "payload_bytes", len(answer.Payload), "r_ms", reply.RMs)
	return answer, nil
}

// answerOf returns the answer that reply holds, without its payload.
func answerOf(reply protocol.Reply) protocol.Answer {
	return protocol.Answer{Failure: reply.Error, RTime: time.Duration(reply.RMs * float64(time.Millisecond))}
}

// usable reports why nothing should be sent to R: it is dead, or it sent
// something that nobody asked for.
func (w *Worker) usable() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.reader.Buffered() > 0 || happened(w.replies, unix.POLLIN)&unix.POLLIN != 0 {
		w.Kill("it broke the protocol")
		return &protocol.ProtocolError{Reason: "R wrote to its reply pipe while no invocation was running"}
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
			return reply, &protocol.ProtocolError{Reason: fmt.Sprintf("%s frame with id %.80q, want %q", reply.Type, reply.ID, id)}
		}
		if reply.Type != protocol.TypeLog {
			return reply, nil
		}
		w.logRecord(reply)
	}
}

func unexpected(reply protocol.Reply, want string) error {
	return &protocol.ProtocolError{Reason: fmt.Sprintf("%s frame, want %s", reply.Type, want)}
}

// broken turns an error of the pipes into what it means for the process, which
// is dead, or killed, when it returns.
func (w *Worker) broken(err error) error {
	_, isViolation := errors.AsType[*protocol.ProtocolError](err)
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
		return &protocol.ProtocolError{Reason: "R closed its protocol pipes and lived on", Err: err}
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

// Shutdown asks an idle R to exit, waits until it has, or kills it when ctx ends first,
// and frees everything that belonged to it. A dead worker must be shut down, too.
func (w *Worker) Shutdown(ctx context.Context) {
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
