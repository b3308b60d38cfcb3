package supervisor

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// outOfMemory is an error that names its own type, as one of a worker may.
type outOfMemory struct{}

func (outOfMemory) Error() string     { return "R was killed for its memory" }
func (outOfMemory) ErrorType() string { return "Runtime.OutOfMemory" }

func TestOutcome(t *testing.T) {
	const (
		keep   = true
		retire = false
	)
	handlerError := &protocol.HandlerError{
		Type:    "simpleError",
		Message: "no such column",
		Stack:   []protocol.StackFrame{{Call: "handler(event)", File: "app.R", Line: 7}, {Call: "pick(x)"}},
	}
	stack := []runtimeapi.StackFrame{{Label: "handler(event)", Path: "app.R", Line: 7}, {Label: "pick(x)"}}
	tooLarge := &protocol.FrameTooLargeError{Size: 7_000_000, Limit: runtimeapi.MaxResponse}
	broken := &protocol.ProtocolError{Reason: "control frame", Err: tooLarge}

	failed := func(err error) result { return result{err: err} }
	wrapped := func(err error) result { return result{err: fmt.Errorf("invoke: %w", err)} }
	answered := func(failure *protocol.HandlerError) result {
		return result{answer: protocol.Answer{Failure: failure}}
	}
	timeout := func(r result) result {
		r.interrupted, r.after, r.left = true, 2800*time.Millisecond, 190*time.Millisecond
		return r
	}
	const stopped = "the handler was stopped after 2.80 s, 190 ms before its deadline"

	for _, test := range []struct {
		name    string
		result  result
		keep    bool
		typ     string
		message string
		stack   []runtimeapi.StackFrame
	}{
		{"handler error", answered(handlerError), keep, "simpleError", "no such column", stack},
		{"handler error without a stack", answered(&protocol.HandlerError{Type: "Runtime.UnmarshalError", Message: "bad event"}), keep,
			"Runtime.UnmarshalError", "bad event", nil},
		{"result too large", result{answer: protocol.Answer{TooLarge: tooLarge}}, keep, "Function.ResponseSizeTooLarge",
			"the result has 7000000 bytes of JSON; Lambda takes at most 6291556", nil},
		{"result too large, after a failure", result{answer: protocol.Answer{TooLarge: tooLarge, Failure: handlerError}}, keep,
			"Function.ResponseSizeTooLarge", "the result has 7000000 bytes of JSON; Lambda takes at most 6291556", nil},
		{"result too large that crossed the interrupt", timeout(result{answer: protocol.Answer{TooLarge: tooLarge}}), retire,
			"Function.ResponseSizeTooLarge", "the result has 7000000 bytes of JSON; Lambda takes at most 6291556", nil},
		{"protocol broken", failed(&protocol.ProtocolError{Reason: "two replies"}), retire, "Runtime.ProtocolError",
			"protocol violation: two replies", nil},
		{"protocol broken by an oversized frame", failed(broken), retire, "Runtime.ProtocolError",
			"protocol violation: control frame: frame of 7000000 bytes is over the limit of 6291556", nil},
		{"protocol broken by an oversized frame, wrapped", wrapped(broken), retire, "Runtime.ProtocolError",
			"invoke: protocol violation: control frame: frame of 7000000 bytes is over the limit of 6291556", nil},
		{"crash", failed(crash{}), retire, "Runtime.WorkerCrashed", "R died of a segmentation fault", nil},
		{"crash, wrapped", wrapped(crash{}), retire, "Runtime.WorkerCrashed", "invoke: R died of a segmentation fault", nil},
		{"typed", failed(outOfMemory{}), retire, "Runtime.OutOfMemory", "R was killed for its memory", nil},
		{"typed, wrapped", wrapped(outOfMemory{}), retire, "Runtime.OutOfMemory", "invoke: R was killed for its memory", nil},
		{"plain", failed(errReset), retire, "Runtime.WorkerCrashed", "connection reset by peer", nil},
		{"stream cut", result{cut: errShutdownCuts}, retire, "Runtime.WorkerCrashed", "the runtime is shutting down", nil},
		{"timeout, R reported where", timeout(answered(handlerError)), retire, "Runtime.InvocationTimeout",
			stopped + "; it was in handler(event) (app.R:7)", stack},
		{"timeout, R reported where, with a file", timeout(answered(&protocol.HandlerError{Stack: handlerError.Stack[:1]})), retire,
			"Runtime.InvocationTimeout", stopped + "; it was in handler(event) (app.R:7)", stack[:1]},
		{"timeout, R reported where, without a line", timeout(answered(&protocol.HandlerError{Stack: []protocol.StackFrame{{Call: "f()"}, {Call: "g()"}}})), retire,
			"Runtime.InvocationTimeout", stopped + "; it was in g()", []runtimeapi.StackFrame{{Label: "f()"}, {Label: "g()"}}},
		{"timeout, R did not report where", timeout(answered(&protocol.HandlerError{Type: "interrupt"})), retire,
			"Runtime.InvocationTimeout", stopped, nil},
		{"timeout, with a failure and a payload", timeout(result{answer: protocol.Answer{Payload: []byte("{}"), Failure: handlerError}}), retire,
			"Runtime.InvocationTimeout", stopped + "; it was in handler(event) (app.R:7)", stack},
		{"timeout, killed", timeout(failed(crash{})), retire, "Runtime.InvocationTimeout",
			stopped + "; R did not react to an interrupt and was killed", nil},
		{"timeout, killed, wrapped", timeout(wrapped(crash{})), retire, "Runtime.InvocationTimeout",
			stopped + "; R did not react to an interrupt and was killed", nil},
		{"timeout, protocol broken", timeout(failed(broken)), retire, "Runtime.InvocationTimeout",
			stopped + "; R did not react to an interrupt and was killed", nil},
		{"timeout, stream cut", timeout(result{cut: errDeadlineCuts}), retire, "Runtime.InvocationTimeout",
			stopped + "; it was writing to its stream", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := outcomeOf(test.result)
			if o.report == nil {
				t.Fatal("there is nothing to report")
			}
			if o.keep != test.keep || o.resend || o.logOnly {
				t.Errorf("keep %v, resend %v, log only %v; want %v and false", o.keep, o.resend, o.logOnly, test.keep)
			}
			if served := test.keep || test.result.interrupted; o.served != served {
				t.Errorf("served %v, want %v", o.served, served)
			}
			want := &runtimeapi.ErrorReport{Type: test.typ, Message: test.message, Stack: test.stack}
			if !reflect.DeepEqual(o.report, want) {
				t.Errorf("report\n %+v, want\n %+v", o.report, want)
			}
		})
	}
}

func TestOutcomeWithoutReport(t *testing.T) {
	notSent := fmt.Errorf("invoke: %w: %w", protocol.ErrNotSent, crash{})
	payload := protocol.Answer{Payload: []byte("{}")}
	for _, test := range []struct {
		name   string
		result result
		want   outcome
	}{
		{"result", result{answer: payload}, outcome{keep: true, served: true}},
		{"streamed result", result{}, outcome{keep: true, served: true}},
		{"result that crossed the interrupt", result{answer: payload, interrupted: true}, outcome{served: true}},
		{"not sent", result{err: notSent}, outcome{resend: true}},
		{"not sent, and late", result{err: notSent, interrupted: true}, outcome{resend: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := outcomeOf(test.result); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

// On HTTP sources a failure is a response, which R wrote; its report is for the log.
func TestOutcomeOfAnsweredFailure(t *testing.T) {
	failure := &protocol.HandlerError{Type: "simpleError", Message: "no"}
	o := outcomeOf(result{answer: protocol.Answer{Payload: []byte("{}"), Failure: failure}})
	if o.report == nil || o.report.Type != "simpleError" || !o.logOnly || !o.keep {
		t.Errorf("%+v, want a report that is only logged", o)
	}
}

func TestReportOf(t *testing.T) {
	for _, test := range []struct {
		err          error
		typ, message string
	}{
		{&InitTimeoutError{Limit: 10 * time.Second}, "Runtime.InitTimeout", "R was not ready within 10s (LAMBDA_R_INIT_TIMEOUT)"},
		{fmt.Errorf("spawn: %w", &protocol.HandlerError{Type: "Runtime.HandlerNotFound", Message: "no f"}), "Runtime.HandlerNotFound", "no f"},
	} {
		if r := reportOf(test.err); r.Type != test.typ || r.Message != test.message {
			t.Errorf("%v: reported %+v", test.err, r)
		}
	}
}

// The report of an error of R's has all that R said.
func TestHandlerReport(t *testing.T) {
	got := reportOf(&protocol.HandlerError{
		Type: "own_error", Message: "two", Call: "g(x)", Stack: []protocol.StackFrame{{Call: "g(x)"}},
		Parents: []protocol.HandlerError{
			{Type: "simpleError", Message: "one", Call: "f()", Stack: []protocol.StackFrame{{Call: "f()", File: "app.R", Line: 2}}},
			{Type: "error"},
		},
	})
	want := &runtimeapi.ErrorReport{
		Type: "own_error", Message: "two", Call: "g(x)", Stack: []runtimeapi.StackFrame{{Label: "g(x)"}},
		Causes: []*runtimeapi.ErrorReport{
			{Type: "simpleError", Message: "one", Call: "f()", Stack: []runtimeapi.StackFrame{{Label: "f()", Path: "app.R", Line: 2}}},
			{Type: "error"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFatal(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errReset, false},
		{status(400), false},
		{status(403), false},
		{status(410), false},
		{status(413), false},
		{status(500), true},
		{status(501), true},
		{status(502), false},
		{status(503), false},
		{status(429), false},
		{fmt.Errorf("post: %w", status(500)), true},
	} {
		if got := fatal(test.err); got != test.want {
			t.Errorf("fatal(%v) = %v, want %v", test.err, got, test.want)
		}
	}
}

func status(code int) *runtimeapi.StatusError {
	return &runtimeapi.StatusError{Op: "POST /invocation/{id}/response", Status: code, Body: "no"}
}
