package emulator

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A Call is an invocation as its caller made it.
type Call struct {
	ID      string
	Event   []byte // must not be changed
	Time    time.Time
	Timeout time.Duration
}

// A Result is what the caller of an invocation gets.
type Result struct {
	ContentType   string // as the runtime set it; "" if it set none
	Body          []byte // must not be changed; nil if the caller got it as a stream
	Streamed      bool
	FunctionError bool // Body describes an error of the function
}

// An Observer is notified of each invocation, concurrently, and must not wait. Called comes first.
// Ended follows, once, also for an invocation that was refused or whose caller left it in the queue:
// then ok is false.
type Observer interface {
	Called(Call)
	Ended(id string, r Result, ok bool)
}

// ErrTooMany is the error of an invocation beyond Config.Limit.
var ErrTooMany = errors.New("too many invocations wait or run")

// Invoke invokes the function without HTTP, and returns its request id and its answer. A timeout
// other than 0 replaces Config.Timeout. If ctx ends first, an invocation that runs continues.
func (e *Emulator) Invoke(ctx context.Context, event []byte, timeout time.Duration) (id string, r Result, err error) {
	return e.InvokeAs(ctx, defaultFunction, event, timeout)
}

// InvokeAs is Invoke with another name of the function.
func (e *Emulator) InvokeAs(
	ctx context.Context, function string, event []byte, timeout time.Duration,
) (id string, r Result, err error) {
	inv := newInvocation(function, "")
	inv.event, inv.timeout = event, timeout
	if !e.submit(inv) {
		return inv.id, Result{}, ErrTooMany
	}
	a, ok := e.awaitAnswer(ctx, inv)
	if !ok {
		return inv.id, Result{}, ctx.Err()
	}
	streamed := a.stream != nil
	if a, ok = collect((&http.Request{}).WithContext(ctx), a); !ok {
		return inv.id, Result{}, ctx.Err()
	}
	r = a.result()
	r.Streamed = streamed
	return inv.id, r, nil
}

// result returns what the observer and the caller of Invoke get.
func (a answer) result() Result {
	return Result{ContentType: a.contentType, Body: a.body, FunctionError: a.functionError}
}

// answered notifies the observer of the answer of an invocation, which may have been streamed.
func (e *Emulator) answered(inv *invocation, a answer) {
	r := a.result()
	r.Streamed = inv.stream != nil
	e.ended(inv, r, true)
}

// called notifies the observer of a new invocation.
func (e *Emulator) called(inv *invocation) {
	if e.config.Observer != nil {
		e.config.Observer.Called(Call{ID: inv.id, Event: inv.event, Time: time.Now(), Timeout: inv.timeout})
	}
}

// ended notifies the observer of the end of an invocation.
func (e *Emulator) ended(inv *invocation, r Result, ok bool) {
	if e.config.Observer != nil {
		e.config.Observer.Ended(inv.id, r, ok)
	}
}

// SplitPrelude splits the body of a stream of this content type into the JSON of its prelude and the
// body of the HTTP response. It returns false for other streams.
func SplitPrelude(contentType string, body []byte) (prelude, rest []byte, ok bool) {
	if contentType != runtimeapi.ContentTypeHTTP {
		return nil, body, false
	}
	return bytes.Cut(body, []byte(runtimeapi.PreludeEnd))
}
