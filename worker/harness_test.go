package worker

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

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
