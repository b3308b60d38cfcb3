package supervisor

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A cutError says why R may write no more to its stream.
type cutError string

func (e cutError) Error() string { return string(e) }

const (
	errDeadlineCuts = cutError("the invocation's deadline is near")
	errShutdownCuts = cutError("the runtime is shutting down")
)

// A response is where the streamed result of an invocation goes, if R streams it. Until
// the first piece there is none, so that a failure can be reported as any other.
type response struct {
	api RuntimeAPI
	inv *runtimeapi.Invocation

	failed error // of the last Write; for the goroutine of invoke only

	mu     sync.Mutex
	stream runtimeapi.Stream // not nil: it has begun, and its end will be inv's report
	reason error             // why it was cut, or nil
}

// open is what a worker calls at the first piece.
func (r *response) open(head protocol.StreamHead) io.Writer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == nil {
		r.stream = r.api.RespondStream(r.inv, head.ContentType, (*runtimeapi.Prelude)(head.Prelude))
	}
	return r
}

// Write passes a piece on, and returns when the Runtime API has taken it.
func (r *response) Write(piece []byte) (n int, err error) {
	r.mu.Lock()
	stream, cut := r.stream, r.reason
	r.mu.Unlock()
	if stream == nil {
		r.failed = cut
		return 0, cut
	}
	n, r.failed = stream.Write(piece)
	return n, r.failed
}

// cut makes Write fail with err from now on, even one that waits for a slow reader.
func (r *response) cut(err cutError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = err
	if r.stream != nil {
		r.stream.Cut(err)
	}
}

// cutShort returns why R was kept from writing all of it, or nil.
func (r *response) cutShort() error {
	if cut, ok := errors.AsType[cutError](r.failed); ok {
		return cut
	}
	return nil
}

// endStream ends the stream that is the one report of inv: as a whole, or, with a report,
// as one that broke off. It is not sent again, and nothing else is. The error that it
// returns ends the supervisor.
func (s *slot) endStream(ctx context.Context, inv *runtimeapi.Invocation, stream runtimeapi.Stream, r *runtimeapi.ErrorReport) error {
	if r != nil {
		s.logError(inv, r)
	}
	ctx, cancel := reportTime(ctx, inv)
	defer cancel()
	start := time.Now()
	err := stream.Close(ctx, r)
	return s.reported(inv, "stream", start, err)
}
