package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

var errShutdown = errors.New("the runtime was shut down before this invocation could run")

// maxPollRetry is for how long a /next that cannot be reached is asked again.
const maxPollRetry = 10 * time.Second

// poll asks /next for an event, in the background.
func (s *slot) poll(ctx context.Context) {
	polled := make(chan poll, 1)
	s.polled = polled
	s.log.Debug("poll")
	go func() { // loop, or abandon, receives what it sends
		b := backoff.NewExponentialBackOff()
		b.InitialInterval = 50 * time.Millisecond
		b.MaxInterval = 2 * time.Second
		b.MaxElapsedTime = maxPollRetry
		inv, err := backoff.RetryNotifyWithData(func() (*runtimeapi.Invocation, error) {
			inv, err := s.API.Next(ctx)
			if _, ok := errors.AsType[*runtimeapi.StatusError](err); ok {
				return nil, backoff.Permanent(err) // an answer: asking again would not change it
			}
			return inv, err
		}, backoff.WithContext(b, ctx), func(err error, pause time.Duration) {
			s.log.Warn("poll failed", "error", err, "retry_in", pause)
		})
		polled <- poll{inv, err}
	}()
}

// serve runs the held invocation and reports it. An error ends the supervisor.
func (s *slot) serve(ctx context.Context) error {
	start := time.Now()
	payload, err, interrupted := s.invoke(ctx, s.held)
	o := outcomeOf(err)
	if !o.keep || interrupted {
		// A late interrupt could hit an R that has answered already.
		s.worker.Kill("it was not to be used again")
		s.retire()
	}
	if o.resend {
		s.log.Warn("worker found unusable, invocation goes to the next", "request_id", s.held.ID, "error", err)
		s.schedule()
		return nil
	}
	inv := s.take()
	if o.keep {
		s.answered()
	} else {
		s.schedule()
	}
	if s.worker == nil && s.retry == nil && ctx.Err() == nil {
		s.spawn(ctx) // while the report is on its way
	}
	if o.report != nil {
		return s.reportError(ctx, inv, err)
	}
	s.log.Debug("R answered", "request_id", inv.ID, "bytes", len(payload), "took", time.Since(start))
	return s.post(ctx, inv, "response", func(ctx context.Context) error {
		return s.API.Respond(ctx, inv, payload)
	})
}

// invoke runs inv on the slot's worker within its deadline. Interrupted says that
// the worker was sent, or is being sent, an interrupt.
func (s *slot) invoke(ctx context.Context, inv *runtimeapi.Invocation) (payload []byte, err error, interrupted bool) {
	if err := checkHeaders(inv); err != nil {
		return nil, err, false
	}
	w := s.worker
	start := time.Now()
	if !inv.Deadline.IsZero() {
		soft, hard := s.limits(inv)
		interrupt := time.AfterFunc(soft, w.Interrupt)
		kill := time.AfterFunc(hard, func() { w.Kill("its invocation's deadline was near") })
		defer func() {
			interrupted = !interrupt.Stop()
			kill.Stop()
			if interrupted && err != nil {
				err = &TimeoutError{After: time.Since(start), Margin: time.Until(inv.Deadline), Err: err}
			}
		}()
	}
	var drain *time.Timer
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		drain = time.AfterFunc(drainLimit, func() { w.Kill("the runtime is shutting down") })
	})
	defer func() {
		if !stop() {
			<-stopped
			drain.Stop()
		}
	}()

	s.log.Debug("dispatch", "request_id", inv.ID)
	payload, err = w.Invoke(protocol.Invoke{
		Type:          protocol.TypeInvoke,
		ID:            inv.ID,
		DeadlineMs:    deadlineMs(inv),
		FunctionARN:   inv.FunctionARN,
		TraceID:       inv.TraceID,
		ClientContext: inv.ClientContext,
		Identity:      inv.CognitoIdentity,
		TenantID:      inv.TenantID,
	}, inv.Event, runtimeapi.MaxResponse)
	return payload, err, false
}

// limits returns how long inv may still run until R is interrupted, and until it
// is killed. A short timeout keeps half of itself for the handler.
func (s *slot) limits(inv *runtimeapi.Invocation) (soft, hard time.Duration) {
	left := max(0, time.Until(inv.Deadline))
	margin := min(s.Margin, left/2)
	return left - margin, left - margin/2
}

func deadlineMs(inv *runtimeapi.Invocation) int64 {
	if inv.Deadline.IsZero() {
		return 0
	}
	return inv.Deadline.UnixMilli()
}

func checkHeaders(inv *runtimeapi.Invocation) error {
	if inv.ClientContext != "" && !json.Valid([]byte(inv.ClientContext)) {
		return &badHeaderError{runtimeapi.HeaderClientContext}
	}
	if inv.CognitoIdentity != "" && !json.Valid([]byte(inv.CognitoIdentity)) {
		return &badHeaderError{runtimeapi.HeaderCognitoIdentity}
	}
	return nil
}
