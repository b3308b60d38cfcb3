package console

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol/runtimeapi"
)

// Lines are read of regular files below the task folder only, whatever user code names.
func TestSource(t *testing.T) {
	outside := t.TempDir()
	root := t.TempDir()
	write := func(dir, name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write(outside, "secret.R", "secret\n")
	var lines []string
	for i := 1; i <= 20; i++ {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	inside := write(root, "functions.R", strings.Join(lines, "\n")+"\n")
	write(root, "wide.R", strings.Repeat("x", 10_000))
	for name, make := range map[string]func(string) error{
		"link.R":   func(path string) error { return os.Symlink(secret, path) },
		"fifo.R":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder.R": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		if err := make(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	relative, err := filepath.Rel(root, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path  string
		line  int
		first int // 0 if nothing may be read
		n     int
	}{
		{"functions.R", 10, 6, 9},
		{"functions.R", 1, 1, 5},
		{"functions.R", 20, 16, 5},
		{"functions.R", 21, 0, 0},
		{inside, 10, 6, 9},
		{"wide.R", 1, 1, 1},
		{"link.R", 1, 0, 0},
		{"fifo.R", 1, 0, 0},
		{"folder.R", 1, 0, 0},
		{"missing.R", 1, 0, 0},
		{secret, 1, 0, 0},
		{relative, 1, 0, 0},
		{"/etc/passwd", 1, 0, 0},
		{"", 1, 0, 0},
	} {
		c := newConsole(t)
		c.config.Root = root
		r := c.newReport(&runtimeapi.ErrorReport{Stack: []runtimeapi.StackFrame{{Label: "f()", Path: test.path, Line: test.line}}})
		switch got := r.Stack[0].Source; {
		case test.first == 0 && got != nil:
			t.Errorf("%s:%d: read %q", test.path, test.line, got.Lines)
		case test.first != 0 && (got == nil || got.First != test.first || len(got.Lines) != test.n || len(got.Lines[0]) > maxSourceLine+3):
			t.Errorf("%s:%d: read %+v", test.path, test.line, got)
		}
	}
}

// The place in front of a message stands in for a stack.
func TestPlaceOfMessage(t *testing.T) {
	c := newConsole(t)
	if err := os.WriteFile(filepath.Join(c.config.Root, "functions.R"), []byte("run <- function( 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for message, want := range map[string]bool{
		"functions.R:1: unexpected numeric constant": true,
		"functions.R:9: no such line":                false,
		"functions.R: no line":                       false,
		"http://x:1: no file":                        false,
		"../x.R:1: outside":                          false,
	} {
		r := c.newReport(&runtimeapi.ErrorReport{Message: message})
		if got := r.Where != nil && r.Where.Source != nil; got != want {
			t.Errorf("%s: %+v", message, r.Where)
		}
	}
}
