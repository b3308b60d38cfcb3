package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTempWatch(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var w tempWatch
	for range 20 { // a cache that is filled, and a file that is replaced by a shorter one
		w.check(7, tempUsage{3, 100}, log)
	}
	for files := range growing {
		w.check(7, tempUsage{4 + files, 100}, log)
		w.check(7, tempUsage{3, 100}, log)
	}
	for pid := range 20 { // workers that serve one invocation each
		w.check(100+pid, tempUsage{pid, 1}, log)
	}
	if text.Len() > 0 {
		t.Errorf("it warns of files that do not accumulate: %s", &text)
	}
	for n := range 20 {
		w.check(8, tempUsage{1, int64(n)}, log) // one that is appended to
	}
	if n := strings.Count(text.String(), "WARN"); n != 1 || !strings.Contains(text.String(), "files=1 bytes=5") {
		t.Errorf("it warns %d times: %s", n, &text)
	}
}

func TestUsageOf(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "below/b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("123"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := usageOf(dir), (tempUsage{2, 6}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := usageOf(filepath.Join(dir, "none")); got != (tempUsage{}) {
		t.Errorf("a missing folder holds %+v", got)
	}
}
