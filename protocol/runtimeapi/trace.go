package runtimeapi

import (
	"fmt"
	"log/slog"
	"strings"
)

// maxCauseMessage is the length to which the message of a cause is shortened, in bytes.
const maxCauseMessage = 4 << 10

// StackTrace returns the lines of Lambda's stackTrace: the frames, outermost call first, and
// then each cause with those of its frames that differ from the ones before.
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

// Traceback returns the same lines as R's traceback() prints them: numbered, innermost call
// first.
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

// Summary returns the type, the call and the message, in as many lines as the message has.
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
	short := ErrorReport{Type: truncate(r.Type, 1<<10), Call: r.Call, Message: truncate(r.Message, maxCauseMessage)}
	return "Caused by " + short.Summary()
}

// ReportKey is the key of the log attribute that Attr returns.
const ReportKey = "error_report"

// Attr returns the report as an attribute of a log record, whose value is r itself. Log
// handlers that look for ReportKey can format the report; others log the group of LogValue.
func (r *ErrorReport) Attr() slog.Attr { return slog.Any(ReportKey, r) }

// LogValue returns a group of the fields that errors have in Lambda's JSON logs.
func (r *ErrorReport) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error_message", r.Message), slog.Any("stack_trace", r.StackTrace())}
	if r.Type != "" {
		attrs = append([]slog.Attr{slog.String("error_type", r.Type)}, attrs...)
	}
	return slog.GroupValue(attrs...)
}
