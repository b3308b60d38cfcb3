package supervisor

import (
	"errors"
	"fmt"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// errRestored is why a worker is killed that was being started when the snapshot was taken.
var errRestored = errors.New("the environment was restored in the middle of its init")

// ErrRestoreTimeout is why a worker is stopped after the restore.
var ErrRestoreTimeout = fmt.Errorf("it was not done %s after the restore; Lambda allows 10s", RestoreLimit)

// A RestoreRefusedError reports that the Runtime API did not answer the wait for the restore, or
// refused it.
type RestoreRefusedError struct{ Err error }

func (e *RestoreRefusedError) Error() string {
	return fmt.Sprintf("the environment was not restored from a snapshot: %v", e.Err)
}

func (e *RestoreRefusedError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *RestoreRefusedError) ErrorType() string { return runtimeapi.ErrorBeforeSnapshot }

// A PhaseError reports a phase of SnapStart that failed: the error of priming or of a hook.
type PhaseError struct {
	Phase string // protocol.TypePrime, protocol.TypeSnapshot or protocol.TypeRestore
	Err   error
}

var phaseFailures = map[string]string{
	protocol.TypePrime:    "priming failed",
	protocol.TypeSnapshot: "an on_snapshot() hook failed",
	protocol.TypeRestore:  "an on_restore() hook failed",
}

func (e *PhaseError) Error() string { return fmt.Sprintf("%s: %v", phaseFailures[e.Phase], e.Err) }

func (e *PhaseError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *PhaseError) ErrorType() string {
	if e.Phase == protocol.TypeRestore {
		return runtimeapi.ErrorAfterRestore
	}
	return runtimeapi.ErrorBeforeSnapshot
}

// report returns the report to the Runtime API: with the type of the phase, and R's stack.
func (e *PhaseError) report() *runtimeapi.ErrorReport {
	report := &runtimeapi.ErrorReport{Type: e.ErrorType(), Message: e.Error()}
	if handler, ok := errors.AsType[*protocol.HandlerError](e.Err); ok {
		cause := HandlerReport(handler)
		report.Call, report.Stack, report.Causes = cause.Call, cause.Stack, cause.Causes
	}
	if stopped, ok := errors.AsType[*protocol.StoppedError](e.Err); ok {
		report.Stack = stackOf(stopped.Stack)
	}
	return report
}
