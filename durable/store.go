package durable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A checkpoint has at most this many updates, and about as many bytes, as those of AWS's SDKs.
const (
	maxUpdates = 200
	maxBatch   = 750 << 10
)

// flush sends the buffer. What goes wrong is in stopped. The lock is held.
func (x *Execution) flush() {
	x.disarm()
	for len(x.buffer) > 0 && x.stopped == nil {
		n, size := 0, 0
		for n < len(x.buffer) && n < maxUpdates {
			if size += x.buffer[n].size(); n > 0 && size > maxBatch {
				break
			}
			n++
		}
		batch := x.buffer[:n:n]
		x.buffer = x.buffer[n:]
		x.store(batch)
	}
}

// store sends one checkpoint and takes the new state and token from its reply. The lock is held.
func (x *Execution) store(batch []Update) {
	if x.token == "" {
		x.stopped = errOver
		return
	}
	request := CheckpointRequest{CheckpointToken: x.token, ClientToken: random.Text(), Updates: batch}
	var reply CheckpointReply
	err := x.retry("checkpoint", func() (err error) {
		reply, err = x.client.checkpoint(x.ctx, x.arn, request)
		return err
	})
	if err != nil {
		x.stopped = err
		return
	}
	x.log.Debug("checkpoint stored", "updates", len(batch), "operations", len(reply.NewExecutionState.Operations))
	x.token = reply.CheckpointToken
	if x.token == "" && reply.NewExecutionState.NextMarker != "" {
		reply.NewExecutionState.NextMarker = ""
	}
	if err := x.merge(reply.NewExecutionState); err != nil {
		x.stopped = err
	}
}

// A failure ends the whole execution.
type failure struct {
	typ, text string
}

func final(typ, text string) error { return &failure{typ, text} }

func (f *failure) Error() string { return f.text }

// ErrorType is the type of the execution's error.
func (f *failure) ErrorType() string { return f.typ }

// A retryError makes Lambda retry the invocation.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() + "; Lambda invokes the function again" }
func (e *retryError) Unwrap() error { return e.err }

// ErrorType is the errorType reported to Lambda.
func (e *retryError) ErrorType() string { return runtimeapi.ErrorCheckpointFailed }

// retry makes a call until it succeeds, until its error is final, or until the deadline. It returns a
// *failure or a *retryError.
func (x *Execution) retry(name string, call func() error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.MaxElapsedTime = 50*time.Millisecond, 5*time.Second, 0
	var last error
	err := backoff.RetryNotify(func() error {
		err := call()
		if err == nil {
			return nil
		}
		if x.ctx.Err() == nil {
			last = err
		}
		if permanent(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(b, x.ctx), func(err error, pause time.Duration) {
		x.log.Warn("call of the durable execution failed, retrying", "call", name, "error", err, "in", pause)
	})
	if err == nil {
		return nil
	}
	if x.ctx.Err() != nil {
		if last == nil {
			last = err
		}
		return &retryError{fmt.Errorf("%w: %w", errDeadline, last)}
	}
	return classify(err)
}

// permanent reports whether the same call must not be made again.
func permanent(err error) bool {
	if api, ok := errors.AsType[*APIError](err); ok {
		return !api.Temporary()
	}
	return errors.Is(err, errNoCredentials) || errors.Is(err, context.Canceled)
}

// classify returns a *failure if a retry of the invocation would repeat the error, or else a
// *retryError.
func classify(err error) error {
	api, ok := errors.AsType[*APIError](err)
	if ok && !api.Temporary() && !api.StaleToken() || errors.Is(err, errNoCredentials) {
		return final(runtimeapi.ErrorCheckpointRefused, err.Error())
	}
	return &retryError{err}
}
