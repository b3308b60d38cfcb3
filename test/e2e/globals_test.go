package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// startGlobals serves a function whose file and .Rprofile establish global calling handlers.
func startGlobals(t *testing.T) (*program, function) {
	t.Helper()
	lambda.NeedsR(t, "rlang", "1.0") // global_entrace()
	p := start(t, "globals", nil, "local", "--addr", "127.0.0.1:0", "functions.f")
	return p, function{t, p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]}
}

// Global calling handlers see what the handler signals, before the runtime does.
func TestGlobalCallingHandlers(t *testing.T) {
	p, f := startGlobals(t)
	p.waitFor("profile saw: loading") // a message of the file's top level
	for _, row := range []struct {
		what, result string
		log          []string // in this order
	}{
		{"warning", `"warned"`, []string{"global warning: careful", "WRN careful"}},
		{"message", `"sent"`, []string{"profile saw: hello", "INF hello"}},
		{"progress", `"made"`, []string{"progress: 50%"}},
		{"caught", `"caught"`, nil},
		{"late", `"added"`, nil},
		{"message", `"sent"`, []string{"late saw: hello", "profile saw: hello", "INF hello"}},
		{"finalizer", `"collected"`, []string{"finalized"}},
	} {
		if got := f.result(`{"what":"` + row.what + `"}`); got != row.result {
			t.Errorf("%s returned %s, want %s", row.what, got, row.result)
		}
		p.waitFor(`(?s)` + strings.Join(row.log, ".*"))
	}
	if strings.Contains(p.output(), "global error") {
		t.Errorf("a handler of errors saw one that was caught:\n%s", p.output())
	}
}

// An error that a global handler has seen, and replaced, is reported with the user's own stack.
func TestErrorsWithGlobalCallingHandlers(t *testing.T) {
	p, f := startGlobals(t)
	for _, row := range []struct {
		what, errorType, message string
		stack                    []string
	}{
		// rlang::global_entrace() makes every error one of its own class.
		{"error", "rlang_error", "not today", []string{"f(what = what)", "inner() (functions.R:18)", `stop("not today") (functions.R:15)`}},
		{"c_error", "rlang_error", "non-numeric argument", []string{"f(what = what)", `1 + "a" (functions.R:18)`}},
		// R 4.6 runs out of another stack first.
		{"overflow", "CStackOverflowError|simpleError", "C stack usage|node stack overflow", nil},
		{"remove", "simpleError", "removed", nil},
	} {
		e := f.failure(`{"what":"` + row.what + `"}`)
		errorType := regexp.MustCompile("^(" + row.errorType + ")$")
		message := regexp.MustCompile(row.message)
		if !errorType.MatchString(e.Type) || !message.MatchString(e.Message) || !slices.Equal(e.Stack, row.stack) {
			t.Errorf("%s failed with %+v, want %s, %q, %q", row.what, e, row.errorType, row.message, row.stack)
		}
	}
	p.waitFor("global error: not today")
	// The user's handlers have been removed; the runtime's are there again.
	if e := f.failure(`{"what":"error"}`); e.Type != "simpleError" || len(e.Stack) != 3 {
		t.Errorf("without global handlers the error is %+v", e)
	}
}
