package lambdalog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Text from an event can neither move the reader's cursor nor begin a line.
func TestTextLogShowsControlCharacters(t *testing.T) {
	var b bytes.Buffer
	log := New(NewOutput(&b, nil), Options{})
	log.Error("first\nSTART RequestId: x\r\x1b[31mred\ttab", "request_id", "id", (&runtimeapi.ErrorReport{
		Message: "a\x07b\nc\x1bd",
		Stack:   []runtimeapi.StackFrame{{Label: "f(\x1b)\nEND"}},
	}).Attr())
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{`first`, `START RequestId: x\x0d\x1b[31mred` + "\ttab" + `: a\x07b`, `c\x1bd`, `  1: f(\x1b)`, `END`} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "request_id=id") || strings.ContainsAny(lines[i], "\r\x1b\x07") {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], want)
		}
	}
}

// The text log shows an error as R prints it, with the request id on every line. The JSON
// log has one record with Lambda's field names.
func TestErrorInTheLog(t *testing.T) {
	report := &runtimeapi.ErrorReport{
		Type: "rlang_error", Message: "top\n\u2139 hint", Call: "g(x)",
		Stack:  []runtimeapi.StackFrame{{Label: "f(x)"}, {Label: `stop("top")`, Path: "app.R", Line: 7}},
		Causes: []*runtimeapi.ErrorReport{{Type: "simpleError", Message: "100%s {x}", Call: "h()", Stack: []runtimeapi.StackFrame{{Label: "h()"}}}},
	}
	var b bytes.Buffer
	New(NewOutput(&b, nil), Options{}).Error("invocation error", "request_id", "id", "attempt", 1, report.Attr())
	text := regexp.MustCompile(`(?m)^\S+ `).ReplaceAllString(b.String(), "") // without the time
	want := `ERR invocation error: rlang_error in g(x): top request_id=id attempt=1
ERR \u2139 hint request_id=id
ERR   2: stop("top") (app.R:7) request_id=id
ERR   1: f(x) request_id=id
ERR Caused by simpleError in h(): 100%s {x} request_id=id
ERR   1: h() request_id=id
`
	want = strings.ReplaceAll(want, `\u2139`, "\u2139")
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}

	b.Reset()
	New(NewOutput(&b, nil), Options{JSON: true}).Error("invocation error", "request_id", "id", report.Attr())
	var record map[string]any
	if err := json.Unmarshal(b.Bytes(), &record); err != nil {
		t.Fatalf("%v in %s", err, &b)
	}
	delete(record, "timestamp")
	if want := map[string]any{
		"level": "ERROR", "message": "invocation error", "requestId": "id",
		"errorType": "rlang_error", "errorMessage": report.Message,
		"stackTrace": []any{"f(x)", `stop("top") (app.R:7)`, "Caused by simpleError in h(): 100%s {x}", "h()"},
	}; !reflect.DeepEqual(record, want) {
		t.Errorf("got  %v\nwant %v", record, want)
	}
}

// Levels have Lambda's names in JSON and three letters in text.
func TestLevelsInTheLog(t *testing.T) {
	for name, level := range map[string]slog.Level{
		"trace": protocol.LevelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "fatal": protocol.LevelFatal,
	} {
		if got, ok := protocol.ParseLevel(name); !ok || got != level {
			t.Errorf("%s is level %v", name, got)
		}
		var json, text bytes.Buffer
		New(NewOutput(&json, nil), Options{Level: level, JSON: true}).Log(t.Context(), level, "hello")
		if want := `"level":"` + strings.ToUpper(name) + `"`; !strings.Contains(json.String(), want) {
			t.Errorf("got %s, want %s", &json, want)
		}
		New(NewOutput(&text, nil), Options{Level: level}).Log(t.Context(), level, "hello")
		if !regexp.MustCompile(`Z (TRC|DBG|INF|WRN|ERR|FTL) hello\n$`).Match(text.Bytes()) {
			t.Errorf("%s: got %q", name, &text)
		}
	}
}
