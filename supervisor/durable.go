package supervisor

import (
	"io"
	"time"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// beginExecution returns the durable execution to which inv belongs, or nil. All its calls end when the
// handler would be interrupted, or at the drain limit of a shutdown. The caller must close it.
func (s *slot) beginExecution(inv *runtimeapi.Invocation) *durable.Execution {
	if s.config.Durable == nil || !durable.Recognise(inv.Event) {
		return nil
	}
	var deadline time.Time
	if !inv.Deadline.IsZero() {
		soft, _ := s.limits(inv)
		deadline = time.Now().Add(soft)
	}
	return durable.Begin(s.drainDeadline, deadline, s.config.Durable, inv.Event, s.log.With("request_id", textOf(inv.ID)))
}

// run passes an invocation to the worker. If x is not nil, the handler runs again as long as something
// that it waits for ends meanwhile. If the execution cannot begin, the handler does not run.
func run(
	w Worker, x *durable.Execution, inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer,
) (answer protocol.Answer, err error) {
	if x == nil {
		return w.Invoke(inv, event, open)
	}
	inv.Operate = x.Operate
	answer.Suspend = true
	var worked time.Duration
	for !x.Stopped() {
		inv.Durable = x.Frame()
		answer, err = w.Invoke(inv, x.Input(), open)
		worked += answer.RTime
		if err != nil || !answer.Suspend || !x.Again() {
			break
		}
	}
	answer.RTime = worked
	return answer, err
}

// concludeExecution makes the answer that Lambda expects of an execution. An error of the handler ends the
// execution: it is an answer, because Lambda would retry an error report.
func concludeExecution(x *durable.Execution, r *result, o *outcome) {
	if r.err != nil {
		x.Flush() // so that the history has what had started
	}
	if o.resend || r.err != nil || r.interrupted || r.cut != nil {
		return // reported as any invocation's failure, and retried
	}
	var answer durable.Answer
	var err error
	switch {
	case r.answer.Suspend:
		answer, err = x.Suspended()
	case o.report != nil:
		answer, err = x.Failed(errorObject(o.report))
	default:
		answer, err = x.Succeeded(r.answer.Payload)
	}
	if err != nil {
		o.report, o.logOnly = reportOf(err), false
		return
	}
	if e := answer.Error; e != nil && o.report == nil {
		o.report = &runtimeapi.ErrorReport{Type: e.ErrorType, Message: e.ErrorMessage}
	}
	o.logOnly = o.report != nil
	r.answer.Payload, r.answer.TooLarge, r.answer.Failure = answer.Encode(), nil, nil
}

// errorObject returns an error as Lambda stores it of an execution.
func errorObject(r *runtimeapi.ErrorReport) durable.ErrorObject {
	e := durable.ErrorObject{ErrorType: r.Type, ErrorMessage: r.Message}
	for _, frame := range r.Stack {
		e.StackTrace = append(e.StackTrace, frame.String())
	}
	return e
}
