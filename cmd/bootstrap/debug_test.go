package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEventOfDebug(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct{ text, want string }{
		"valid.json":    {" {\"n\": 1}\n", ""},
		"invalid.json":  {"{\n  \"n\": 1,\n}", "line 3 is not valid JSON"},
		"cut.json":      {"{\"n\":", "line 1 is not valid JSON: unexpected end of JSON input"},
		"empty.json":    {"", "is not valid JSON"},
		"missing.json":  {"", "no such file or directory"},
		"two-docs.json": {"1\n2", "line 2 is not valid JSON"},
	} {
		path := filepath.Join(dir, name)
		if name != "missing.json" {
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := (&debugOptions{event: path}).complete()
		if row.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "--event: ") || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want %q", name, err, row.want)
		}
	}
}

// The path of the event counts from where bootstrap was started, not from the task folder.
func TestEventOfDebugIsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("e.json", []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &debugOptions{event: "e.json"}
	if err := o.complete(); err != nil || !filepath.IsAbs(o.event) {
		t.Errorf("got %q, %v", o.event, err)
	}
}

func TestLastOfEach(t *testing.T) {
	got := lastOfEach([]string{"A=1", "B=2", "A=3", "AB=4", "C"})
	if want := []string{"B=2", "A=3", "AB=4", "C"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDebugWithoutHandler(t *testing.T) {
	err := run(context.Background(), []string{"debug"}, func(string) string { return "" }, &bytes.Buffer{})
	if _, ok := err.(interface{ Unwrap() []error }); !ok || !strings.Contains(err.Error(), "no handler given") {
		t.Errorf("got %v", err)
	}
}
