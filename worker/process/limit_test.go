//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// Version 2 of control groups has to be asked for limits of memory; version 1 has not.
func TestEnableMemory(t *testing.T) {
	for _, test := range []struct{ name, before, after string }{
		{"version 1", "", ""},
		{"enabled", "cpu memory pids\n", "cpu memory pids\n"},
		{"not enabled", "cpu pid\n", "+memory\n"}, // a file of the kernel would then have both
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "cgroup.subtree_control")
			if test.before != "" {
				if err := os.WriteFile(file, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := enableMemory(dir); err != nil {
				t.Fatal(err)
			}
			if after, _ := os.ReadFile(file); string(after) != test.after {
				t.Errorf("the file has %q, want %q", after, test.after)
			}
		})
	}
}

// A group that cannot be made is an error, and nothing is left of it.
func TestLimitBelow(t *testing.T) {
	dir := t.TempDir() // has none of the kernel's files
	leave, err := limitBelow(dir, "memory.max", 1<<30, os.Getpid())
	if err == nil || leave != nil {
		t.Fatalf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, err := limitBelow(filepath.Join(dir, "none"), "memory.max", 1<<30, os.Getpid()); err == nil {
		t.Error("a group below one that does not exist")
	}
}
