package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/test/kit/proc"
)

func init() {
	refuse := func(f *fake) {
		f.Hello()
		f.Send(protocol.Reply{Type: protocol.TypeInitError, Error: &protocol.HandlerError{
			Type: "Runtime.NoSuchHandler", Message: "defines no function parity",
		}})
	}
	roles["refuses its handler"] = refuse
	roles["refuses its handler and hangs"] = func(f *fake) { refuse(f); faker.Hang() }
	roles["tells its handler"] = func(f *fake) {
		hello := f.Hello()
		f.Ready()
		id, _ := f.Next()
		f.Result(id, []byte(hello.Type+" "+hello.Handler))
		f.Next()
	}
}

func TestHelloNamesHandler(t *testing.T) {
	w, _ := spawnFake(t, "tells its handler")
	if got, err := invoke(w, "1", ""); err != nil || got != "hello functions.parity" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestInitError(t *testing.T) {
	for _, role := range []string{"refuses its handler", "refuses its handler and hangs"} {
		t.Run(role, func(t *testing.T) {
			c := newConfig(t, role, newLogbook())
			w, err := Spawn(t.Context(), c)
			if w != nil {
				t.Error("there is a worker beside the error")
			}
			if e := errorAs[*protocol.HandlerError](t, err); e.Type != "Runtime.NoSuchHandler" || e.Message != "defines no function parity" {
				t.Errorf("got %+v", e)
			}
			checkEmpty(t, c.TempDir)
		})
	}
}

// An error that R reported counts, even if the time for the spawn runs out right after it.
func TestInitErrorBeforeDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	book := newLogbook()
	book.onRecord(func(r record) {
		if r.Msg == "R process ended" {
			cancel() // Spawn has killed it, so it has read what R said
		}
	})
	_, err := Spawn(ctx, newConfig(t, "refuses its handler and hangs", book))
	errorAs[*protocol.HandlerError](t, err)
}

var errTooSlow = errors.New("not ready in time")

func TestSpawnDeadline(t *testing.T) {
	book := newLogbook()
	c := newConfig(t, "never ready", book)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errTooSlow)
	defer cancel()
	w, err := Spawn(ctx, c)
	if w != nil || !errors.Is(err, errTooSlow) {
		t.Errorf("got %v, %v; want the cause of the context", w, err)
	}
	checkNoChild(t)
	checkEmpty(t, c.TempDir)
}

// If the time for the spawn runs out, R may report where it was.
func TestSpawnInterrupted(t *testing.T) {
	c := newConfig(t, "interruptible while it loads", newLogbook())
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errTooSlow)
	defer cancel()
	_, err := Spawn(ctx, c)
	stopped := errorAs[*protocol.StoppedError](t, err)
	if want := "not ready in time; it was in library(large) (functions.R:2)"; stopped.Error() != want || !errors.Is(err, errTooSlow) {
		t.Errorf("got %v, want %s", err, want)
	}
	if len(stopped.Stack) != 2 {
		t.Errorf("the stack is %+v", stopped.Stack)
	}
	checkNoChild(t)
	checkEmpty(t, c.TempDir)
}

func TestSpawnCancelled(t *testing.T) {
	book := newLogbook()
	c := newConfig(t, "never ready", book)
	ctx, cancel := context.WithCancelCause(t.Context())
	book.onRecord(func(r record) {
		if r.Msg == "loading" {
			cancel(errTooSlow)
		}
	})
	quickly(t, "Spawn", func() {
		if _, err := Spawn(ctx, c); !errors.Is(err, errTooSlow) {
			t.Errorf("error is %v, want the cause of the context", err)
		}
	})
	checkNoChild(t)
	checkEmpty(t, c.TempDir)
}

// The context bounds the spawn, not the worker.
func TestContextEndsAfterSpawn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Spawn(ctx, newConfig(t, "echo", newLogbook()))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Shutdown(context.Background())
	cancel()
	echo(t, w, "1", "{}")
}

// A handler may have removed the folder of all temporary directories.
func TestSpawnWithoutTempDir(t *testing.T) {
	c := newConfig(t, "echo", newLogbook())
	c.TempDir += "/removed"
	w, err := Spawn(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Shutdown(context.Background())
	echo(t, w, "1", "{}")
}

func TestCannotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		spoil func(*Config)
		err   error
		text  string
	}{
		{"missing binary", func(c *Config) { c.Bin = "/nowhere/bin/R" }, fs.ErrNotExist, "/nowhere/bin/R"},
		{"binary not executable", func(c *Config) { c.Bin = file }, fs.ErrPermission, file},
		{"missing directory", func(c *Config) { c.Dir = "/nowhere" }, fs.ErrNotExist, `R cannot run in the folder "/nowhere"`},
		{"directory is a file", func(c *Config) { c.Dir = file }, unix.ENOTDIR, `R cannot run in the folder "` + file},
		{"TempDir is a file", func(c *Config) { c.TempDir = file }, unix.ENOTDIR, "temporary directory"},
		{"TempDir not writable", func(c *Config) { c.TempDir = "/proc/self" }, nil, "temporary directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConfig(t, "echo", newLogbook())
			temp := c.TempDir
			test.spoil(&c)
			fds := proc.OpenFDs()
			w, err := Spawn(t.Context(), c)
			if w != nil || err == nil {
				t.Fatalf("got %v, %v", w, err)
			}
			if test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %q, want %q in it", err, test.text)
			}
			checkEmpty(t, temp)
			if after := proc.OpenFDs(); !slices.Equal(after, fds) {
				t.Errorf("file descriptors: %q before, %q after", fds, after)
			}
		})
	}
}

// A working directory that was deleted can still be entered, but R cannot find its files there.
func TestDeletedDirectory(t *testing.T) {
	c := newConfig(t, "echo", newLogbook())
	c.Dir = "."
	gone := t.TempDir()
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	_, err := Spawn(t.Context(), c)
	if e := errorAs[*DirError](t, err); !errors.Is(e, fs.ErrNotExist) || e.ErrorType() != "Runtime.InvalidEntrypoint" {
		t.Errorf("got a %s: %v", e.ErrorType(), e)
	}
}

func TestNoProc(t *testing.T) {
	err := checkProc("/nowhere/self/fd")
	if e := errorAs[*NoProcError](t, err); !errors.Is(e, fs.ErrNotExist) || !strings.Contains(e.Error(), "mount /proc") {
		t.Errorf("got %v", e)
	}
}

func TestNewScript(t *testing.T) {
	loader, files := []byte("run()\n"), []byte("local({\n  1\n})\n")
	s, err := NewScript(loader, files)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 { // each R opens them again, and reads them from the beginning
		cmd := exec.Command("/bin/cat", scriptPath, "/proc/self/fd/6")
		cmd.ExtraFiles = []*os.File{nil, nil, s.loader, s.files}
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, slices.Concat(loader, files)) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if at, err := s.files.Seek(0, io.SeekCurrent); err != nil || at != int64(len(files)) {
		t.Errorf("the readers have moved our own offset: %d, %v", at, err)
	}
}

// checkEmpty fails unless a directory is empty.
func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%s has %v, %v; want nothing in it", dir, entries, err)
	}
}

// checkNoChild fails if this process has a child, alive or a zombie.
func checkNoChild(t *testing.T) {
	t.Helper()
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != syscall.ECHILD {
		t.Errorf("waitid: %v, want no child", err)
	}
}
