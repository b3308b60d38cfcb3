package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// What an event brings cannot move the cursor of who reads the log, nor begin a line.
func TestTextLogShowsControlCharacters(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&logOutput{w: &b}, slog.LevelInfo, false, false)
	log.Error("first\nSTART RequestId: x\r\x1b[31mred\ttab", "request_id", "id", "error_message", "a\x07b\nc\x1bd")
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{`first`, `START RequestId: x\x0d\x1b[31mred` + "\ttab", `c\x1bd`} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "request_id=id") || strings.ContainsAny(lines[i], "\r\x1b\x07") {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], want)
		}
	}
}
