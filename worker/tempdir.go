package worker

import (
	"fmt"
	"os"
	"sync/atomic"
)

// A tempDir is the TMPDIR of a process. That of a template is used by the workers forked from it as
// well, because the handler's file may have made files in it. The last user removes it.
type tempDir struct {
	path  string
	users atomic.Int32
}

// newTempDir makes a tempDir in the folder parent, with one user.
func newTempDir(parent string) (*tempDir, error) {
	var path string
	err := os.MkdirAll(parent, 0o700) // user code may have removed it
	if err == nil {
		path, err = os.MkdirTemp(parent, "lambda-r-")
	}
	if err != nil {
		return nil, fmt.Errorf("make the worker's temporary directory: %w", err)
	}
	d := &tempDir{path: path}
	d.users.Store(1)
	return d, nil
}

// use adds a user, and returns d.
func (d *tempDir) use() *tempDir {
	d.users.Add(1)
	return d
}

// leave removes a user, and the directory if it was the last one.
func (d *tempDir) leave() error {
	if d == nil || d.users.Add(-1) > 0 {
		return nil
	}
	return os.RemoveAll(d.path)
}

// marker returns the entry of the environment that marks the processes that use d.
func (d *tempDir) marker() string { return "TMPDIR=" + d.path }
