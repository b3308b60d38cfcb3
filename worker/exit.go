package worker

import (
	"fmt"
	"strings"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker/process"
)

// An ExitError reports how an R process ended.
type ExitError struct {
	process.ExitError
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("the R process (pid %d) %s", e.PID, e.Reason())
	if e.Killed == "" && e.Signal == 0 && e.Code == 0 {
		text += ", as quit() does"
	}
	if len(e.StderrTail) > 0 {
		text += "; last on stderr:\n" + strings.Join(e.StderrTail, "\n")
	}
	return text
}

func (e *ExitError) Unwrap() error { return &e.ExitError }

// ErrorType is the errorType reported to Lambda.
func (e *ExitError) ErrorType() string {
	if e.OutOfMemory {
		return runtimeapi.ErrorOutOfMemory
	}
	return runtimeapi.ErrorWorkerCrashed
}
