package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// maxPollRetry is how long a /next that cannot be reached is retried.
const maxPollRetry = 10 * time.Second

// A pollResult is the result of a poll. With both an invocation and an error, the event did not
// arrive whole, and the error is the invocation's.
type pollResult struct {
	inv *runtimeapi.Invocation
	err error
}

// maybePoll asks /next for an invocation, in the background, if the worker is ready for
// one. A worker that was seen dead is not. Before the restore of a snapshot, no slot polls.
func (s *slot) maybePoll(ctx context.Context) {
	if s.worker == nil || s.polled != nil || s.opened != nil || dead(s.worker) {
		return
	}
	s.startPoll(ctx)
}

// startPoll asks /next for an invocation, in the background.
func (s *slot) startPoll(ctx context.Context) {
	if s.sup.snap != nil {
		s.sup.snap.polled.Store(true)
	}
	s.emit(Polling{At: s.here()})
	polled := make(chan pollResult, 1)
	s.polled = polled
	go func() { // loop, or abandon, receives its result
		inv, err := s.poll(ctx)
		if cutOff, ok := errors.AsType[*runtimeapi.EventError](err); ok {
			inv = cutOff.Invocation
		}
		polled <- pollResult{inv, err}
	}()
}

// poll asks /next for an invocation, and retries for a while if that cannot be reached or is
// busy.
func (s *slot) poll(ctx context.Context) (*runtimeapi.Invocation, error) {
	b := newBackOff(50*time.Millisecond, 2*time.Second)
	b.MaxElapsedTime = maxPollRetry // counted from its making, or from Reset
	return backoff.RetryNotifyWithData(func() (*runtimeapi.Invocation, error) {
		asked := time.Now()
		inv, err := s.config.API.Next(ctx)
		if time.Since(asked) > maxPollRetry {
			b.Reset() // it was reached, and its connection broke while it waited
		}
		if _, taken := errors.AsType[*runtimeapi.EventError](err); taken || isAnswer(err) {
			return nil, backoff.Permanent(err) // a retry would not change it
		}
		return inv, err
	}, backoff.WithContext(b, ctx), func(err error, pause time.Duration) {
		s.log.Warn("poll failed", "error", err, "retry_in", pause)
	})
}

// serve runs the held invocation and reports it. An error ends the supervisor.
//
// The order of its steps is the design:
//  1. An invocation that R must not see is refused first, so it costs no worker.
//  2. The worker runs it.
//  3. A worker that cannot be used again leaves the slot, so no later step uses it.
//  4. If nothing was sent, the invocation stays held for the next worker, unreported.
//  5. The next worker is spawned, because that takes time and need not wait for the report.
//  6. A failure is logged, so that the log has it even if the report is never accepted.
//  7. The one report is posted. Only then does the slot poll again, because a poll means to
//     Lambda that the invocation is over.
func (s *slot) serve(ctx context.Context) error {
	if err := check(s.held); err != nil {
		return s.fail(ctx, s.take(), err)
	}
	out := &streamed{api: s.config.API, inv: s.held}
	x := s.beginExecution(s.held)
	r := s.invoke(s.held, out, x)
	o := outcomeOf(r)
	if x != nil {
		defer x.Close()
		concludeExecution(x, &r, &o)
	}
	s.settle(ctx, r, o)
	if o.resend {
		s.emit(NotSent{At: s.here(), Invocation: s.facts(s.held), PID: s.pid, Err: r.err})
		return nil
	}
	s.maybeSpawn(ctx)

	inv := s.take()
	if o.report != nil {
		s.emit(Failed{At: s.here(), Invocation: s.facts(inv), Report: o.report})
	}
	reported := Reported{Failure: o.report, PID: s.pid, RTime: r.answer.RTime}
	switch {
	case out.stream != nil:
		return s.endStream(ctx, inv, out.stream, reported)
	case o.report != nil && !o.logOnly:
		return s.postError(ctx, inv, reported)
	}
	return s.postResponse(ctx, inv, r.answer.Payload, reported)
}

// settle does what an invocation's outcome means for the worker that ran it.
func (s *slot) settle(ctx context.Context, r result, o outcome) {
	at := s.here()
	if o.keep {
		at = s.enter(StateReady)
	}
	if o.keep || r.err == nil {
		s.emit(Answered{
			At: at, Invocation: s.facts(s.held), PID: s.pid,
			Bytes: len(r.answer.Payload), RTime: r.answer.RTime, Steps: r.answer.Steps, Took: r.after,
			Interrupted: r.interrupted && o.report == nil,
		})
	}
	var pause time.Duration
	if o.served {
		s.restarts.served()
	} else {
		pause = s.restarts.lost()
	}
	if o.keep {
		s.countServed(ctx)
		return
	}
	s.worker.Kill("worker discarded")
	s.lose(ctx, Lost{Reason: r.failure()}, pause)
}

// invoke runs inv on the slot's worker within its deadline, and within the drain limit of
// a shutdown. A streamed result goes to out. If x is not nil, inv belongs to that execution.
func (s *slot) invoke(inv *runtimeapi.Invocation, out *streamed, x *durable.Execution) result {
	w := s.worker
	defer context.AfterFunc(s.drainDeadline, func() {
		w.Kill("the runtime is shutting down")
		out.Cut(errShutdownCuts)
	})()
	s.emit(Dispatched{At: s.enter(StateBusy), Invocation: s.facts(inv), PID: s.pid})
	stop := s.watch(w, inv, out)
	start := time.Now()
	answer, err := run(w, x, protocol.Invoke{
		Type:          protocol.TypeInvoke,
		ID:            textOf(inv.ID),
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
		cut:         out.incomplete(),
		interrupted: stop(),
		after:       time.Since(start),
		left:        time.Until(inv.Deadline),
	}
}

// KilledAtDeadline is the reason with which a worker is killed that has not answered in time, although
// it was interrupted.
const KilledAtDeadline = "its invocation's deadline was near"

// watch interrupts w when inv's deadline is near, and kills it if that does not help. R
// does not notice an interrupt while it waits for a slow reader of its stream, so the
// stream is cut as well.
//
// Some C code takes an interrupt for its own and continues: httr2 tries the request again,
// and R ignores SIGINT while system() waits for a child. So an R that has not answered is
// interrupted again, together with its children, as Ctrl-C on a terminal would do: first to
// end what it waits for, then to stop what it does next.
//
// stop cancels the timers and reports whether one had fired: then w must not be used again,
// because the interrupt may still be on its way.
func (s *slot) watch(w Worker, inv *runtimeapi.Invocation, out *streamed) (stop func() bool) {
	if inv.Deadline.IsZero() {
		return func() bool { return false }
	}
	soft, hard := s.limits(inv)
	step := (hard - soft) / 4
	timers := []*time.Timer{
		time.AfterFunc(soft, func() {
			w.Interrupt()
			out.Cut(errDeadlineCuts)
		}),
		time.AfterFunc(soft+2*step, w.InterruptGroup),
		time.AfterFunc(soft+3*step, w.InterruptGroup),
		time.AfterFunc(hard, func() { w.Kill(KilledAtDeadline) }),
	}
	return func() (fired bool) {
		for _, t := range timers {
			fired = !t.Stop() || fired
		}
		return fired
	}
}

// limits returns how long inv may still run until R is interrupted, and until R is killed.
// A short timeout keeps half of itself for the handler.
func (s *slot) limits(inv *runtimeapi.Invocation) (soft, hard time.Duration) {
	left := max(0, time.Until(inv.Deadline))
	margin := min(cmp.Or(s.config.Margin, defaultMargin(inv.Deadline.Sub(s.received))), left/2)
	return left - margin, left - margin/2
}

// The default margin grows with the timeout: from minMargin at minMarginAt, Lambda's own
// default, to maxMargin at maxMarginAt. A function with a long timeout can spare the time,
// and is more likely to run code that looks for interrupts rarely: processx and callr do so
// every 200 ms.
const (
	minMargin, minMarginAt = 250 * time.Millisecond, 3 * time.Second
	maxMargin, maxMarginAt = time.Second, time.Minute
)

// defaultMargin returns the margin of an invocation with this timeout.
func defaultMargin(timeout time.Duration) time.Duration {
	share := float64(timeout-minMarginAt) / float64(maxMarginAt-minMarginAt)
	share = min(max(share, 0), 1)
	return minMargin + time.Duration(share*float64(maxMargin-minMargin))
}

func deadlineMs(inv *runtimeapi.Invocation) int64 {
	if inv.Deadline.IsZero() {
		return 0
	}
	return inv.Deadline.UnixMilli()
}

// check returns why inv must not be given to R, or nil.
func check(inv *runtimeapi.Invocation) error {
	if !inv.Deadline.IsZero() && time.Until(inv.Deadline) <= 0 {
		return errLate
	}
	if why := notJSON(inv.ClientContext); why != "" {
		return badHeader(runtimeapi.HeaderClientContext, why)
	}
	if why := notJSON(inv.CognitoIdentity); why != "" {
		return badHeader(runtimeapi.HeaderCognitoIdentity, why)
	}
	return nil
}

// notJSON returns why text is not JSON that R can hold, or "". An empty text stands for no header.
func notJSON(text string) string {
	switch {
	case text == "":
		return ""
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case !json.Valid([]byte(text)):
		return "is not valid JSON"
	case hasNUL(text):
		return `contains \u0000, which R cannot hold in a string`
	}
	return ""
}

// hasNUL reports whether a string of valid JSON contains the escape of the character zero.
func hasNUL(text string) bool {
	for {
		_, escape, found := strings.Cut(text, `\`)
		if !found {
			return false
		}
		if strings.HasPrefix(escape, "u0000") {
			return true
		}
		text = escape[1:] // in valid JSON, a character follows
	}
}
