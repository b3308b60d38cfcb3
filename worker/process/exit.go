//go:build linux

package process

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ExitError reports how a process ended. To a supervisor every end is an error, status 0
// included.
type ExitError struct {
	PID        int
	Code       int            // exit status if Signal is 0; -1 if another wait has taken it
	Signal     syscall.Signal // the signal that killed it, or 0
	Killed     string         // the reason given to Kill, or ""
	StderrTail []string       // the last lines on standard error, see Options.CrashPrefix

	OutOfMemory bool  // there is evidence that the kernel killed it because memory ran out
	PeakRSS     int64 // the most resident memory it had, in bytes
	MemoryLimit int64 // if OutOfMemory, the limit in bytes; 0 if unknown
}

// Error returns the reason and the last lines on standard error.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("process %d %s", e.PID, e.Reason())
	if len(e.StderrTail) > 0 {
		text += "; last on stderr:\n" + strings.Join(e.StderrTail, "\n")
	}
	return text
}

// Reason returns why the process ended, as a predicate: "exited with status 3".
func (e *ExitError) Reason() string {
	switch {
	case e.Killed != "":
		return "was killed: " + e.Killed
	case e.OutOfMemory && e.MemoryLimit > 0:
		return fmt.Sprintf("ran out of memory: it used %d MB of %d MB", e.PeakRSS>>20, e.MemoryLimit>>20)
	case e.OutOfMemory:
		return fmt.Sprintf("ran out of memory: it used %d MB", e.PeakRSS>>20)
	case e.Signal != 0:
		return fmt.Sprintf("was killed by %s (%s)", unix.SignalName(e.Signal), e.Signal)
	case e.Code < 0:
		return "ended, and its exit status is lost"
	default:
		return fmt.Sprintf("exited with status %d", e.Code)
	}
}

// newExitError returns the error of a process that ended in state, which is nil if unknown.
func newExitError(pid int, state *os.ProcessState) *ExitError {
	e := &ExitError{PID: pid, Code: -1}
	if state == nil {
		return e
	}
	// On Linux Sys and SysUsage always have these types.
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		e.Code, e.Signal = 0, status.Signal()
	} else {
		e.Code = status.ExitStatus()
	}
	e.PeakRSS = state.SysUsage().(*syscall.Rusage).Maxrss << 10 // in KiB: getrusage(2)
	return e
}
