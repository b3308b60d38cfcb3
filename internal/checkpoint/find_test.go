//go:build linux

package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeCRIU writes a program that prints version for --version, and runs check for check.
func fakeCRIU(t *testing.T, version, check string) (path string) {
	path = filepath.Join(t.TempDir(), "criu")
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = --version ]; then echo '%s'; else %s; fi\n", version, check)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Setenv(Variable, fakeCRIU(t, "Version: 4.2", "exit 0"))
		if _, err := Find(t.Context(), os.Getenv); err == nil || !strings.Contains(err.Error(), "needs root") {
			t.Fatalf("error %v, want one that asks for root", err)
		}
		return
	}
	for name, row := range map[string]struct{ path, want string }{
		"works":         {fakeCRIU(t, "Version: 4.2.1", "exit 0"), ""},
		"later version": {fakeCRIU(t, "Version: 10.0", "exit 0"), ""},
		"missing":       {filepath.Join(t.TempDir(), "criu"), "CRIU is not installed"},
		"old":           {fakeCRIU(t, "Version: 3.17.1", "exit 0"), "is CRIU 3.17.1: install 4.1 or later"},
		"another one":   {fakeCRIU(t, "hello", "exit 0"), "is it CRIU?"},
		"cannot work": {
			fakeCRIU(t, "Version: 4.2", `echo "(00.01) Error (criu/cr-check.c:1): No such feature"; exit 1`),
			"it exited with status 1: No such feature; a container needs",
		},
		"crashes": {fakeCRIU(t, "Version: 4.2", "kill -SEGV $$"), "SIGSEGV"},
	} {
		t.Run(name, func(t *testing.T) {
			tool, err := Find(t.Context(), func(string) string { return row.path })
			switch {
			case row.want == "" && err != nil:
				t.Fatal(err)
			case row.want == "" && tool.path != row.path:
				t.Fatalf("found %q, want %q", tool.path, row.path)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Fatalf("error %v, want %q in it", err, row.want)
			}
		})
	}
}
