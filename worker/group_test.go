package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/test/kit/proc"
)

func init() {
	for role, session := range map[string]bool{"grandchild": false, "grandchild in a session": true} {
		// The event is the command of the grandchild, which gets a copy of every pipe.
		roles[role] = func(f *fake) {
			f.Start()
			_, event := f.Next()
			child := exec.Command("/bin/sh", "-c", string(event))
			child.Stdout, child.Stderr = os.Stdout, os.Stderr
			child.ExtraFiles = []*os.File{f.Input, f.Pipe}
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
			faker.Check(child.Start())
			faker.Check(os.WriteFile("pid", fmt.Appendln(nil, child.Process.Pid), 0o600))
			faker.Hang()
		}
	}
}

// A family is a worker that hangs in an invocation, which has started a grandchild.
type family struct {
	*Worker
	invocation <-chan outcome
	grandchild int // its pid
	log        *drain
}

func newFamily(t *testing.T, role, command string) family {
	t.Helper()
	c := newConfig(t, role, newLogbook())
	log := newDrain(t)
	c.Log = slog.New(slog.NewJSONHandler(log, nil)) // from info, so that there is output only
	w := spawn(t, c)
	f := family{Worker: w, invocation: invokeBeside(w, "1", command), log: log}
	waitUntil(t, patience, "the grandchild runs", func() bool {
		pid, err := os.ReadFile(filepath.Join(c.Dir, "pid"))
		if err != nil || !bytes.HasSuffix(pid, []byte("\n")) {
			return false
		}
		_, err = fmt.Sscan(string(pid), &f.grandchild)
		return err == nil
	})
	// Cleanups run in reverse order, so the worker can be shut down in any case.
	t.Cleanup(func() { _ = syscall.Kill(f.grandchild, syscall.SIGKILL) }) // it may be gone
	return f
}

func (f family) grandchildLives() bool { return proc.Alive(f.grandchild) }

// A child of R holds copies of all pipes. It dies with R, and does not hide R's death.
func TestGrandchildDiesWithItsGroup(t *testing.T) {
	for name, kill := range map[string]func(*Worker){
		"killed by bootstrap": func(w *Worker) { w.Kill("the deadline passed") },
		"killed by another":   func(w *Worker) { _ = syscall.Kill(w.PID(), syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFamily(t, "grandchild", "exec sleep 1000")
			if !f.grandchildLives() {
				t.Fatal("the grandchild is dead before the worker is")
			}
			kill(f.Worker)
			o := outcomeSoon(t, f.invocation)
			if e := errorAs[*ExitError](t, o.err); e.Signal != syscall.SIGKILL {
				t.Errorf("got %+v", e)
			}
			waitUntil(t, soon, "the grandchild is gone", func() bool { return !f.grandchildLives() })
		})
	}
}

// A child in another session survives the group. It delays nothing, even if it never stops
// writing, and is gone after Shutdown.
func TestGrandchildInSession(t *testing.T) {
	for name, command := range map[string]string{
		"silent":                         "exec sleep 1000",
		"flooding stdout":                "exec yes",
		"flooding stderr":                "exec yes >&2",
		"flooding stdout without a line": "exec tr '\\0' x < /dev/zero",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFamily(t, "grandchild in a session", command)
			if name != "silent" {
				waitUntil(t, patience, "the flood has come", func() bool { return f.log.records.Load() > 0 })
			}
			fill(t, f.requests) // the grandchild keeps even a full pipe from breaking
			if err := syscall.Kill(f.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed := time.Now()
			select {
			case o := <-f.invocation:
				if _, ok := errors.AsType[*ExitError](o.err); !ok {
					t.Errorf("error is %v, want an ExitError", o.err)
				}
				// A pipe full of short lines is logged, which the race detector makes slow.
				if took := time.Since(killed); took > 5*soon {
					t.Errorf("Invoke returned %v after the death", took)
				}
			case <-time.After(patience):
				t.Fatal("Invoke did not return")
			}
			closed := make(chan struct{})
			go func() { // ends with the grandchild, if not before
				defer close(closed)
				f.Shutdown(context.Background())
			}()
			select {
			case <-closed:
			case <-time.After(5 * soon):
				t.Errorf("Shutdown took more than %v", 5*soon)
				_ = syscall.Kill(f.grandchild, syscall.SIGKILL)
				<-closed
			}
			waitUntil(t, soon, "the grandchild is gone", func() bool { return !f.grandchildLives() })
		})
	}
}

// A drain writes log records as a real log does, with one system call each, and counts them.
type drain struct {
	*os.File
	records atomic.Int64
}

func newDrain(t *testing.T) *drain {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return &drain{File: null}
}

func (d *drain) Write(record []byte) (int, error) {
	d.records.Add(1)
	return d.File.Write(record)
}
