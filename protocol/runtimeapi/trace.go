package runtimeapi

import (
	"fmt"
	"log/slog"
	"strings"
)

// maxCauseMessage is how much of a cause's message is reported, in bytes.
const maxCauseMessage = 4 << 10

// StackTrace returns the lines of Lambda's stackTrace: the frames, outermost call first,
// and then each cause with its frames, as far as they differ from those before.
func (r *ErrorReport) StackTrace() []string {
	lines := make([]string, 0, len(r.Stack))
	for _, f := range r.Stack {
		lines = append(lines, f.String())
	}
	for _, c := range r.Causes {
		lines = append(lines, c.causedBy())
		lines = append(lines, c.StackTrace()...)
	}
	return lines
}

// Traceback returns the same lines as R's traceback() has them: numbered, and the
// innermost call first.
func (r *ErrorReport) Traceback() []string {
	var lines []string
	for i := len(r.Stack) - 1; i >= 0; i-- {
		lines = append(lines, fmt.Sprintf("%3d: %s", i+1, r.Stack[i]))
	}
	for _, c := range r.Causes {
		lines = append(lines, c.causedBy())
		lines = append(lines, c.Traceback()...)
	}
	return lines
}

// Summary says what the error is, in as many lines as its message has.
func (r *ErrorReport) Summary() string {
	what := r.Type
	if r.Call != "" {
		what = strings.TrimSpace(what + " in " + r.Call)
	}
	if what == "" {
		return r.Message
	}
	return what + ": " + r.Message
}

func (r *ErrorReport) causedBy() string {
	short := ErrorReport{Type: cut(r.Type, 1<<10), Call: r.Call, Message: cut(r.Message, maxCauseMessage)}
	return "Caused by " + short.Summary()
}

// LogValue is the report as attributes of a log record: the fields that an error has in
// Lambda's JSON logs.
func (r *ErrorReport) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error_message", r.Message), slog.Any("stack_trace", r.StackTrace())}
	if r.Type != "" {
		attrs = append([]slog.Attr{slog.String("error_type", r.Type)}, attrs...)
	}
	return slog.GroupValue(attrs...)
}
