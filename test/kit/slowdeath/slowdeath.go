//go:build linux

// Package slowdeath delays the death of a process, for tests of what must not wait for it. A
// process with gigabytes of memory dies as slowly, but not for a known time.
//
// It uses ptrace(2): only its tracer sees a dead process that is traced. The tracer must not be
// the parent, so it is the test binary, executed again.
package slowdeath

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// variable is the environment variable that gives a test binary a role.
const variable = "SLOWDEATH"

// Allow, in the environment of a test binary, lets another process trace it, which Linux may
// forbid otherwise (Documentation/admin-guide/LSM/Yama.rst).
const Allow = variable + "=allow"

// Waiter returns a shell command that becomes a process which can be traced. It prints a line when
// it can, and then waits to be killed.
func Waiter() string { return fmt.Sprintf("%s=wait exec '%s'", variable, os.Args[0]) }

func init() {
	switch role := os.Getenv(variable); role {
	case "":
	case "allow":
		allow()
	case "wait":
		allow()
		fmt.Println("waiting")
		for {
			_ = unix.Pause() // returns after each signal that Go catches
		}
	default:
		trace(role)
		os.Exit(0)
	}
}

// allow allows any process to trace this one.
func allow() {
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // fails if there is no such restriction
}

// trace traces the process pid until standard input ends. It prints a line when it does.
func trace(pid string) {
	runtime.LockOSThread() // only this thread is the tracer
	n, err := strconv.Atoi(pid)
	if err == nil {
		err = unix.PtraceSeize(n)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("traced")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
}

// Of makes pid, a process that allows it, die slowly: once it is killed, it cannot be reaped until
// release is called or the test ends. Kill it soon, because any other signal stops it.
func Of(t *testing.T, pid int) (release func()) {
	t.Helper()
	tracer := exec.Command(os.Args[0])
	tracer.Env = append(os.Environ(), fmt.Sprint(variable, "=", pid))
	stdin, err := tracer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := tracer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		_ = stdin.Close() // nothing was written to it
		_ = tracer.Wait() // it has done its work
	})
	t.Cleanup(release)
	var line [64]byte
	n, _ := stdout.Read(line[:]) // an error leaves the line empty
	if got := string(line[:n]); got != "traced\n" {
		t.Fatalf("cannot trace process %d: %q", pid, got)
	}
	return release
}
