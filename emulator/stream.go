package emulator

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxStream is the most that a stream may have, in bytes: the 200 MB of AWS's
// documentation, "Response streaming for Lambda functions".
const maxStream = 200 << 20

// Why a stream goes no further.
var (
	errCallerGone = errors.New("the caller has gone")
	errTimedOut   = errors.New("the deadline has passed")
	errTooLarge   = errors.New("the response is too large")
)

// A stream is a response on its way from the runtime's POST to the caller. Between
// them is a pipe, which keeps nothing: the runtime sends as fast as the caller reads.
type stream struct {
	r   *io.PipeReader // the caller's end
	w   *io.PipeWriter // the runtime's end
	end answer         // what it came to; set before w is closed

	once    sync.Once
	stopped chan struct{} // closed when the runtime is to send no more
	why     error         // set before
}

func newStream() *stream {
	s := &stream{stopped: make(chan struct{})}
	s.r, s.w = io.Pipe()
	return s
}

// stop makes the runtime's POST fail, if it has not ended.
func (s *stream) stop(why error) {
	s.once.Do(func() {
		s.why = why
		close(s.stopped)
	})
}

// leave is for a caller that reads no more.
func (s *stream) leave(why error) {
	s.stop(why)
	_ = s.r.Close() // it cannot fail
}

// finish tells the caller what the stream came to, after all that it has read.
func (s *stream) finish(a answer) {
	s.end = a
	_ = s.w.Close() // likewise
}

// receive passes the runtime's body on, until it or the pipe ends. A body that goes on
// after limit bytes is errTooLarge.
func receive(body io.Reader, to io.Writer, limit int64) error {
	if _, err := io.Copy(to, io.LimitReader(body, limit)); err != nil {
		return err
	}
	var more [1]byte
	switch _, err := io.ReadFull(body, more[:]); err {
	case nil:
		return errTooLarge
	case io.EOF:
		return nil
	default:
		return err
	}
}

// streamed is the operation of a response that is streamed.
func (e *Emulator) streamed(w http.ResponseWriter, r *http.Request) {
	s := newStream()
	inv, status := e.beginStream(r, s)
	if inv == nil {
		cut(w, status, "InvalidRequestID", "no invocation with this id waits for a report")
		return
	}
	to := io.Writer(s.w)
	if inv.unattended {
		to = io.Discard
	}
	received := make(chan struct{})
	var err error
	go func() { // waited for below; what cut does bounds how long
		err = receive(r.Body, to, inv.limit)
		close(received)
	}()
	select {
	case <-received:
		e.endStream(w, r, inv, err)
	case <-s.stopped:
		e.endStream(w, r, inv, &stoppedError{s.why})
	}
	<-received
}

// A stoppedError says why a stream was stopped.
type stoppedError struct{ error }

// endStream concludes an invocation whose stream has ended with err, and answers the runtime.
func (e *Emulator) endStream(w http.ResponseWriter, r *http.Request, inv *invocation, err error) {
	if !e.end(inv, http.StatusForbidden) {
		cut(w, http.StatusGone, "InvalidRequestID", errTimedOut.Error())
		return
	}
	_, stopped := errors.AsType[*stoppedError](err)
	switch {
	case err == nil:
		e.concludeStream(inv, trailerError(r.Trailer))
		accepted(w)
	case stopped:
		e.logNote(inv, "The stream ended early: "+err.Error())
		e.conclude(inv, answer{}) // which nobody reads
		cut(w, http.StatusGone, "InvalidRequestID", err.Error())
	case err == errTooLarge:
		e.concludeStream(inv, tooLarge(inv.limit))
		cut(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
	default:
		e.concludeStream(inv, failed("Runtime.TruncatedResponse", "the runtime's connection broke before the end of the stream"))
		cut(w, http.StatusBadRequest, "Runtime.TruncatedResponse", "the response could not be read")
	}
}

// beginStream makes s the response of an invocation, and its caller's answer. Without
// an invocation it returns the status with which the POST is refused.
func (e *Emulator) beginStream(r *http.Request, s *stream) (*invocation, int) {
	id := r.PathValue("id")
	e.mu.Lock()
	inv := e.running[id]
	if inv == nil || inv.stream != nil || !inv.echoed(r) {
		e.mu.Unlock()
		return nil, e.refusal(id)
	}
	inv.stream = s
	gone := inv.gone
	e.mu.Unlock()
	inv.answer <- answer{stream: s, contentType: r.Header.Get("Content-Type")}
	if gone {
		s.leave(errCallerGone)
	}
	return inv, 0
}

// concludeStream concludes a stream that its caller has read, and logs the error in it.
func (e *Emulator) concludeStream(inv *invocation, a answer) {
	if a.functionError {
		oneLine := strings.Join(strings.Fields(string(a.body)), " ")
		e.logNote(inv, fmt.Sprintf("The stream ended with %s: %.500s", a.errorType, oneLine))
	}
	e.conclude(inv, a)
}

// trailerError is what a whole stream comes to: the error in its trailers, or success.
func trailerError(trailer http.Header) answer {
	errorType, body := trailer.Get(runtimeapi.HeaderErrorType), trailer.Get(runtimeapi.HeaderErrorBody)
	if errorType == "" && body == "" {
		return answer{}
	}
	errorType = cmp.Or(errorType, "Runtime.Unknown")
	text, err := base64.StdEncoding.DecodeString(body)
	if err != nil || len(text) == 0 {
		return failed(errorType, body)
	}
	return answer{body: text, functionError: true, errorType: errorType}
}

// lingering is how long the body of a POST that was cut is still read, and dropped: a
// connection that is closed with something unread in it loses the answer.
const lingering = 500 * time.Millisecond

// cut refuses a body before its end. The connection is closed after lingering, or when
// the runtime closes it.
func cut(w http.ResponseWriter, status int, errorType, message string) {
	// What is no connection has no deadline, and nothing to flush.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(lingering))
	w.Header().Set("Connection", "close")
	refuse(w, status, errorType, message)
	_ = control.Flush()
}

// drain drops what is left of a body.
func drain(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // cut has given it a deadline
}
