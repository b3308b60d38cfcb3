package supervisor

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"lambda-r-runtime/internal/planted"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// An outcome is what becomes of an invocation.
type outcome struct {
	report   *runtimeapi.ErrorReport // what is reported as its error; nil: its result
	answered bool                    // R has an answer all the same: the error is logged only
	keep     bool                    // the worker may take the next one
	resend   bool                    // nothing reached R: another worker may have it
}

// outcomeOf maps what slot.invoke returned to what becomes of the invocation and its
// worker. It is the failure table of docs/architecture.md.
func outcomeOf(err error) outcome {
	if errors.Is(err, protocol.ErrNotSent) {
		return outcome{resend: true}
	}
	switch e := err.(type) {
	case nil:
		return outcome{keep: true}
	case *TimeoutError:
		if e.Err == nil {
			return outcome{} // R was quicker than the interrupt that was on its way to it
		}
	case *protocol.HandlerError:
		return outcome{report: reportOf(err), answered: e.Answered, keep: true}
	case *protocol.FrameTooLargeError:
		return outcome{report: reportOf(err), keep: true}
	}
	o := outcome{report: reportOf(err)}
	if planted.Bug(planted.Resent) && o.report.Type == "Runtime.WorkerCrashed" {
		return outcome{resend: true}
	}
	return o
}

// reportOf returns what the Runtime API and so the caller hear of err.
func reportOf(err error) *runtimeapi.ErrorReport {
	r := &runtimeapi.ErrorReport{Type: "Runtime.WorkerCrashed", Message: err.Error()}
	if typed, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok {
		r.Type = typed.ErrorType()
	}
	if large, ok := err.(*protocol.FrameTooLargeError); ok {
		r.Type = "Function.ResponseSizeTooLarge"
		r.Message = fmt.Sprintf("the result has %d bytes of JSON; Lambda takes at most %d", large.Size, large.Limit)
	}
	handler, ok := errors.AsType[*protocol.HandlerError](err)
	if !ok {
		return r
	}
	h := HandlerReport(handler)
	if _, timeout := errors.AsType[*TimeoutError](err); timeout {
		r.Stack = h.Stack
		return r
	}
	return h
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

// A TimeoutError reports an invocation that was given up because its deadline was
// near.
type TimeoutError struct {
	After time.Duration // since it was given to R
	Left  time.Duration // until its deadline
	Err   error         // how it ended: R's answer to the interrupt, its death, or nil: its result
}

func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("the handler was stopped after %.2f s, %d ms before its deadline",
		e.After.Seconds(), max(0, e.Left.Milliseconds()))
	if handler, ok := errors.AsType[*protocol.HandlerError](e.Err); ok {
		if n := len(handler.Stack); n > 0 {
			text += "; it was in " + handler.Stack[n-1].String()
		}
		return text
	}
	if _, cut := errors.AsType[cutError](e.Err); cut {
		return text + "; it was writing to its stream"
	}
	return text + "; R did not react to an interrupt and was killed"
}

func (e *TimeoutError) Unwrap() error { return e.Err }

// ErrorType is the name under which the Runtime API hears of it.
func (e *TimeoutError) ErrorType() string { return "Runtime.InvocationTimeout" }

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
