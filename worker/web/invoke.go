package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"lambda-r-runtime/httpevent"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker"
)

// Invoke sends the event to the server as one HTTP request, and returns its response as the event's
// source expects it. An event that is not an HTTP request is sent as POST /events. For a response that is
// too large, or that comes in pieces, it calls open before the first piece and writes the body to what
// open returns.
//
// The errors are a *worker.ExitError if the process died, a *ClosedError or a *protocol.ProtocolError.
// One that is protocol.ErrNotSent means that the server received nothing.
func (w *Worker) Invoke(
	inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer,
) (protocol.Answer, error) {
	if e := w.Process().Ending(); e != nil {
		return protocol.Answer{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, &worker.ExitError{ExitError: *e})
	}
	defer w.Attribute(inv)()
	start := time.Now()
	answer, err := w.serve(inv, event, open)
	if answer.Failure == nil || answer.Failure.Type != runtimeapi.ErrorBadRequest {
		answer.RTime = time.Since(start)
	}
	return answer, err
}

// serve does the work of Invoke.
func (w *Worker) serve(
	inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer,
) (protocol.Answer, error) {
	e, err := httpevent.Parse(event)
	switch {
	case errors.Is(err, httpevent.ErrNotHTTP):
		return w.serveOther(inv, event)
	case err != nil:
		return protocol.Answer{Failure: &protocol.HandlerError{Type: runtimeapi.ErrorBadRequest, Message: err.Error()}}, nil
	}
	r, err := w.request(inv, e)
	if err != nil {
		return protocol.Answer{Failure: &protocol.HandlerError{Type: runtimeapi.ErrorBadRequest, Message: err.Error()}}, nil
	}
	if status, text := refuse(r); status != 0 {
		w.Log().Info("request refused", "status", status, "reason", text)
		return protocol.Answer{Payload: e.Result(status, http.Header{"Content-Type": {typeText}}, []byte(text))}, nil
	}
	w.Log().Debug("request sent", "method", e.Method, "path", e.Path, "bytes", len(e.Body))
	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return w.failed(err)
	}
	defer resp.Body.Close() // ends the connection, and an answer that nobody reads
	w.Log().Debug("response received", "status", resp.StatusCode, "bytes", resp.ContentLength)
	failure := w.failure(e.Method+" "+e.Path, resp.StatusCode)
	if failure != nil && failure.Type == runtimeapi.ErrorInterrupted {
		return protocol.Answer{Failure: failure}, nil
	}
	if e.Streams() && mustStream(r, resp, w.maxResult) {
		return w.stream(e, resp, nil, open)
	}
	body, err := w.read(resp)
	if err != nil {
		return w.failed(err)
	}
	result := e.Result(resp.StatusCode, resp.Header, body)
	if len(result) <= w.maxResult {
		return protocol.Answer{Payload: result, Failure: failure}, nil
	}
	if e.Streams() {
		return w.stream(e, resp, body, open)
	}
	size := max(int64(len(result)), resp.ContentLength)
	return protocol.Answer{TooLarge: &protocol.FrameTooLargeError{Size: size, Limit: int64(w.maxResult)}}, nil
}

// read reads the body, but not much more than a result may have.
func (w *Worker) read(resp *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if n := resp.ContentLength; n > 0 {
		body.Grow(int(min(n, int64(w.maxResult))) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(resp.Body, int64(w.maxResult)+1))
	return body.Bytes(), err
}

// mustStream reports whether a response is too large for a result, or of unknown length. Compressed
// responses of httpuv have no length, but end soon: they are buffered as far as possible.
func mustStream(r *http.Request, resp *http.Response, limit int) bool {
	if r.Method == http.MethodHead {
		return false
	}
	unknown := len(resp.TransferEncoding) > 0 && resp.Header.Get("Content-Encoding") == ""
	return unknown || resp.ContentLength > int64(limit)
}

// stream writes the response, of which begun was read, to the writer that open returns. A reader that has
// left ends the request.
func (w *Worker) stream(
	e *httpevent.Event, resp *http.Response, begun []byte, open func(protocol.StreamHead) io.Writer,
) (protocol.Answer, error) {
	out := open(protocol.StreamHead{Prelude: e.Prelude(resp.StatusCode, resp.Header)})
	w.Log().Debug("stream begun", "content_type", resp.Header.Get("Content-Type"))
	if resp.StatusCode >= http.StatusInternalServerError {
		w.Log().Error("the web server answered with an error", "method", e.Method, "path", e.Path, "status", resp.StatusCode)
	}
	body := io.MultiReader(bytes.NewReader(begun), resp.Body)
	piece := make([]byte, 64<<10)
	for {
		n, err := body.Read(piece)
		if n > 0 {
			if _, gone := out.Write(piece[:n]); gone != nil {
				w.Log().Info("the reader of a stream has left", "error", gone)
				return protocol.Answer{}, nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return protocol.Answer{}, nil
		case err != nil:
			return w.failed(err)
		}
	}
}

// serveOther sends an event that is not an HTTP request. Anything but a status of 2xx is a failure, so
// that Lambda tries again.
func (w *Worker) serveOther(inv protocol.Invoke, event []byte) (protocol.Answer, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	r, err := w.newRequest(inv, http.MethodPost, w.url("/events", ""), header, event)
	if err != nil {
		return protocol.Answer{}, err
	}
	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return w.failed(err)
	}
	defer resp.Body.Close() // ends the connection, and an answer that nobody reads
	body, err := w.read(resp)
	if err != nil {
		return w.failed(err)
	}
	if failure := w.failure("POST /events", resp.StatusCode); failure != nil && failure.Type == runtimeapi.ErrorInterrupted {
		return protocol.Answer{Failure: failure}, nil
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		const most = 500
		text := strings.ToValidUTF8(string(body[:min(len(body), most)]), "\uFFFD")
		message := fmt.Sprintf("the web server answered the event, POST /events, with status %d: %s", resp.StatusCode, text)
		if resp.StatusCode == http.StatusNotFound {
			message += "; add a route for POST /events, or remove the trigger that sends such events"
		}
		return protocol.Answer{Failure: &protocol.HandlerError{Type: errorType, Message: message}}, nil
	}
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		body = []byte("null")
	case !json.Valid(body):
		body, err = json.Marshal(strings.ToValidUTF8(string(body), "\uFFFD"))
		if err != nil {
			return protocol.Answer{}, err
		}
	}
	if len(body) > w.maxResult {
		return protocol.Answer{TooLarge: &protocol.FrameTooLargeError{Size: int64(len(body)), Limit: int64(w.maxResult)}}, nil
	}
	return protocol.Answer{Payload: body}, nil
}

// errorType is the error type of a response that is an error.
const errorType = "http_error"

// failure returns why a response is a failure, or nil. An invocation that was interrupted has failed if it
// was answered with an error.
func (w *Worker) failure(request string, status int) *protocol.HandlerError {
	switch {
	case status < http.StatusInternalServerError:
		return nil
	case w.interrupted.Load():
		return w.interruption()
	}
	return &protocol.HandlerError{Type: errorType, Message: fmt.Sprintf("the web server answered %.200q with status %d", request, status)}
}

// A ClosedError reports a server that closed the connection without an answer, and lives on.
type ClosedError struct{ Err error }

func (e *ClosedError) Error() string {
	return fmt.Sprintf("the web server closed the connection without a whole answer (%v); a child process of it may have died", e.Err)
}

func (e *ClosedError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *ClosedError) ErrorType() string { return runtimeapi.ErrorWorkerCrashed }

// afterEOF is how long a process may take to be seen dead after its connection has ended.
const afterEOF = 100 * time.Millisecond

// failed returns the answer to a request that ended with err.
func (w *Worker) failed(err error) (protocol.Answer, error) {
	grace := time.NewTimer(afterEOF)
	defer grace.Stop()
	select {
	case <-w.Process().Killed():
		return protocol.Answer{}, &worker.ExitError{ExitError: *w.Process().Ending()}
	case <-w.Done():
		exit := w.Process().Exit()
		if w.interrupted.Load() && exit.Killed == "" {
			return protocol.Answer{Failure: w.interruption()}, nil // the interrupt has ended it
		}
		if refused(err) {
			return protocol.Answer{}, fmt.Errorf("%w: %w", protocol.ErrNotSent, w.Err())
		}
		return protocol.Answer{}, w.Err()
	case <-grace.C:
	}
	switch {
	case refused(err):
		return protocol.Answer{}, fmt.Errorf("%w: the web server no longer listens: %w", protocol.ErrNotSent, err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, context.Canceled):
		return protocol.Answer{}, &ClosedError{err}
	}
	return protocol.Answer{}, &protocol.ProtocolError{Reason: "the web server's answer is not valid HTTP", Err: err}
}

// refused reports whether no connection was made.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
