package worker

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/slowdeath"
)

func TestInterrupt(t *testing.T) {
	w, book := spawnFake(t, "interruptible")
	outcomes := invokeBeside(w, "1", "spin")
	book.waitFor(t, "spinning")
	w.Interrupt()
	o := outcomeSoon(t, outcomes)
	if e := errorAs[*protocol.HandlerError](t, o.err); e.Type != "Runtime.Interrupted" {
		t.Errorf("got %+v", e)
	}
	echo(t, w, "2", "{}")
}

// An R that ignores SIGINT while system() waits for a child reacts when the child is
// interrupted.
func TestInterruptGroup(t *testing.T) {
	w, book := spawnFake(t, "waits for a child")
	outcomes := invokeBeside(w, "1", "spin")
	book.waitFor(t, "waiting")
	w.Interrupt() // has no effect
	w.InterruptGroup()
	o := outcomeSoon(t, outcomes)
	if e := errorAs[*protocol.HandlerError](t, o.err); e.Message != "signal: interrupt" {
		t.Errorf("got %+v", e)
	}
	echo(t, w, "2", "{}")
}

func TestKillDuringInvocation(t *testing.T) {
	for name, event := range map[string]string{
		"small event":                 "{}",
		"6 MB event that is not read": strings.Repeat("x", 6<<20),
	} {
		t.Run(name, func(t *testing.T) {
			w, book := spawnFake(t, "hang")
			outcomes := invokeBeside(w, "1", event)
			book.waitFor(t, "hanging")
			if len(event) > 1<<20 {
				waitUntil(t, patience, "the request pipe is full", func() bool {
					events, err := poll(w.requests, unix.POLLOUT)
					return err == nil && events == 0
				})
			}
			w.Kill("the deadline passed")
			w.Kill("again") // the first reason counts
			e := errorAs[*ExitError](t, outcomeSoon(t, outcomes).err)
			if e.Killed != "the deadline passed" || e.Signal != syscall.SIGKILL {
				t.Errorf("got %+v", e)
			}
			waitDone(t, w)
			if exit := errorAs[*ExitError](t, w.Err()); exit.Killed != e.Killed || exit.Signal != e.Signal {
				t.Errorf("Err is %+v, want what Invoke returned, %+v", exit, e)
			}
		})
	}
}

func TestKillOfStoppedProcess(t *testing.T) {
	w, book := spawnFake(t, "interruptible")
	outcomes := invokeBeside(w, "1", "spin")
	book.waitFor(t, "spinning")
	if err := syscall.Kill(w.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.Interrupt() // has no effect on a stopped process
	w.Kill("the deadline passed")
	if e := errorAs[*ExitError](t, outcomeSoon(t, outcomes).err); e.Signal != syscall.SIGKILL {
		t.Errorf("got %+v", e)
	}
}

func TestStoppedProcessGoesOn(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	if err := syscall.Kill(w.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	outcomes := invokeBeside(w, "1", "{}")
	waitUntil(t, patience, "the event was sent", func() bool { return w.current.Load() != nil })
	if err := syscall.Kill(w.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if o := outcomeSoon(t, outcomes); o.err != nil || o.result != "{}" {
		t.Errorf("got %+v", o)
	}
}

// Invoke returns once the kill was sent. A large R lives on for a while, until the kernel has
// freed its memory.
func TestInvokeDoesNotWaitForDeath(t *testing.T) {
	book := newLogbook()
	c := newConfig(t, "hang", book)
	c.Env = append(c.Env, slowdeath.Allow)
	w := spawn(t, c)
	outcomes := invokeBeside(w, "1", "{}")
	book.waitFor(t, "hanging")
	release := slowdeath.Of(t, w.PID())
	w.Kill("the deadline passed")
	e := errorAs[*ExitError](t, outcomeSoon(t, outcomes).err)
	if e.Killed != "the deadline passed" || e.Signal != syscall.SIGKILL || e.PID != w.PID() || e.PeakRSS == 0 {
		t.Errorf("got %+v", e)
	}
	if w.PeakRSS() != e.PeakRSS {
		t.Errorf("PeakRSS is %d of a dying process, want %d", w.PeakRSS(), e.PeakRSS)
	}
	if err := w.Err(); err != nil {
		t.Fatalf("the process was reaped: %v", err)
	}
	_, err := invoke(w, "2", "{}")
	if errorAs[*ExitError](t, err); !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("another invocation: %v, want %v", err, protocol.ErrNotSent)
	}
	release()
	waitDone(t, w)
}
