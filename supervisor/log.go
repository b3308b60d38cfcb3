package supervisor

import (
	"context"
	"log/slog"
)

// A record is the log record of a transition.
type record struct {
	level slog.Level
	msg   string
	attrs []slog.Attr
}

func debug(msg string, attrs ...slog.Attr) record { return record{slog.LevelDebug, msg, attrs} }

// emit delivers a transition to the log and to the observer. Errors are logged without the
// state, because they are for the function's author.
func (s *slot) emit(t Transition) {
	r := t.record()
	if r.level < slog.LevelError {
		r.attrs = append(r.attrs, slog.String("state", s.state.String()))
	}
	s.log.LogAttrs(context.Background(), r.level, r.msg, r.attrs...)
	if s.config.Observe != nil {
		s.config.Observe(t)
	}
}

// about returns the attributes that identify an invocation.
func (inv Invocation) about(attrs ...slog.Attr) []slog.Attr {
	id := []slog.Attr{slog.String("request_id", inv.ID)}
	if inv.TenantID != "" {
		id = append(id, slog.String("tenant_id", inv.TenantID))
	}
	return append(id, attrs...)
}

func (t Spawning) record() record {
	return debug("spawning", slog.Int("failures", t.Failures), slog.Bool("successor", t.Successor))
}

func (t SpawnFailed) record() record {
	err := slog.Any("error", t.Err)
	switch {
	case t.Init:
		return debug("init failed", err) // the caller of Run logs the error
	case t.Successor:
		return record{slog.LevelError, "could not start a replacement for a worker due for recycling", []slog.Attr{err}}
	}
	return record{slog.LevelError, "worker did not become ready", []slog.Attr{slog.Int("attempt", t.Attempts), err}}
}

func (t Ready) record() record {
	return debug("worker ready", slog.Int("worker", t.Stats.PID), slog.Duration("took", t.Took))
}

func (t PrimingFailed) record() record {
	return record{slog.LevelWarn, "priming failed, continuing without it",
		[]slog.Attr{slog.Int("worker", t.PID), slog.Any("error", t.Err)}}
}

func (t Fragile) record() record {
	return record{slog.LevelWarn, "a restore breaks or repeats what the init made", []slog.Attr{
		slog.Int("worker", t.PID), slog.String("kind", t.Finding.Kind),
		slog.String("what", t.Finding.What), slog.String("fix", t.Finding.Fix)}}
}

func (t Prepared) record() record {
	return debug("prepared for the snapshot",
		slog.Int("worker", t.PID), slog.Bool("primed", t.Primed), slog.Duration("took", t.Took))
}

func (t Restored) record() record {
	return debug("restored", slog.Int("worker", t.PID), slog.Duration("took", t.Took))
}

func (t Lost) record() record {
	attrs := []slog.Attr{slog.Int("worker", t.PID)}
	if t.Reason != nil {
		attrs = append(attrs, slog.Any("reason", t.Reason))
	}
	if t.Idle {
		return record{slog.LevelWarn, "worker died idle", attrs}
	}
	return debug("worker lost", attrs...) // the invocation's error is logged
}

func (t Recycled) record() record {
	attrs := []slog.Attr{slog.Int("worker", t.Stats.PID), slog.Int("served", t.Served)}
	if !t.Room {
		return debug("worker recycled, no room for its successor beside it", attrs...)
	}
	return debug("worker recycled", attrs...)
}

func (t BackingOff) record() record {
	return record{slog.LevelWarn, "backing off before the next worker",
		[]slog.Attr{slog.Duration("pause", t.Pause), slog.Int("failures", t.Failures)}}
}

func (t GaveUp) record() record { // each failed attempt is logged
	return debug("slot gave up", slog.Int("attempts", t.Attempts))
}

func (t Draining) record() record { return debug("draining") }

func (t Polling) record() record { return debug("poll") }

func (t Received) record() record {
	return debug("invocation received", t.Invocation.about(
		slog.Int("event_bytes", t.Invocation.EventBytes), slog.Time("deadline", t.Invocation.Deadline))...)
}

func (t Dispatched) record() record {
	return debug("dispatch", t.Invocation.about(slog.Int("worker", t.PID))...)
}

func (t NotSent) record() record {
	return record{slog.LevelWarn, "worker found unusable, invocation goes to the next",
		t.Invocation.about(slog.Int("worker", t.PID), slog.Any("error", t.Err))}
}

func (t Answered) record() record {
	attrs := t.Invocation.about(slog.Int("bytes", t.Bytes), slog.Duration("took", t.Took))
	if t.Interrupted {
		return record{slog.LevelWarn, "result came after the deadline's interrupt and may be incomplete", attrs}
	}
	return debug("R answered", attrs...)
}

func (t Failed) record() record {
	return record{slog.LevelError, "invocation error", t.Invocation.about(t.Report.Attr())}
}

func (t Reported) record() record {
	kind := slog.String("report", string(t.Kind))
	switch {
	case t.Err == nil:
		return debug("posted", t.Invocation.about(kind, slog.Duration("took", t.PostTook))...)
	case t.Fatal:
		return debug("report failed, giving up", t.Invocation.about(kind)...) // the caller of Run logs the error
	}
	return record{slog.LevelError, "report not accepted", t.Invocation.about(kind, slog.Any("error", t.Err))}
}
