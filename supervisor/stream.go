package supervisor

import (
	"errors"
	"io"
	"sync"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A cutError is the reason why R may write no more to its stream.
type cutError string

func (e cutError) Error() string { return string(e) }

const (
	errDeadlineCuts = cutError("the invocation's deadline is near")
	errShutdownCuts = cutError("the runtime is shutting down")
)

// A streamed is the streamed result of an invocation, if R streams it. Before the first
// piece there is no stream, so a failure can be reported as usual.
type streamed struct {
	api RuntimeAPI
	inv *runtimeapi.Invocation

	failed error // of the last Write; owned by the goroutine of invoke

	mu     sync.Mutex
	stream runtimeapi.Stream // non-nil once it has begun; its end is inv's report
	reason error             // why it was cut, or nil
}

// open begins the stream. The worker calls it at the first piece.
func (o *streamed) open(head protocol.StreamHead) io.Writer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reason == nil {
		o.stream = o.api.RespondStream(o.inv, head.ContentType, (*runtimeapi.Prelude)(head.Prelude))
	}
	return o
}

// Write passes a piece on, and returns when the Runtime API has taken it.
func (o *streamed) Write(piece []byte) (n int, err error) {
	o.mu.Lock()
	stream, reason := o.stream, o.reason
	o.mu.Unlock()
	if stream == nil {
		o.failed = reason
		return 0, reason
	}
	n, o.failed = stream.Write(piece)
	return n, o.failed
}

// Cut makes Write fail with err from now on, even one that waits for a slow reader.
func (o *streamed) Cut(err cutError) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reason = err
	if o.stream != nil {
		o.stream.Cut(err)
	}
}

// incomplete returns why R was kept from writing all of its stream, or nil.
func (o *streamed) incomplete() error {
	if cut, ok := errors.AsType[cutError](o.failed); ok {
		return cut
	}
	return nil
}
