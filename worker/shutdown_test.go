package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/proc"
)

func TestShutdownOfIdleWorker(t *testing.T) {
	w, book := spawnFake(t, "echo")
	echo(t, w, "1", "{}")
	quickly(t, "Shutdown", func() { w.Shutdown(context.Background()) })
	if e := errorAs[*ExitError](t, w.Err()); e.Code != 0 || e.Signal != 0 || e.Killed != "" {
		t.Errorf("got %+v, want a clean exit", e)
	}
	if r := book.waitFor(t, "shut down"); r.RequestID != "" {
		t.Errorf("its last line belongs to invocation %s", r.RequestID)
	}
	if _, err := invoke(w, "2", "{}"); !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("Invoke after Shutdown: %v", err)
	}
	quickly(t, "the second Shutdown", func() { w.Shutdown(context.Background()) })
}

func TestShutdownOfStuckWorker(t *testing.T) {
	for _, full := range []bool{false, true} {
		name := map[bool]string{false: "that reads nothing", true: "whose pipe is full"}[full]
		t.Run(name, func(t *testing.T) {
			w, _ := spawnFake(t, "hang")
			if full {
				fill(t, w.requests)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			quickly(t, "Shutdown", func() { w.Shutdown(ctx) })
			if ctx.Err() == nil {
				t.Error("Shutdown returned before its context ended")
			}
			if e := errorAs[*ExitError](t, w.Err()); e.Signal != syscall.SIGKILL || e.Killed == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// fill writes to a pipe until no more fits in.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Write(make([]byte, 2<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe is not full: %v", err)
	}
	if err := pipe.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w, _ := spawnFake(t, "hang")
	quickly(t, "Shutdown", func() { w.Shutdown(ctx) })
	errorAs[*ExitError](t, w.Err())
}

func TestShutdownOfDeadWorker(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	w.Kill("test")
	waitDone(t, w)
	quickly(t, "Shutdown", func() { w.Shutdown(context.Background()) })
	if e := errorAs[*ExitError](t, w.Err()); e.Killed != "test" {
		t.Errorf("got %+v", e)
	}
}

func TestTempDir(t *testing.T) {
	for name, end := range map[string]func(*Worker){
		"closed": func(w *Worker) { w.Shutdown(context.Background()) },
		"killed": func(w *Worker) { w.Kill("test") },
	} {
		t.Run(name, func(t *testing.T) {
			c := newConfig(t, "echo", newLogbook())
			c.Env = append(c.Env, "TMPDIR=/overridden")
			w, other := spawn(t, c), spawn(t, c)
			dir, otherDir := tmpDirOf(t, w), tmpDirOf(t, other)
			if filepath.Dir(dir) != c.TempDir || dir == otherDir {
				t.Errorf("TMPDIR is %s, and another worker's %s; want one for each in %s", dir, otherDir, c.TempDir)
			}
			// A killed R leaves files behind.
			if err := os.MkdirAll(filepath.Join(dir, "RtmpXXXX", "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			end(w)
			waitUntil(t, patience, "TMPDIR is removed", func() bool {
				_, err := os.Stat(dir)
				return errors.Is(err, os.ErrNotExist)
			})
			if _, err := os.Stat(otherDir); err != nil {
				t.Errorf("the other worker's is gone, too: %v", err)
			}
		})
	}
}

// tmpDirOf returns the only TMPDIR in the environment of the process.
func tmpDirOf(t *testing.T, w *Worker) string {
	t.Helper()
	dirs := slices.DeleteFunc(environOf(t, w), func(entry string) bool { return !strings.HasPrefix(entry, "TMPDIR=") })
	if len(dirs) != 1 {
		t.Fatalf("the environment has %q", dirs)
	}
	return strings.TrimPrefix(dirs[0], "TMPDIR=")
}

// Nothing is left of any number of workers, however they ended.
func TestNothingIsLeft(t *testing.T) {
	c := newConfig(t, "echo", newLogbook())
	spawnAndEnd := func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w, err := Spawn(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		echo(t, w, "1", "{}")
		switch i % 3 {
		case 1:
			w.Kill("test")
		case 2:
			w.Kill("test")
			waitDone(t, w)
		}
		w.Shutdown(ctx)
	}
	spawnAndEnd(0) // opens what the Go runtime keeps open
	fds, goroutines := proc.OpenFDs(), runtime.NumGoroutine()
	for i := range 50 {
		spawnAndEnd(i)
	}
	if after := proc.OpenFDs(); len(after) != len(fds) {
		t.Errorf("file descriptors: %q before, %q after", fds, after)
	}
	// The last goroutines are done, but may not have ended.
	waitUntil(t, patience, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	checkNoChild(t)
	checkEmpty(t, c.TempDir)
}
