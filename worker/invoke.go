package worker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/rvalue"
)

// Invoke runs one invocation and returns R's answer. It returns once everything that R
// wrote before it answered has been logged.
//
// If R streams its result, Invoke calls open at the first piece, and writes each piece to
// what that returns. R waits for each write; an error of one is sent to R, and Invoke does
// not return it. After Invoke returns, the caller must close any stream it opened.
//
// A result larger than Config.MaxResult is dropped; Answer.TooLarge has its size.
//
// The errors mean that R did not answer: *protocol.ProtocolError if R broke the protocol,
// and *ExitError if it died or was killed. An error that is protocol.ErrNotSent means that
// R was found unusable before a byte of inv was sent to it. No error comes with an answer.
//
// Invoke takes no context, because a deadline ends it in two steps: see Interrupt and Kill.
// After Kill it does not wait until R is dead: Done says when.
func (w *Worker) Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	if err := w.usable(); err != nil {
		return protocol.Answer{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, err)
	}
	defer w.attribute(invocation(inv))()
	log := w.log.With("request_id", inv.ID)

	decoded := w.decode(event)
	log.Debug("frame sent", "type", inv.Type, "payload_bytes", len(event), "decoded", decoded != nil)
	if err := w.writer.WriteInvoke(inv, event, decoded); err != nil {
		return protocol.Answer{}, w.broken(err)
	}
	reply, err := w.await(inv.ID)
	for err == nil && reply.Type == protocol.TypeOperation && inv.Operate != nil {
		if err = w.operate(reply, inv.Operate); err == nil {
			reply, err = w.await(inv.ID)
		}
	}
	if err != nil {
		return protocol.Answer{}, w.broken(err)
	}
	switch reply.Type {
	case protocol.TypeSuspend:
		if inv.Operate == nil {
			return protocol.Answer{}, w.broken(unexpected(reply, "result, error or chunk"))
		}
		answer := answerOf(reply)
		answer.Suspend = true
		return answer, nil
	case protocol.TypeChunk:
		return w.stream(reply, open(reply.StreamHead), log)
	case protocol.TypeResult:
		return w.result(reply, log)
	case protocol.TypeError:
		log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "r_ms", reply.RMs)
		return answerOf(reply), nil
	default:
		return protocol.Answer{}, w.broken(unexpected(reply, "result, error or chunk"))
	}
}

// decode returns the decoded event, or nil if it is left to R.
func (w *Worker) decode(event []byte) protocol.Payload {
	if w.ready.Arrays == "" {
		return nil
	}
	if v := rvalue.Decode(event, w.ready.Arrays == protocol.ArraysSimplified, w.ready.Bodies); v != nil {
		return v
	}
	return nil
}

// operate answers an operation of a durable execution.
func (w *Worker) operate(reply protocol.Reply, operate func(protocol.Operation, []byte) (protocol.Outcome, []byte)) error {
	payload, err := w.reader.ReadPayload(w.maxResult)
	if large, ok := errors.AsType[*protocol.FrameTooLargeError](err); ok && large.Size <= protocol.MaxPayload {
		payload, err = nil, w.reader.Discard(large.Size)
		reply.Operation.TooLarge = large
	}
	if err != nil {
		return err
	}
	if !reply.HasPayload {
		payload = nil
	}
	outcome, stored := operate(*reply.Operation, payload)
	outcome.Type, outcome.HasPayload = protocol.TypeOutcome, stored != nil
	return w.writer.WriteMessagePayload(outcome, stored)
}

// result reads the payload of reply, and skips one that is too large. It returns what Invoke
// returns.
func (w *Worker) result(reply protocol.Reply, log *slog.Logger) (protocol.Answer, error) {
	answer := answerOf(reply)
	limit := w.maxResult
	if reply.Tables {
		limit = maxTables
	}
	payload, err := w.reader.ReadPayload(limit)
	if large, ok := errors.AsType[*protocol.FrameTooLargeError](err); ok && large.Size <= protocol.MaxPayload {
		if err := w.reader.Discard(large.Size); err != nil {
			return protocol.Answer{}, w.broken(err)
		}
		answer.TooLarge = large
		return answer, nil
	}
	if err != nil {
		return protocol.Answer{}, w.broken(err)
	}
	log.Debug("frame received", "type", reply.Type, "bytes", reply.Size, "payload_bytes", len(payload), "r_ms", reply.RMs)
	if !reply.Tables {
		answer.Payload = payload
		return answer, nil
	}
	json, size, err := rvalue.EncodeRows(payload, w.maxResult)
	if err != nil {
		return protocol.Answer{}, w.broken(&protocol.ProtocolError{Reason: "result with tables", Err: err})
	}
	if json == nil {
		answer.TooLarge = &protocol.FrameTooLargeError{Size: size, Limit: int64(w.maxResult)}
	}
	answer.Payload = json
	return answer, nil
}

// maxTables is the size of the largest result with tables, in bytes. R sends none over 12 MiB.
const maxTables = 16 << 20

// answerOf returns the answer that reply holds, without its payload.
func answerOf(reply protocol.Reply) protocol.Answer {
	return protocol.Answer{Failure: reply.Error, Steps: reply.Steps, RTime: time.Duration(reply.RMs * float64(time.Millisecond))}
}

// usable returns why nothing should be sent to R: it is dead, was killed, or sent an unsolicited
// frame.
func (w *Worker) usable() error {
	if e := w.process.Ending(); e != nil {
		return &ExitError{*e}
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

// happened returns which of the poll(2) events have happened to f, and whether its other end is
// closed.
func happened(f *os.File, events int16) int16 {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0 // closed: the process is dead, and Invoke reports that
	}
	fds := []unix.PollFd{{Events: events}}
	_ = raw.Control(func(fd uintptr) { // fails only if f is closed
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0) // an error leaves Revents empty
	})
	return fds[0].Revents
}

// await reads the next reply, which must carry id.
func (w *Worker) await(id string) (protocol.Reply, error) {
	reply, err := w.reader.ReadReply()
	if err != nil {
		return reply, err
	}
	if reply.ID != id {
		return reply, &protocol.ProtocolError{Reason: fmt.Sprintf("%s frame with id %.80q, want %q", reply.Type, reply.ID, id)}
	}
	return reply, nil
}

func unexpected(reply protocol.Reply, want string) error {
	return &protocol.ProtocolError{Reason: fmt.Sprintf("%s frame, want %s", reply.Type, want)}
}

// afterEOF is how long a process may take to be seen dead after it has closed a protocol pipe.
// One that lives on is killed.
const afterEOF = 500 * time.Millisecond

// broken returns the error of the process that an error of its pipes stands for. When it
// returns, the process is dead or has been killed.
func (w *Worker) broken(err error) error {
	_, isProtocolError := errors.AsType[*protocol.ProtocolError](err)
	if isProtocolError && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.Kill("it broke the protocol")
		return err
	}
	// An end of file, a broken pipe, or the deadline that endIO set: the process was killed,
	// is dead, or will be seen dead in a moment.
	timer := time.NewTimer(afterEOF)
	defer timer.Stop()
	select {
	case <-w.process.Killed():
		return &ExitError{*w.process.Ending()}
	case <-w.done:
		return w.exit
	case <-timer.C:
	}
	if w.process.Kill("it closed its protocol pipes") {
		return &protocol.ProtocolError{Reason: "R closed its protocol pipes but did not exit", Err: err}
	}
	<-w.done // it is dead, and its last output is being logged
	return w.exit
}
