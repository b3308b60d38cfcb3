package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"lambda-r-runtime/protocol/runtimeapi"
)

// What an event brings cannot move the cursor of who reads the log, nor begin a line.
func TestTextLogShowsControlCharacters(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&logOutput{w: &b}, slog.LevelInfo, false, false)
	log.Error("first\nSTART RequestId: x\r\x1b[31mred\ttab", "request_id", "id", slog.Any("", &runtimeapi.ErrorReport{
		Message: "a\x07b\nc\x1bd",
		Stack:   []runtimeapi.StackFrame{{Label: "f(\x1b)\nEND"}},
	}))
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

// The text log has an error as R prints it, with the request id on every line; the JSON
// log has it in one record, with Lambda's names.
func TestErrorInTheLog(t *testing.T) {
	report := &runtimeapi.ErrorReport{
		Type: "rlang_error", Message: "top\n\u2139 hint", Call: "g(x)",
		Stack:  []runtimeapi.StackFrame{{Label: "f(x)"}, {Label: `stop("top")`, Path: "app.R", Line: 7}},
		Causes: []*runtimeapi.ErrorReport{{Type: "simpleError", Message: "100%s {x}", Call: "h()", Stack: []runtimeapi.StackFrame{{Label: "h()"}}}},
	}
	var b bytes.Buffer
	newLogger(&logOutput{w: &b}, slog.LevelInfo, false, false).Error("invocation error", "request_id", "id", "attempt", 1, slog.Any("", report))
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
	newLogger(&logOutput{w: &b}, slog.LevelInfo, true, false).Error("invocation error", "request_id", "id", slog.Any("", report))
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

// The levels have Lambda's names in JSON, and three letters in text.
func TestLevelsInTheLog(t *testing.T) {
	for name, level := range map[string]slog.Level{
		"trace": levelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "fatal": levelFatal,
	} {
		if got, ok := parseLevel(name); !ok || got != level {
			t.Errorf("%s is level %v", name, got)
		}
		var json, text bytes.Buffer
		newLogger(&logOutput{w: &json}, level, true, false).Log(t.Context(), level, "hello")
		if want := `"level":"` + strings.ToUpper(name) + `"`; !strings.Contains(json.String(), want) {
			t.Errorf("got %s, want %s", &json, want)
		}
		newLogger(&logOutput{w: &text}, level, false, false).Log(t.Context(), level, "hello")
		if !regexp.MustCompile(`Z (TRC|DBG|INF|WRN|ERR|FTL) hello\n$`).Match(text.Bytes()) {
			t.Errorf("%s: got %q", name, &text)
		}
	}
}

// On Managed Instances the log is JSON, whatever else was asked for.
func TestLogFormat(t *testing.T) {
	for _, test := range []struct {
		format, initialization string
		json                   bool
	}{
		{"", "", false},
		{"Text", "on-demand", false},
		{"json", "on-demand", true},
		{"", "lambda-managed-instances", true},
		{"TEXT", "Lambda-Managed-Instances", true},
	} {
		c, err := readConfig([]string{"a.f"}, func(name string) string {
			return map[string]string{"AWS_LAMBDA_LOG_FORMAT": test.format, "AWS_LAMBDA_INITIALIZATION_TYPE": test.initialization}[name]
		})
		if err != nil || c.logJSON != test.json {
			t.Errorf("%+v: got %v, %v", test, c.logJSON, err)
		}
	}
}
