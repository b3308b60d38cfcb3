package supervisor

import (
	"errors"
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
		Stack:   []protocol.Frame{{Call: "handler(event)", File: "app.R", Line: 7}, {Call: "pick(x)"}},
	}
	stack := []runtimeapi.StackFrame{{Label: "handler(event)", Path: "app.R", Line: 7}, {Label: "pick(x)"}}
	tooLarge := &protocol.FrameTooLargeError{Size: 7_000_000, Limit: runtimeapi.MaxResponse}
	timeout := func(err error) error {
		return &TimeoutError{After: 2800 * time.Millisecond, Left: 190 * time.Millisecond, Err: err}
	}

	for _, test := range []struct {
		name    string
		err     error
		keep    bool
		typ     string
		message string
		stack   []runtimeapi.StackFrame
	}{
		{"handler error", handlerError, keep, "simpleError", "no such column", stack},
		{"handler error without a stack", &protocol.HandlerError{Type: "Runtime.UnmarshalError", Message: "bad event"}, keep,
			"Runtime.UnmarshalError", "bad event", nil},
		{"result too large", tooLarge, keep, "Function.ResponseSizeTooLarge",
			"the result has 7000000 bytes of JSON; Lambda takes at most 6291556", nil},
		{"violation", &protocol.Violation{Reason: "two replies"}, retire, "Runtime.ProtocolError",
			"protocol violation: two replies", nil},
		{"violation by an oversized frame", &protocol.Violation{Reason: "control frame", Err: tooLarge}, retire, "Runtime.ProtocolError",
			"protocol violation: control frame: frame of 7000000 bytes is over the limit of 6291556", nil},
		{"crash", crash{}, retire, "Runtime.WorkerCrashed", "R died of a segmentation fault", nil},
		{"typed", outOfMemory{}, retire, "Runtime.OutOfMemory", "R was killed for its memory", nil},
		{"typed, wrapped", fmt.Errorf("invoke: %w", outOfMemory{}), retire, "Runtime.OutOfMemory", "invoke: R was killed for its memory", nil},
		{"plain", errReset, retire, "Runtime.WorkerCrashed", "connection reset by peer", nil},
		{"timeout, R said where", timeout(handlerError), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline; it was in pick(x)", stack},
		{"timeout, R said where, with a file", timeout(&protocol.HandlerError{Stack: handlerError.Stack[:1]}), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline; it was in handler(event) (app.R:7)", stack[:1]},
		{"timeout, R did not say where", timeout(&protocol.HandlerError{Type: "interrupt"}), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline", nil},
		{"timeout, killed", timeout(crash{}), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline; R did not react to an interrupt and was killed", nil},
		{"timeout, protocol broken", timeout(&protocol.Violation{Reason: "control frame", Err: tooLarge}), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline; R did not react to an interrupt and was killed", nil},
		{"timeout, stream cut", timeout(errDeadlineCuts), retire, "Runtime.InvocationTimeout",
			"the handler was stopped after 2.80 s, 190 ms before its deadline; it was writing to its stream", nil},
		{"init timeout", &InitTimeoutError{Limit: 10 * time.Second}, retire, "Runtime.InitTimeout",
			"R was not ready within 10s (LAMBDA_R_INIT_TIMEOUT)", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := outcomeOf(test.err)
			if o.report == nil {
				t.Fatal("there is nothing to report")
			}
			if o.keep != test.keep || o.resend {
				t.Errorf("keep %v, resend %v; want %v and false", o.keep, o.resend, test.keep)
			}
			want := &runtimeapi.ErrorReport{Type: test.typ, Message: test.message, Stack: test.stack}
			if !reflect.DeepEqual(o.report, want) {
				t.Errorf("report\n %+v, want\n %+v", o.report, want)
			}
			if r := reportOf(test.err); !reflect.DeepEqual(r, o.report) {
				t.Errorf("reportOf says\n %+v, outcomeOf\n %+v", r, o.report)
			}
		})
	}
}

// The report of an error of R's has all that R said.
func TestHandlerReport(t *testing.T) {
	got := reportOf(&protocol.HandlerError{
		Type: "own_error", Message: "two", Call: "g(x)", Stack: []protocol.Frame{{Call: "g(x)"}},
		Parents: []protocol.HandlerError{
			{Type: "simpleError", Message: "one", Call: "f()", Stack: []protocol.Frame{{Call: "f()", File: "app.R", Line: 2}}},
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

func TestOutcomeWithoutReport(t *testing.T) {
	notSent := fmt.Errorf("%w: %w", protocol.ErrNotSent, crash{})
	for _, test := range []struct {
		name string
		err  error
		want outcome
	}{
		{"result", nil, outcome{keep: true}},
		{"not sent", notSent, outcome{resend: true}},
		{"not sent, and late", &TimeoutError{Err: notSent}, outcome{resend: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := outcomeOf(test.err); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestTimeoutErrorUnwraps(t *testing.T) {
	if err := error(&TimeoutError{Err: errReset}); !errors.Is(err, errReset) {
		t.Errorf("%v does not lead to its cause", err)
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
		{status(502), true},
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
