package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/protocol/runtimeapi"
)

// minPost is how long a report may take at least, even when the deadline is nearer.
const minPost = time.Second

// ofInvocation returns the attributes of a log record about inv.
func ofInvocation(inv *runtimeapi.Invocation) []any {
	attrs := []any{"request_id", inv.ID}
	if inv.TenantID != "" {
		attrs = append(attrs, "tenant_id", inv.TenantID)
	}
	return attrs
}

// logError logs why inv failed. Without a key the report's own attributes are logged.
func (s *slot) logError(inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) {
	s.log.Error("invocation error", append(ofInvocation(inv), slog.Any("", r))...)
}

// reportError logs why inv failed, which r says, and reports it. An error ends the supervisor.
func (s *slot) reportError(ctx context.Context, inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) error {
	s.logError(inv, r)
	return s.post(ctx, inv, "error", func(ctx context.Context) error {
		return s.API.InvocationError(ctx, inv, r)
	})
}

// post sends the one report of inv. A shutdown does not cancel it. A report whose
// connection broke is sent again on a new one, since nothing says whether it
// arrived: the Runtime API refuses a second report itself. An answer, whatever it
// is, is final: it is never followed by another report. The error that post returns
// ends the supervisor.
func (s *slot) post(ctx context.Context, inv *runtimeapi.Invocation, kind string, send func(context.Context) error) error {
	ctx, cancel := reportTime(ctx, inv)
	defer cancel()
	start := time.Now()

	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 10 * time.Millisecond
	b.MaxInterval = 200 * time.Millisecond
	b.MaxElapsedTime = 0 // ctx ends it
	err := backoff.RetryNotify(func() error {
		err := send(ctx)
		if _, ok := errors.AsType[*runtimeapi.StatusError](err); ok {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(b, ctx), func(err error, pause time.Duration) {
		s.log.Warn("report failed on its way, sent again", append(ofInvocation(inv), "report", kind, "error", err, "in", pause)...)
	})
	return s.reported(inv, kind, start, err)
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

// reported logs how a report of inv ended. The error that it returns ends the supervisor.
func (s *slot) reported(inv *runtimeapi.Invocation, kind string, start time.Time, err error) error {
	log := s.log.With(append(ofInvocation(inv), "report", kind)...)
	switch {
	case err == nil:
		log.Debug("posted", "took", time.Since(start))
	case fatal(err):
		return fmt.Errorf("invocation %s: %w", inv.ID, err)
	default:
		log.Error("report not accepted", "error", err)
	}
	return nil
}
