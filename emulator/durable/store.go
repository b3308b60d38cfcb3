package durable

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	wire "lambda-r-runtime/durable"
)

// suffix ends the names of the files of executions. They contain payloads, so only their owner can read
// them.
const suffix = ".execution.json"

// save writes an execution to its file. The lock is held.
func (x *execution) save() {
	dir := x.backend.config.Dir
	if dir == "" {
		return
	}
	if err := x.write(filepath.Join(dir, x.ID+suffix)); err != nil {
		x.backend.config.Log.Error("durable execution not saved", "execution", x.Name, "error", err)
	}
}

// write replaces the file at once, so that a crash leaves the old one.
func (x *execution) write(path string) error {
	body, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", body, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// load reads the executions of the folder, oldest first.
func (b *Backend) load() error {
	dir := b.config.Dir
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	var all []*execution
	for _, path := range paths {
		x, err := b.read(path)
		if err != nil {
			return fmt.Errorf("--data: %s: %w", path, err)
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *execution) int { return a.Start.Compare(b.Start) })
	for _, x := range all {
		b.add(x)
	}
	return nil
}

// read reads an execution. What it did when bootstrap ended begins again.
func (b *Backend) read(path string) (*execution, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x := &execution{backend: b, done: make(chan struct{}), byID: map[string]*record{}}
	if err := json.Unmarshal(body, x); err != nil {
		return nil, err
	}
	if x.ARN == "" || x.ID+suffix != filepath.Base(path) {
		return nil, fmt.Errorf("%w: it is not the file of an execution", fs.ErrInvalid)
	}
	for _, r := range x.Records {
		x.byID[r.Operation.ID] = r
		if d := r.Operation.CallbackDetails; d != nil {
			b.callbacks[d.CallbackID] = x
		}
	}
	if x.ended() {
		close(x.done)
	}
	return x, nil
}

// resumeChained invokes again the functions of chained invokes that had not ended. The lock is held.
func (x *execution) resumeChained() {
	for _, r := range x.Records {
		if r.Operation.Type == wire.TypeChainedInvoke && r.Operation.Waits() {
			x.chain(r)
		}
	}
}
