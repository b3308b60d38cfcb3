package worker

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ExitError reports that an R process ended.
type ExitError struct {
	PID        int
	Code       int            // exit status, when Signal is 0
	Signal     syscall.Signal // what killed it, or 0
	Killed     string         // why bootstrap killed it, or ""
	StderrTail []string       // its last lines on standard error

	OutOfMemory bool  // there is evidence that it was killed for want of memory
	PeakRSS     int64 // the most resident memory it had, in bytes
	MemoryLimit int64 // what limited it, in bytes; 0: not known
}

func (e *ExitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the R process (pid %d) ", e.PID)
	switch {
	case e.Killed != "":
		fmt.Fprintf(&b, "was killed: %s", e.Killed)
	case e.OutOfMemory:
		fmt.Fprintf(&b, "was killed for want of memory: it used %d MB", e.PeakRSS>>20)
		if e.MemoryLimit > 0 {
			fmt.Fprintf(&b, " of %d MB", e.MemoryLimit>>20)
		}
	case e.Signal != 0:
		fmt.Fprintf(&b, "was killed by %s (%s)", unix.SignalName(e.Signal), e.Signal)
	case e.Code == 0:
		b.WriteString("exited with status 0, as quit() does")
	default:
		fmt.Fprintf(&b, "exited with status %d", e.Code)
	}
	if len(e.StderrTail) > 0 {
		b.WriteString("; last on stderr:\n")
		b.WriteString(strings.Join(e.StderrTail, "\n"))
	}
	return b.String()
}

// ErrorType is the name under which the Runtime API hears of it.
func (e *ExitError) ErrorType() string {
	if e.OutOfMemory {
		return "Runtime.OutOfMemory"
	}
	return "Runtime.WorkerCrashed"
}

func newExitError(state *os.ProcessState) *ExitError {
	e := &ExitError{PID: state.Pid()}
	// On Linux Sys is always a WaitStatus.
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		e.Signal = status.Signal()
	} else {
		e.Code = status.ExitStatus()
	}
	return e
}
