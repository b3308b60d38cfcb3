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
		b.MaxElapsedTime = maxPollRetry // counted from its making, or from Reset
		inv, err := backoff.RetryNotifyWithData(func() (*runtimeapi.Invocation, error) {
			asked := time.Now()
			inv, err := s.API.Next(ctx)
			if time.Since(asked) > maxPollRetry {
				b.Reset() // it got through, and broke while it waited
			}
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
	if err := check(s.held); err != nil {
		return s.reportError(ctx, s.take(), reportOf(err))
	}
	start := time.Now()
	out := &response{api: s.API, inv: s.held}
	r := s.invoke(s.held, out)
	o := outcomeOf(r)
	reported := Event{Kind: InvocationReported, Worker: s.worker, Invocation: s.held, Error: o.report, RTime: r.answer.RTime}
	if !o.keep {
		if ctx.Err() == nil {
			s.observe(Event{Kind: WorkerLost, Worker: s.worker})
		}
		s.worker.Kill("it was not to be used again")
		s.retire()
		s.schedule()
	}
	if o.resend {
		s.log.Warn("worker found unusable, invocation goes to the next", append(ofInvocation(s.held), "error", r.err)...)
		return nil
	}
	defer func() {
		reported.Took = time.Since(s.came)
		s.observe(reported)
	}()
	if o.keep {
		s.answered(ctx)
	} else if s.born == nil && s.retry == nil && ctx.Err() == nil {
		s.spawn(ctx) // while the report is on its way
	}
	inv := s.take()
	if out.stream != nil {
		return s.endStream(ctx, inv, out.stream, o.report)
	}
	if o.report != nil && !o.logOnly {
		return s.reportError(ctx, inv, o.report)
	}
	if o.report != nil {
		s.logError(inv, o.report) // its caller gets R's answer
	}
	s.log.Debug("R answered", "request_id", inv.ID, "bytes", len(r.answer.Payload), "took", time.Since(start))
	return s.post(ctx, inv, "response", func(ctx context.Context) error {
		return s.API.Respond(ctx, inv, r.answer.Payload)
	})
}

// invoke runs inv on the slot's worker within its deadline, and within the drain limit
// of a shutdown. What R streams goes to out.
func (s *slot) invoke(inv *runtimeapi.Invocation, out *response) result {
	w := s.worker
	defer context.AfterFunc(s.drained, func() {
		w.Kill("the runtime is shutting down")
		out.cut(errShutdownCuts)
	})()
	stop := s.watch(w, inv, out)
	start := time.Now()
	s.log.Debug("dispatch", "request_id", inv.ID)
	answer, err := w.Invoke(protocol.Invoke{
		Type:          protocol.TypeInvoke,
		ID:            inv.ID,
		DeadlineMs:    deadlineMs(inv),
		FunctionARN:   inv.FunctionARN,
		TraceID:       inv.TraceID,
		ClientContext: inv.ClientContext,
		Identity:      inv.CognitoIdentity,
		TenantID:      inv.TenantID,
	}, inv.Event, out.open)
	return result{
		answer:      answer,
		err:         err,
		cut:         out.cutShort(),
		interrupted: stop(),
		after:       time.Since(start),
		left:        time.Until(inv.Deadline),
	}
}

// watch interrupts w when inv's deadline comes near, and kills it when that did not
// help. An R that waits for a slow reader of its stream notices no interrupt, so the
// stream is cut as well. The function that it returns ends this, and reports whether it had begun: then
// w must not be used again, since the interrupt may still be on its way.
func (s *slot) watch(w Worker, inv *runtimeapi.Invocation, out *response) (stop func() bool) {
	if inv.Deadline.IsZero() {
		return func() bool { return false }
	}
	soft, hard := s.limits(inv)
	interrupt := time.AfterFunc(soft, func() {
		w.Interrupt()
		out.cut(errDeadlineCuts)
	})
	kill := time.AfterFunc(hard, func() { w.Kill("its invocation's deadline was near") })
	return func() bool {
		inTime := interrupt.Stop()
		return !kill.Stop() || !inTime
	}
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

// check returns why inv cannot be given to R at all.
func check(inv *runtimeapi.Invocation) error {
	if !inv.Deadline.IsZero() && time.Until(inv.Deadline) <= 0 {
		return lateError{}
	}
	if inv.ClientContext != "" && !json.Valid([]byte(inv.ClientContext)) {
		return &badHeaderError{runtimeapi.HeaderClientContext}
	}
	if inv.CognitoIdentity != "" && !json.Valid([]byte(inv.CognitoIdentity)) {
		return &badHeaderError{runtimeapi.HeaderCognitoIdentity}
	}
	return nil
}
