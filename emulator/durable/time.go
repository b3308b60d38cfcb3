package durable

import (
	"slices"
	"time"

	wire "lambda-r-runtime/durable"
)

// earlier returns the earlier of two times, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due returns when something happens to an open operation by itself: zero if never.
func (r *record) due() time.Time {
	if !r.Operation.Waits() {
		return time.Time{}
	}
	return earlier(r.Due, earlier(r.Timeout, r.Heartbeat))
}

// completeDue completes what is due. It reports whether there was anything. The lock is held.
func (x *execution) completeDue() bool {
	any := false
	for {
		next := x.next()
		if next == nil || next.due().After(x.now()) {
			return any
		}
		any = true
		x.complete(next)
	}
}

// complete lets the wait, the pause or the callback of a record end. The lock is held.
func (x *execution) complete(r *record) {
	o := &r.Operation
	x.changed(r)
	switch o.Type {
	case wire.TypeStep:
		o.Status, r.Due = wire.StatusReady, time.Time{}
	case wire.TypeWait:
		o.Status, o.EndTimestamp = wire.StatusSucceeded, wire.At(x.now())
		x.record("WaitSucceeded", r, details{"Duration": r.WaitSeconds})
	case wire.TypeCallback:
		e := &wire.ErrorObject{ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out"}
		if r.due().Equal(r.Heartbeat) {
			e = &wire.ErrorObject{ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat"}
		}
		o.Status, o.EndTimestamp, o.CallbackDetails.Error = wire.StatusTimedOut, wire.At(x.now()), e
		x.record("CallbackTimedOut", r, details{"Error": errorDetails(e)})
	}
}

// next returns the record to which something happens first, or nil. The lock is held.
func (x *execution) next() (first *record) {
	for _, r := range x.Records {
		if due := r.due(); !due.IsZero() && (first == nil || due.Before(first.due())) {
			first = r
		}
	}
	return first
}

// schedule invokes the function if something has changed, or else arms the timer for the next change.
// With SkipTime, waits and pauses pass at once, but not while an invoked function runs or a callback is
// open: somebody may be about to answer. The lock is held.
func (x *execution) schedule() {
	if x.ended() || x.running {
		return
	}
	if x.completeDue() || x.again {
		x.kick()
		return
	}
	deadline := x.Start.Add(x.backend.config.Timeout)
	next := x.next()
	if next != nil && x.skips() && next.due().Before(deadline) {
		x.Skipped += next.due().Sub(x.now())
		x.completeDue()
		x.kick()
		return
	}
	at := deadline
	if next != nil {
		at = earlier(at, next.due())
	}
	x.disarm()
	if next != nil {
		x.backend.config.Log.Debug("durable execution waits", "execution", x.Name, "for", next.Operation.Name, "until", at)
	}
	x.timer = time.AfterFunc(at.Sub(x.now()), func() { x.wake(deadline) })
}

// skips reports whether time may be skipped. The lock is held.
func (x *execution) skips() bool {
	open := slices.ContainsFunc(x.Records, func(r *record) bool {
		return r.Operation.Type == wire.TypeCallback && r.Operation.Waits()
	})
	return x.backend.config.SkipTime && x.chained == 0 && !open
}

// wake is called when the timer of schedule has ended.
func (x *execution) wake(deadline time.Time) {
	x.mu.Lock()
	if !x.now().Before(deadline) {
		x.mu.Unlock()
		x.stop(wire.StatusTimedOut, &wire.ErrorObject{ErrorType: "Execution.Timeout", ErrorMessage: "the execution has timed out"})
		return
	}
	defer x.mu.Unlock()
	x.schedule()
	x.save()
}

// disarm ends the timer. The lock is held.
func (x *execution) disarm() {
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
}
