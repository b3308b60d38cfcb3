package runtimeapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"lambda-r-runtime/protocol/runtimeapi"
)

// caused is a report with two causes: one with frames, and one with a message only.
var caused = runtimeapi.ErrorReport{
	Type:    "rlang_error",
	Message: "three\nmore of it",
	Call:    "h(x)",
	Stack:   stack,
	Causes: []*runtimeapi.ErrorReport{
		{Type: "http_error", Message: "two\nlines", Call: "g(x)", Stack: []runtimeapi.StackFrame{
			{Label: "g(x)", Path: "lib.R", Line: 2}, {Label: "stop(cond)"},
		}},
		{Type: "simpleError", Message: "100%s"},
	},
}

func TestStackTrace(t *testing.T) {
	want := []string{
		"handler(event) (app.R:3)", "f(x) (app.R:7)", `stop("bad")`,
		"Caused by http_error in g(x): two\nlines", "g(x) (lib.R:2)", "stop(cond)",
		"Caused by simpleError: 100%s",
	}
	if got := caused.StackTrace(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTraceback(t *testing.T) {
	want := []string{
		`  3: stop("bad")`, "  2: f(x) (app.R:7)", "  1: handler(event) (app.R:3)",
		"Caused by http_error in g(x): two\nlines", "  2: stop(cond)", "  1: g(x) (lib.R:2)",
		"Caused by simpleError: 100%s",
	}
	if got := caused.Traceback(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	for want, r := range map[string]runtimeapi.ErrorReport{
		"rlang_error in h(x): three\nmore of it": caused,
		"Runtime.OutOfMemory: m":                 {Type: "Runtime.OutOfMemory", Message: "m"},
		"in f(): m":                              {Call: "f()", Message: "m"},
		"m":                                      {Message: "m"},
	} {
		if got := r.Summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A log record without a key for the report has its attributes.
func TestReportAsLogAttributes(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Error("failed", slog.Any("", &caused))
	var got struct {
		Type    string   `json:"error_type"`
		Message string   `json:"error_message"`
		Stack   []string `json:"stack_trace"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != caused.Type || got.Message != caused.Message || !reflect.DeepEqual(got.Stack, caused.StackTrace()) {
		t.Errorf("got %s", &b)
	}
	b.Reset()
	log.Error("failed", slog.Any("", &runtimeapi.ErrorReport{Message: "m"}))
	if strings.Contains(b.String(), "error_type") {
		t.Errorf("an error without a type has one in %s", &b)
	}
}

func TestCausesInBodyAndXRay(t *testing.T) {
	var body errorJSON
	strict(t, caused.Body(), &body)
	if !reflect.DeepEqual(body.Stack, caused.StackTrace()) || body.Message != caused.Message {
		t.Errorf("the body is %+v", body)
	}
	var cause causeJSON
	strict(t, []byte(caused.XRayCause()), &cause)
	if len(cause.Exceptions) != 3 {
		t.Fatalf("%d exceptions, want 3: %+v", len(cause.Exceptions), cause)
	}
	for i, want := range []struct {
		typ, message string
		frames       int
	}{{"rlang_error", caused.Message, 3}, {"http_error", "two\nlines", 2}, {"simpleError", "100%s", 0}} {
		e := cause.Exceptions[i]
		if e.Type != want.typ || e.Message != want.message || len(e.Stack) != want.frames || e.Stack == nil {
			t.Errorf("exception %d is %+v, want %+v", i, e, want)
		}
	}
	if want := []string{"app.R", "lib.R"}; !reflect.DeepEqual(cause.Paths, want) {
		t.Errorf("paths are %q, want %q", cause.Paths, want)
	}
}

// Causes neither exceed the limits nor displace the error's own exception.
func TestHugeCausesFit(t *testing.T) {
	for name, huge := range hugeReports() {
		t.Run(name, func(t *testing.T) {
			r := runtimeapi.ErrorReport{Type: "e", Message: "m", Stack: stack}
			for range 3 {
				r.Causes = append(r.Causes, &huge)
			}
			body := within(t, r.Body)
			if len(body) > maxBody {
				t.Errorf("the body has %d bytes", len(body))
			}
			strict(t, body, new(errorJSON))
			text := within(t, r.XRayCause)
			if len(text) > maxCause {
				t.Errorf("the cause has %d bytes", len(text))
			}
			var cause causeJSON
			strict(t, []byte(text), &cause)
			if len(cause.Exceptions[0].Stack) != len(stack) {
				t.Errorf("the error's own stack has %d frames left of %d", len(cause.Exceptions[0].Stack), len(stack))
			}
		})
	}
}
