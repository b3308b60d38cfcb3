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
}

func (e *ExitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the R process (pid %d) ", e.PID)
	switch {
	case e.Killed != "":
		fmt.Fprintf(&b, "was killed: %s", e.Killed)
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
func (e *ExitError) ErrorType() string { return "Runtime.WorkerCrashed" }

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
