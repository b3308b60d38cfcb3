package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lambda-r-runtime/emulator"
)

// Limits of the recorded events.
const (
	maxRecorded      = 20      // events
	maxRecordedEvent = 1 << 20 // bytes of one event; longer ones are not recorded
	maxRecordedFile  = 8 << 20 // bytes, or maxRecorded events more than that, before the file is rewritten
)

// recordPath returns the path of the recorded events of a task folder, or "" if the user has no
// folder for caches.
func recordPath(taskRoot string, getenv func(string) string) string {
	root, err := filepath.Abs(taskRoot)
	if err != nil {
		return ""
	}
	cache := getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(cache) {
		home := getenv("HOME")
		if info, err := os.Stat(home); !filepath.IsAbs(home) || err != nil || !info.IsDir() {
			return "" // a service, or a container, may have a home that does not exist
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "lambda-r-runtime", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:16], "events.jsonl")
}

// A recorder is the emulator's Observer that keeps the last events for replay() of bootstrap debug, in
// a file that only its owner can read: events may hold secrets.
type recorder struct {
	path    string
	handler string
	log     *slog.Logger

	mu      sync.Mutex
	calls   map[string]emulator.Call // that have not ended
	last    [][]byte                 // the last records, oldest first
	file    *os.File                 // nil before the first record
	written int                      // bytes in file
	lines   int                      // in file
	failed  bool                     // recording has ended with an error
}

// A record is a line of the file.
type record struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Handler string    `json:"handler"`
	Failed  bool      `json:"failed"`
	Event   string    `json:"event"`
}

func newRecorder(path, handler string, log *slog.Logger) *recorder {
	r := &recorder{path: path, handler: handler, log: log, calls: map[string]emulator.Call{}}
	r.last = readRecords(path)
	return r
}

// readRecords returns the last records of an earlier run.
func readRecords(path string) [][]byte {
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 4*maxRecordedFile {
		return nil // there are none, or none that a recorder wrote
	}
	var lines [][]byte
	for line := range bytes.Lines(text) {
		if json.Valid(line) && bytes.HasSuffix(line, []byte("\n")) {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-maxRecorded):]
}

// Called notes an invocation, whose event must not change.
func (r *recorder) Called(c emulator.Call) {
	if len(c.Event) > maxRecordedEvent {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[c.ID] = c
}

// Ended records an invocation.
func (r *recorder) Ended(id string, result emulator.Result, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.calls[id]
	delete(r.calls, id)
	if !known || !ok || r.failed {
		return
	}
	line, err := json.Marshal(record{id, c.Time.UTC(), r.handler, result.FunctionError, string(c.Event)})
	if err != nil {
		return // it cannot fail
	}
	line = append(line, '\n')
	r.last = append(r.last, line)
	r.last = r.last[max(0, len(r.last)-maxRecorded):]
	if err := r.write(line); err != nil {
		r.failed = true
		r.log.Warn("events not recorded for replay()", "error", err)
	}
}

// write appends a record, or rewrites the file with the last records if it has become too large.
// The lock is held.
func (r *recorder) write(line []byte) error {
	if r.file != nil && r.written+len(line) <= maxRecordedFile && r.lines < 2*maxRecorded {
		r.lines++
		r.written += len(line)
		_, err := r.file.Write(line)
		return err
	}
	dir := filepath.Dir(r.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "events-*") // with mode 0600
	if err != nil {
		return err
	}
	text := bytes.Join(r.last, nil)
	for len(text) > maxRecordedFile && len(r.last) > 1 {
		text = text[len(r.last[0]):]
		r.last = r.last[1:]
	}
	_, err = file.Write(text)
	if err == nil {
		err = os.Rename(file.Name(), r.path)
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
		return err
	}
	if r.file != nil {
		_ = r.file.Close() // it has been replaced
	}
	r.file, r.written, r.lines = file, len(text), len(r.last)
	return nil
}

// close ends the recording.
func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	if r.file != nil {
		_ = r.file.Close() // every record is written already
	}
}

// observers are notified one after the other.
type observers []emulator.Observer

// Called is a method of emulator.Observer.
func (all observers) Called(c emulator.Call) {
	for _, one := range all {
		one.Called(c)
	}
}

// Ended is a method of emulator.Observer.
func (all observers) Ended(id string, r emulator.Result, ok bool) {
	for _, one := range all {
		one.Ended(id, r, ok)
	}
}

// newRecorder returns the recorder of bootstrap local, or nil if the user does not want one, or
// others can send events.
func (o *localOptions) newRecorder(s settings, getenv func(string) string, addr net.Addr, log *slog.Logger) *recorder {
	path := recordPath(s.taskRoot, getenv)
	tcp, ok := addr.(*net.TCPAddr)
	if !o.record || path == "" || !ok || !tcp.IP.IsLoopback() {
		return nil
	}
	return newRecorder(path, s.handler, log)
}

// dumpDir returns the folder of --dump, "" without the flag.
func (o *localOptions) dumpDir(s settings, getenv func(string) string) (string, error) {
	if !o.dump {
		return "", nil
	}
	path := recordPath(s.taskRoot, getenv)
	if path == "" {
		return "", errors.New("--dump needs a folder for caches: set HOME or XDG_CACHE_HOME")
	}
	dir := filepath.Join(filepath.Dir(path), "dumps")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("--dump: %w", err)
	}
	return dir, nil
}
