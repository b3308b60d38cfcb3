package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/protocol/runtimeapi"
)

// minPost is the least time that a report gets, even if the deadline is nearer.
const minPost = time.Second

// fail reports that inv failed without R having seen it. An error ends the supervisor.
func (s *slot) fail(ctx context.Context, inv *runtimeapi.Invocation, why error) error {
	r := reportOf(why)
	s.emit(Failed{At: s.here(), Invocation: s.facts(inv), Report: r})
	return s.postError(ctx, inv, Reported{Failure: r})
}

// postError posts t.Failure as the report of inv. An error ends the supervisor.
func (s *slot) postError(ctx context.Context, inv *runtimeapi.Invocation, t Reported) error {
	t.Kind = ReportError
	return s.post(ctx, inv, t, func(ctx context.Context) error {
		return s.config.API.InvocationError(ctx, inv, t.Failure)
	})
}

// postResponse posts payload as the report of inv. An error ends the supervisor.
func (s *slot) postResponse(ctx context.Context, inv *runtimeapi.Invocation, payload []byte, t Reported) error {
	t.Kind = ReportResponse
	return s.post(ctx, inv, t, func(ctx context.Context) error {
		return s.config.API.Respond(ctx, inv, payload)
	})
}

// endStream ends the stream that is the one report of inv: as complete, or, if the
// invocation failed, as broken off. A stream is never sent again, and no other report
// follows it. An error ends the supervisor.
func (s *slot) endStream(
	ctx context.Context, inv *runtimeapi.Invocation, stream runtimeapi.Stream, t Reported,
) error {
	t.Kind = ReportStream
	ctx, cancel := reportTime(ctx, inv)
	defer cancel()
	start := time.Now()
	err := stream.Close(ctx, t.Failure)
	return s.reported(inv, t, start, err)
}

// post posts the one report of inv. A shutdown does not cancel it. If its connection
// breaks or the API is busy, it is sent again: nothing shows whether it arrived, and the
// Runtime API refuses a second report itself. Any other answer is final: no other report
// follows it. An error ends the supervisor.
func (s *slot) post(
	ctx context.Context, inv *runtimeapi.Invocation, t Reported, send func(context.Context) error,
) error {
	ctx, cancel := reportTime(ctx, inv)
	defer cancel()
	start := time.Now()

	b := newBackOff(10*time.Millisecond, 200*time.Millisecond)
	err := backoff.RetryNotify(func() error {
		err := send(ctx)
		if isAnswer(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(b, ctx), func(err error, pause time.Duration) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "report failed, retrying", s.facts(inv).about(
			slog.String("report", string(t.Kind)), slog.Any("error", err), slog.Duration("in", pause))...)
	})
	return s.reported(inv, t, start, err)
}

// reportTime returns ctx for as long as a report of inv may take, whether or not there is
// a shutdown.
func reportTime(ctx context.Context, inv *runtimeapi.Invocation) (context.Context, context.CancelFunc) {
	limit := 30 * time.Second
	if !inv.Deadline.IsZero() {
		limit = max(minPost, time.Until(inv.Deadline))
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// reported emits how the report of inv ended; start is when its post began. An error ends
// the supervisor.
func (s *slot) reported(inv *runtimeapi.Invocation, t Reported, start time.Time, err error) error {
	t.At, t.Invocation = s.here(), s.facts(inv)
	t.PostTook, t.Took = time.Since(start), time.Since(s.received)
	t.Err, t.Fatal = err, fatal(err)
	// Reading the memory takes a system call, and the log does not include it.
	if s.config.Observe != nil && t.PID != 0 && s.worker != nil && t.PID == s.pid {
		t.RSS = s.worker.Stats().RSS
	}
	s.emit(t)
	if t.Fatal {
		return fmt.Errorf("invocation %s: %w", t.Invocation.ID, err)
	}
	return nil
}
