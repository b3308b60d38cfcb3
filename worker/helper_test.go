package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// A record is a log record.
type record struct {
	Level, Msg, Stream, Call string
	RequestID                string `json:"request_id"`
	TenantID                 string `json:"tenant_id"`
}

// A logbook keeps what was logged.
type logbook struct {
	mu      sync.Mutex
	records []record
	hook    func(record)  // called with each
	written chan struct{} // closed and replaced with each
}

func newLogbook() *logbook { return &logbook{written: make(chan struct{})} }

// logger returns a logger that writes records of at least level into the book.
func (b *logbook) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}))
}

func (b *logbook) Write(line []byte) (int, error) {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return 0, err
	}
	b.mu.Lock()
	b.records = append(b.records, r)
	close(b.written)
	b.written = make(chan struct{})
	hook := b.hook
	b.mu.Unlock()
	if hook != nil {
		hook(r)
	}
	return len(line), nil
}

func (b *logbook) onRecord(hook func(record)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook = hook
}

// output returns the lines of stdout and stderr in order, and forgets everything.
func (b *logbook) output() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := slices.DeleteFunc(b.records, func(r record) bool { return r.Stream == "" })
	b.records = nil
	return lines
}

func (b *logbook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = nil
}

// messages returns the messages of all records.
func (b *logbook) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var messages []string
	for _, r := range b.records {
		messages = append(messages, r.Msg)
	}
	return messages
}

// waitFor waits until message is logged, and returns its record.
func (b *logbook) waitFor(t *testing.T, message string) record {
	t.Helper()
	deadline := time.After(patience)
	for {
		b.mu.Lock()
		written := b.written
		i := slices.IndexFunc(b.records, func(r record) bool { return r.Msg == message })
		var found record
		if i >= 0 {
			found = b.records[i]
		}
		b.mu.Unlock()
		if i >= 0 {
			return found
		}
		select {
		case <-written:
		case <-deadline:
			t.Fatalf("%q was not logged", message)
		}
	}
}

// newConfig returns the Config of a fake in the role, which logs everything to book.
func newConfig(t *testing.T, role string, book *logbook) Config {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script, err := NewScript(nil, nil) // the fake needs none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { script.Close() })
	return Config{
		Bin:     bin,
		Script:  script,
		Handler: "functions.parity",
		Dir:     t.TempDir(),
		// The race detector would sleep for a second when a fake exits.
		Env:     append(os.Environ(), actAs+"="+role, "GORACE=atexit_sleep_ms=0"),
		TempDir: t.TempDir(),
		Log:     book.logger(slog.LevelDebug),

		MaxResult: maxResult,
	}
}

// spawn spawns a worker that is gone when the test ends.
func spawn(t *testing.T, c Config) *Worker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := Spawn(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Kill("the test is over")
		w.Shutdown(context.Background())
	})
	return w
}

// spawnFake spawns a fake in the role.
func spawnFake(t *testing.T, role string) (*Worker, *logbook) {
	t.Helper()
	book := newLogbook()
	return spawn(t, newConfig(t, role, book)), book
}

func newInvoke(id string) protocol.Invoke {
	return protocol.Invoke{Type: protocol.TypeInvoke, ID: id}
}

// maxResult is larger than any result of a test, in bytes.
const maxResult = 16 << 20

// toNowhere discards a stream.
func toNowhere(protocol.StreamHead) io.Writer { return io.Discard }

// invoke invokes with an event. A worker that does not answer is killed in the end.
func invoke(w *Worker, id, event string) (string, error) {
	return invokeStream(w, id, event, toNowhere)
}

// invokeStream does what invoke does, and lets open receive a stream.
func invokeStream(w *Worker, id, event string, open func(protocol.StreamHead) io.Writer) (string, error) {
	guard := time.AfterFunc(patience, func() { w.Kill("the test lost its patience") })
	defer guard.Stop()
	answer, err := w.Invoke(newInvoke(id), []byte(event), open)
	if err == nil && answer.Failure != nil {
		err = answer.Failure // which no test confuses with an error of Invoke
	}
	return string(answer.Payload), err
}

// echo invokes an echo, which must succeed.
func echo(t *testing.T, w *Worker, id, event string) {
	t.Helper()
	got, err := invoke(w, id, event)
	if err != nil {
		t.Fatalf("invocation %s: %v", id, err)
	}
	if got != event {
		t.Fatalf("invocation %s: got %.100q, want %.100q", id, got, event)
	}
}

// An outcome is what Invoke returned.
type outcome struct {
	result string
	err    error
}

// invokeBeside invokes in a goroutine, which ends with the worker, and returns a channel for
// the outcome.
func invokeBeside(w *Worker, id, event string) <-chan outcome {
	outcomes := make(chan outcome, 1)
	go func() {
		result, err := invoke(w, id, event)
		outcomes <- outcome{result, err}
	}()
	return outcomes
}

// outcomeSoon returns the outcome, which must come soon.
func outcomeSoon(t *testing.T, outcomes <-chan outcome) outcome {
	t.Helper()
	var o outcome
	quickly(t, "Invoke", func() { o = <-outcomes })
	return o
}

// poll returns which of the events a pipe is ready for.
func poll(f *os.File, events int16) (int16, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	fds := []unix.PollFd{{Events: events}}
	err = raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0) // an error leaves Revents empty
	})
	return fds[0].Revents, err
}

// alive reports whether a process lives; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return len(rest) > 0 && !strings.ContainsRune("ZX", rune(rest[0]))
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", lengths(got), lengths(want))
	}
}

// lengths shows lines, the long ones by their length.
func lengths(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 100 {
			fmt.Fprintf(&b, "(%d bytes) ", len(line))
		} else {
			fmt.Fprintf(&b, "%q ", line)
		}
	}
	return b.String()
}
