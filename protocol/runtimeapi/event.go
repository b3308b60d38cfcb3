package runtimeapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// maxEvent is the size of the largest event, in bytes. Those of Lambda have at most 6 MB.
	maxEvent = 64 << 20

	// maxEventPause is how long the next piece of an event may take, and maxEventTime how
	// long a whole event may take if its invocation has no deadline.
	maxEventPause = 10 * time.Second
	maxEventTime  = 30 * time.Second

	// eventReserve is how long before the deadline the wait for an event ends, so that there
	// is time to report that. It is at most half of the time that is left.
	eventReserve = 250 * time.Millisecond
)

// An EventError reports an invocation whose event did not arrive whole. The invocation was taken,
// so it must be reported.
type EventError struct {
	Invocation *Invocation // without its event
	Got        int         // bytes that arrived
	Want       int64       // bytes, or -1 if unknown
	Err        error
}

func (e *EventError) Error() string {
	want := ""
	if e.Want >= 0 {
		want = fmt.Sprintf(" of %d", e.Want)
	}
	return fmt.Sprintf("the event was cut off after %d%s bytes: %v", e.Got, want, e.Err)
}

func (e *EventError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *EventError) ErrorType() string { return ErrorEvent }

var (
	errEventStalls   = errors.New("the rest did not arrive in time")
	errEventTooLarge = fmt.Errorf("an event may have at most %d bytes", maxEvent)
)

// readEvent reads the event of inv from resp. The error is an *EventError.
func readEvent(resp *http.Response, inv *Invocation) error {
	body := &eventBody{ReadCloser: resp.Body, end: time.Now().Add(eventTime(inv.Deadline))}
	body.timer = time.AfterFunc(body.pause(), func() {
		body.stalled.Store(true)
		_ = resp.Body.Close() // ends the Read that waits
	})
	defer body.timer.Stop()
	event, err := readBody(body, resp.ContentLength)
	if body.stalled.Load() && err != nil {
		err = errEventStalls
	}
	if err != nil {
		return &EventError{Invocation: inv, Got: len(event), Want: resp.ContentLength, Err: err}
	}
	inv.Event = event
	return nil
}

// eventTime returns how long the event of an invocation with that deadline may take.
func eventTime(deadline time.Time) time.Duration {
	left := time.Until(deadline)
	switch {
	case deadline.IsZero():
		return maxEventTime
	case left <= 0:
		return time.Second // it is late in any case
	}
	return left - min(eventReserve, left/2)
}

// An eventBody is the body of an event. Its timer fires when the body pauses for too long.
type eventBody struct {
	io.ReadCloser
	end     time.Time // when the event must be there
	timer   *time.Timer
	stalled atomic.Bool
}

// pause returns how long the next piece may take.
func (b *eventBody) pause() time.Duration { return min(maxEventPause, time.Until(b.end)) }

func (b *eventBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.pause())
	}
	return n, err
}

// readBody reads size bytes, with one allocation, or everything if size is -1. With an error, it
// returns the bytes before it.
func readBody(body io.Reader, size int64) ([]byte, error) {
	if size > maxEvent {
		return nil, errEventTooLarge
	}
	if size >= 0 {
		event := make([]byte, size)
		n, err := io.ReadFull(body, event)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return event[:n], err
	}
	event, err := io.ReadAll(io.LimitReader(body, maxEvent+1))
	if err == nil && len(event) > maxEvent {
		err = errEventTooLarge
	}
	return event, err
}
