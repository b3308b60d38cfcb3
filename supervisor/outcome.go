package supervisor

import (
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
	cut         error // why R could not write all of its stream, though it answered as if it had
	interrupted bool  // the deadline's interrupt was sent, and may reach R even after its answer

	after time.Duration // since it was given to R
	left  time.Duration // until its deadline
}

// An outcome is what becomes of an invocation and of its worker.
type outcome struct {
	report  *runtimeapi.ErrorReport // why the invocation failed; nil if it succeeded
	logOnly bool                    // the report is only logged: the caller gets R's payload
	keep    bool                    // the worker may take the next invocation
	resend  bool                    // nothing reached R: another worker may have the invocation
}

// outcomeOf maps a result to its outcome. It is the failure table of
// docs/architecture.md.
func outcomeOf(r result) outcome {
	failure := r.err
	if failure == nil && r.answer.Failure != nil {
		failure = r.answer.Failure
	}
	if failure == nil {
		failure = r.cut
	}
	switch {
	case errors.Is(r.err, protocol.ErrNotSent):
		return outcome{resend: true}
	case failure == nil:
		// An R that answered as the interrupt was on its way must not be used again.
		return outcome{keep: !r.interrupted}
	case r.interrupted:
		return outcome{report: timeoutReport(r, failure)}
	case r.err == nil && r.answer.Failure != nil:
		return outcome{report: HandlerReport(r.answer.Failure), logOnly: r.answer.Payload != nil, keep: true}
	}
	return outcome{report: reportOf(failure), keep: tooLarge(failure) != nil}
}

// tooLarge returns the error of a result that is larger than Lambda accepts, or nil. A
// protocol error that wraps one is about a control frame.
func tooLarge(err error) *protocol.FrameTooLargeError {
	if _, broken := errors.AsType[*protocol.ProtocolError](err); broken {
		return nil
	}
	large, _ := errors.AsType[*protocol.FrameTooLargeError](err)
	return large
}

// reportOf returns the report of err to the Runtime API.
func reportOf(err error) *runtimeapi.ErrorReport {
	if handler, ok := errors.AsType[*protocol.HandlerError](err); ok {
		return HandlerReport(handler)
	}
	if large := tooLarge(err); large != nil {
		return &runtimeapi.ErrorReport{
			Type:    "Function.ResponseSizeTooLarge",
			Message: fmt.Sprintf("the result has %d bytes of JSON; Lambda takes at most %d", large.Size, large.Limit),
		}
	}
	r := &runtimeapi.ErrorReport{Type: "Runtime.WorkerCrashed", Message: err.Error()}
	if typed, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok {
		r.Type = typed.ErrorType()
	}
	return r
}

// timeoutReport returns the report of an invocation that was stopped because its deadline
// was near. The failure is how it ended: R's answer to the interrupt, or its death.
func timeoutReport(r result, failure error) *runtimeapi.ErrorReport {
	report := &runtimeapi.ErrorReport{Type: "Runtime.InvocationTimeout"}
	text := fmt.Sprintf("the handler was stopped after %.2f s, %d ms before its deadline",
		r.after.Seconds(), max(0, r.left.Milliseconds()))
	if handler, ok := errors.AsType[*protocol.HandlerError](failure); ok {
		report.Stack = HandlerReport(handler).Stack
		if n := len(handler.Stack); n > 0 {
			text += "; it was in " + handler.Stack[n-1].String()
		}
	} else if r.err == nil {
		text += "; it was writing to its stream"
	} else {
		text += "; R did not react to an interrupt and was killed"
	}
	report.Message = text
	return report
}

// HandlerReport returns the report of an error as R described it.
func HandlerReport(e *protocol.HandlerError) *runtimeapi.ErrorReport {
	r := &runtimeapi.ErrorReport{Type: e.Type, Message: e.Message, Call: e.Call}
	for _, f := range e.Stack {
		r.Stack = append(r.Stack, runtimeapi.StackFrame{Label: f.Call, Path: f.File, Line: f.Line})
	}
	for i := range e.Parents {
		r.Causes = append(r.Causes, HandlerReport(&e.Parents[i]))
	}
	return r
}

// An InitTimeoutError reports a worker that was not ready in time.
type InitTimeoutError struct {
	Limit time.Duration
}

func (e *InitTimeoutError) Error() string {
	return fmt.Sprintf("R was not ready within %s (LAMBDA_R_INIT_TIMEOUT)", e.Limit)
}

// ErrorType is the name under which the Runtime API hears of it.
func (e *InitTimeoutError) ErrorType() string { return "Runtime.InitTimeout" }

// A notRunError reports an invocation that no R has seen.
type notRunError string

func (e notRunError) Error() string { return string(e) }

// ErrorType is the name under which the Runtime API hears of it.
func (notRunError) ErrorType() string { return "Runtime.WorkerUnavailable" }

const (
	errNoWorker = notRunError("no R worker was ready for this invocation before its deadline: the last one died, and its successor was not up in time")
	errShutdown = notRunError("the runtime was shut down before this invocation could run")
)

// A lateError reports an invocation whose deadline had passed when it could have been
// given to R: the machine was frozen, or its clock jumped. R never sees it.
type lateError struct{}

func (lateError) Error() string { return "the invocation came after its deadline" }

func (lateError) ErrorType() string { return "Runtime.InvocationTimeout" }

// A badHeaderError reports an invocation that came with a header that ought to be
// JSON and is not. R never sees it.
type badHeaderError struct {
	header string
}

func (e *badHeaderError) Error() string {
	return "the invocation's " + e.header + " header is not valid JSON"
}

func (e *badHeaderError) ErrorType() string { return "Runtime.UnmarshalError" }

// fatal reports whether a failed call to the Runtime API means that the runtime
// cannot go on. After a post that was refused (400, 403, 410, 413) the next event is
// taken; the facts are in AWS's "Runtime API for custom runtimes": only 500 obliges
// the runtime to exit.
func fatal(err error) bool {
	status, ok := errors.AsType[*runtimeapi.StatusError](err)
	return ok && status.Status >= http.StatusInternalServerError
}
