package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A result is how an invocation that was given to a worker came back.
type result struct {
	answer      protocol.Answer
	err         error // why R did not answer
	cut         error // why R could not write all of its stream, even if it answered as if it had
	interrupted bool  // the deadline's interrupt was sent, and may reach R even after its answer

	after time.Duration // since it was given to R
	left  time.Duration // until its deadline
}

// failure returns why the invocation failed, or nil if it succeeded.
func (r result) failure() error {
	if r.err != nil {
		return r.err
	}
	if r.answer.TooLarge != nil {
		return r.answer.TooLarge
	}
	if r.answer.Failure != nil {
		return r.answer.Failure
	}
	return r.cut
}

// An outcome is what becomes of an invocation and of its worker.
type outcome struct {
	report  *runtimeapi.ErrorReport // why the invocation failed; nil if it succeeded
	logOnly bool                    // the report is only logged: the caller gets R's payload
	keep    bool                    // the worker may take the next invocation
	served  bool                    // it answered or ran until the deadline: not a reason to back off
	resend  bool                    // nothing reached R: another worker may have the invocation
}

// outcomeOf maps a result to its outcome. It is the failure table of
// docs/architecture.md.
func outcomeOf(r result) outcome {
	failure := r.failure()
	switch {
	case errors.Is(r.err, protocol.ErrNotSent):
		return outcome{resend: true}
	case failure == nil:
		// An R that answered while the interrupt was on its way must not be used again.
		return outcome{keep: !r.interrupted, served: true}
	case r.answer.TooLarge != nil:
		return outcome{report: tooLargeReport(r.answer.TooLarge), keep: !r.interrupted, served: true}
	case r.interrupted:
		return outcome{report: timeoutReport(r), served: true}
	case r.answer.Failure != nil:
		return outcome{report: HandlerReport(r.answer.Failure), logOnly: r.answer.Payload != nil, keep: true, served: true}
	}
	return outcome{report: reportOf(failure)}
}

// ErrorType returns the errorType with which err is reported to Lambda, or "" if it has none
// of its own.
func ErrorType(err error) string {
	if phase, ok := errors.AsType[*PhaseError](err); ok {
		return phase.ErrorType()
	}
	if _, ok := errors.AsType[*protocol.ProtocolError](err); ok {
		return runtimeapi.ErrorProtocol
	}
	if typed, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok {
		return typed.ErrorType()
	}
	return ""
}

// reportOf returns the report of err to the Runtime API.
func reportOf(err error) *runtimeapi.ErrorReport {
	if phase, ok := errors.AsType[*PhaseError](err); ok {
		return phase.report()
	}
	if handler, ok := errors.AsType[*protocol.HandlerError](err); ok {
		return HandlerReport(handler)
	}
	report := &runtimeapi.ErrorReport{Type: cmp.Or(ErrorType(err), runtimeapi.ErrorWorkerCrashed), Message: err.Error()}
	if stopped, ok := errors.AsType[*protocol.StoppedError](err); ok {
		report.Stack = stackOf(stopped.Stack)
	}
	return report
}

// tooLargeReport returns the report of a result that is larger than Lambda accepts.
func tooLargeReport(e *protocol.FrameTooLargeError) *runtimeapi.ErrorReport {
	return &runtimeapi.ErrorReport{
		Type:    runtimeapi.ErrorResponseSizeTooLarge,
		Message: fmt.Sprintf("the result has %d bytes of JSON; Lambda takes at most %d", e.Size, e.Limit),
	}
}

// timeoutReport returns the report of an invocation that was stopped because its deadline
// was near.
func timeoutReport(r result) *runtimeapi.ErrorReport {
	report := &runtimeapi.ErrorReport{Type: runtimeapi.ErrorInvocationTimeout}
	report.Message = fmt.Sprintf("the handler was stopped after %.2f s, %d ms before its deadline",
		r.after.Seconds(), max(0, r.left.Milliseconds()))
	switch failure := r.answer.Failure; {
	case r.err != nil:
		report.Message += "; R did not react to an interrupt and was killed"
	case failure == nil:
		report.Message += "; it was writing to its stream"
	default:
		report.Stack = HandlerReport(failure).Stack
		if len(failure.Stack) > 0 {
			report.Message += "; it was in " + protocol.InnermostLine(failure.Stack).String()
		}
	}
	return report
}

// HandlerReport returns the report of an error as R described it.
func HandlerReport(e *protocol.HandlerError) *runtimeapi.ErrorReport {
	r := &runtimeapi.ErrorReport{Type: e.Type, Message: e.Message, Call: e.Call, Stack: stackOf(e.Stack)}
	for i := range e.Parents {
		r.Causes = append(r.Causes, HandlerReport(&e.Parents[i]))
	}
	return r
}

func stackOf(frames []protocol.StackFrame) (stack []runtimeapi.StackFrame) {
	for _, f := range frames {
		stack = append(stack, runtimeapi.StackFrame{Label: f.Call, Path: f.File, Line: f.Line})
	}
	return stack
}

// An InitTimeoutError reports a worker that was not ready in time.
type InitTimeoutError struct {
	Limit time.Duration
}

func (e *InitTimeoutError) Error() string {
	return fmt.Sprintf("R was not ready within %s (LAMBDA_R_INIT_TIMEOUT)", e.Limit)
}

// ErrorType is the errorType reported to Lambda.
func (e *InitTimeoutError) ErrorType() string { return runtimeapi.ErrorInitTimeout }

// A runtimeError is why an invocation failed before R saw it.
type runtimeError struct{ typ, text string }

func (e *runtimeError) Error() string { return e.text }

// ErrorType is the errorType reported to Lambda.
func (e *runtimeError) ErrorType() string { return e.typ }

var (
	errNoWorker = &runtimeError{runtimeapi.ErrorWorkerUnavailable,
		"no R worker was ready for this invocation before its deadline: " +
			"the last one died, and its successor was not ready in time"}
	errShutdown = &runtimeError{runtimeapi.ErrorWorkerUnavailable,
		"the runtime was shut down before this invocation could run"}

	// errLate is about an invocation whose deadline had passed when it could have been
	// given to R: the machine was frozen, or its clock jumped.
	errLate = &runtimeError{runtimeapi.ErrorInvocationTimeout, "the invocation came after its deadline"}
)

// badHeader is about an invocation with a header that must be JSON and is not.
func badHeader(name, why string) error {
	return &runtimeError{runtimeapi.ErrorUnmarshal, "the invocation's " + name + " header " + why}
}

// isAnswer reports whether err is an answer of the Runtime API that is final, so that the same
// call must not be made again.
func isAnswer(err error) bool {
	status, ok := errors.AsType[*runtimeapi.StatusError](err)
	return ok && !status.Temporary()
}

// fatal reports whether a failed call to the Runtime API means that the runtime cannot go
// on. After a post that was refused (400, 403, 410, 413) the next event is taken: according
// to AWS's "Runtime API for custom runtimes", only 500 obliges the runtime to exit.
func fatal(err error) bool {
	status, _ := errors.AsType[*runtimeapi.StatusError](err)
	return isAnswer(err) && status.Status >= http.StatusInternalServerError
}
