package worker

import (
	"context"
	"fmt"
	"log/slog"

	"lambda-r-runtime/protocol"
)

// phaseNames are the names of the phases in the log.
var phaseNames = map[string]string{
	protocol.TypePrime:    "priming",
	protocol.TypeSnapshot: "snapshot",
	protocol.TypeRestore:  "restore",
}

// Enter makes R enter a phase and returns R's answer, once everything that R wrote before was
// logged. If ctx has a deadline, R gets it as p.DeadlineMs. The findings of the snapshot phase
// include those of /proc.
//
// If ctx ends first, R is killed. If that is because its deadline has passed, R is interrupted
// first. The errors are those of Spawn: a *protocol.HandlerError if priming or a hook failed, and R
// lives on; an *ExitError or a *protocol.ProtocolError; or the cause of ctx, which may be wrapped in
// a *protocol.StoppedError. An error that is protocol.ErrNotSent means that R was found unusable
// before anything was sent to it.
func (w *Worker) Enter(ctx context.Context, p protocol.Phase) (protocol.Entered, error) {
	if err := w.usable(); err != nil {
		return protocol.Entered{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, err)
	}
	defer w.attribute(&work{attrs: []slog.Attr{slog.String("phase", phaseNames[p.Type])}})()
	if deadline, ok := ctx.Deadline(); ok {
		p.DeadlineMs = deadline.UnixMilli()
	}
	w.log.Debug("frame sent", "type", p.Type)
	entered, err := w.within(ctx, p)
	w.log.Debug("phase over", "type", p.Type, "error", err)
	if err == nil && p.Type == protocol.TypeSnapshot {
		entered.Findings = append(entered.Findings, w.fragile()...)
	}
	return entered, err
}

// within sends a control frame and returns R's answer. The end of ctx has the effects that Enter
// describes.
func (w *Worker) within(ctx context.Context, frame any) (protocol.Entered, error) {
	stop := context.AfterFunc(ctx, func() { w.stopLoading(ctx) }) // ends soon after the process
	entered, err := w.enter(frame)
	if !stop() {
		err = stopped(err, context.Cause(ctx))
		w.Kill(context.Cause(ctx).Error()) // the interrupt may still reach it
	}
	return entered, err
}

// enter does the work of within without its limit.
func (w *Worker) enter(frame any) (protocol.Entered, error) {
	if err := w.writer.WriteMessage(frame); err != nil {
		return protocol.Entered{}, w.broken(err)
	}
	reply, err := w.await("")
	if err != nil {
		return protocol.Entered{}, w.broken(err)
	}
	switch reply.Type {
	case protocol.TypeEntered:
		return reply.Entered, nil
	case protocol.TypeError:
		return protocol.Entered{}, reply.Error
	default:
		return protocol.Entered{}, w.broken(unexpected(reply, "entered or error"))
	}
}
