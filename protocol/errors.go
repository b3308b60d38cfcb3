package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotSent marks an invocation or a phase that failed before anything was sent to R, so another
// worker may run it.
var ErrNotSent = errors.New("not sent to R")

// A FrameTooLargeError reports a frame over the limit of its reader or writer.
type FrameTooLargeError struct {
	Size, Limit int64 // bytes
}

func (e *FrameTooLargeError) Error() string {
	return fmt.Sprintf("frame of %d bytes is over the limit of %d", e.Size, e.Limit)
}

// A ProtocolError reports that the other side broke the protocol. Nothing that follows on the
// same pipe can be trusted.
type ProtocolError struct {
	Reason string
	Err    error // the underlying error, or nil
}

func (e *ProtocolError) Error() string {
	if e.Err == nil {
		return "protocol violation: " + e.Reason
	}
	return fmt.Sprintf("protocol violation: %s: %v", e.Reason, e.Err)
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// A HandlerError is an error that R reported in a frame: a condition that the handler signalled,
// an event that could not be decoded, a handler that could not be loaded. The R process that
// reported it is sound.
type HandlerError struct {
	Type    string         `json:"type"` // an R class (simpleError) or a Runtime.… name
	Message string         `json:"message"`
	Call    string         `json:"call,omitempty"`    // what R prints after "Error in"
	Stack   []StackFrame   `json:"stack"`             // innermost call last, as R's traceback numbers them
	Parents []HandlerError `json:"parents,omitempty"` // its causes, the nearest first; none of them has parents
}

// A StackFrame is one call of an R stack trace.
type StackFrame struct {
	Call string `json:"call"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

func (f StackFrame) String() string {
	if f.File == "" {
		return f.Call
	}
	return fmt.Sprintf("%s (%s:%d)", f.Call, f.File, f.Line)
}

// InnermostLine returns the innermost call of a stack whose line is known. That is in the
// user's code, from which packages may have called each other many times. If no line is known,
// it returns the innermost call. The stack must not be empty.
func InnermostLine(stack []StackFrame) StackFrame {
	for _, f := range slices.Backward(stack) {
		if f.File != "" {
			return f
		}
	}
	return stack[len(stack)-1]
}

func (e *HandlerError) Error() string {
	return strings.TrimSpace(e.Type + ": " + e.Message)
}

// ErrorType is the errorType reported to Lambda.
func (e *HandlerError) ErrorType() string { return e.Type }

// A StoppedError reports an R that was interrupted while it loaded the handler or was in a phase.
type StoppedError struct {
	Err   error        // why it was interrupted
	Stack []StackFrame // where, outermost first
}

func (e *StoppedError) Error() string {
	if len(e.Stack) == 0 {
		return e.Err.Error()
	}
	return e.Err.Error() + "; it was in " + InnermostLine(e.Stack).String()
}

func (e *StoppedError) Unwrap() error { return e.Err }
