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

// maxStream is the maximum size of a stream in bytes (AWS documentation, "Response streaming
// for Lambda functions": 200 MB).
const maxStream = 200 << 20

// The reasons for which a stream is stopped.
var (
	errCallerLeft = errors.New("the caller has left")
	errTimedOut   = errors.New("the deadline has passed")
	errTooLarge   = errors.New("the response is too large")
)

// A stream is a response on its way from the runtime's POST to the caller. The pipe between
// them keeps nothing, so the runtime cannot send faster than the caller reads.
type stream struct {
	r   *io.PipeReader // the caller's end
	w   *io.PipeWriter // the runtime's end
	end answer         // how the stream ended; set before w is closed

	once    sync.Once
	stopped chan struct{} // closed by stop
	why     error         // set before stopped is closed
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

// leave stops a stream whose caller reads no more.
func (s *stream) leave(why error) {
	s.stop(why)
	_ = s.r.Close() // it never fails
}

// close ends the stream. The caller gets the answer after everything that was written.
func (s *stream) close(a answer) {
	s.end = a
	_ = s.w.Close() // it never fails
}

// copyUpTo copies a body. It returns errTooLarge if the body continues after limit bytes.
func copyUpTo(limit int64, to io.Writer, body io.Reader) error {
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

// receiveStream takes the streamed response of an invocation.
func (e *Emulator) receiveStream(w http.ResponseWriter, r *http.Request) {
	s := newStream()
	inv, status := e.beginStream(r, s)
	if inv == nil {
		refuseBody(w, status, "InvalidRequestID", "no invocation with this id waits for a report")
		return
	}
	to := io.Writer(s.w)
	if inv.asynchronous {
		to = io.Discard
	}
	received := make(chan struct{})
	var err error
	go func() { // waited for below; refuseBody sets the read deadline that ends it
		err = copyUpTo(inv.limit, to, r.Body)
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

// A stoppedError means that a stream was stopped from outside.
type stoppedError struct{ error }

// beginStream makes s the response of an invocation and sends it to the caller. If no
// invocation waits for it, beginStream returns the status with which the POST is refused.
func (e *Emulator) beginStream(r *http.Request, s *stream) (*invocation, int) {
	id := r.PathValue("id")
	e.mu.Lock()
	inv := e.running[id]
	if inv == nil || inv.stream != nil || !inv.echoed(r) {
		e.mu.Unlock()
		return nil, e.refusal(id)
	}
	inv.stream = s
	abandoned := inv.abandoned
	e.mu.Unlock()
	if inv.asynchronous {
		return inv, 0
	}
	inv.answer <- answer{stream: s, contentType: r.Header.Get("Content-Type")}
	if abandoned {
		s.leave(errCallerLeft)
	}
	return inv, 0
}

// endStream concludes an invocation whose stream has ended with err, and answers the runtime.
func (e *Emulator) endStream(w http.ResponseWriter, r *http.Request, inv *invocation, err error) {
	if !e.claim(inv, http.StatusForbidden) {
		refuseBody(w, http.StatusGone, "InvalidRequestID", errTimedOut.Error())
		return
	}
	_, stopped := errors.AsType[*stoppedError](err)
	switch {
	case err == nil:
		e.concludeStream(inv, trailerError(r.Trailer))
		writeAccepted(w)
	case stopped:
		e.logNote(inv, "stream ended early: "+err.Error())
		e.conclude(inv, answer{}) // the caller has left
		refuseBody(w, http.StatusGone, "InvalidRequestID", err.Error())
	case err == errTooLarge:
		e.concludeStream(inv, tooLarge(inv.limit))
		refuseBody(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
	default:
		e.concludeStream(inv, failed(runtimeapi.ErrorTruncatedResponse, "the runtime's connection broke before the end of the stream"))
		refuseBody(w, http.StatusBadRequest, runtimeapi.ErrorTruncatedResponse, "the response could not be read")
	}
}

// concludeStream logs the error of a stream, if it has one, and concludes the invocation.
func (e *Emulator) concludeStream(inv *invocation, a answer) {
	if a.functionError {
		oneLine := strings.Join(strings.Fields(string(a.body)), " ")
		e.logNote(inv, fmt.Sprintf("stream ended with %s: %.500s", a.errorType, oneLine))
	}
	e.conclude(inv, a)
}

// trailerError returns the final answer of a complete stream: the error in its trailers, or
// success.
func trailerError(trailer http.Header) answer {
	errorType, body := trailer.Get(runtimeapi.HeaderErrorType), trailer.Get(runtimeapi.HeaderErrorBody)
	if errorType == "" && body == "" {
		return answer{}
	}
	errorType = cmp.Or(errorType, runtimeapi.ErrorUnknown)
	text, err := base64.StdEncoding.DecodeString(body)
	if err != nil || len(text) == 0 {
		return failed(errorType, body)
	}
	return answer{body: text, functionError: true, errorType: errorType}
}

// lingering is how long the rest of a refused body is still read. A connection that is closed
// with unread data loses the answer.
const lingering = 500 * time.Millisecond

// refuseBody refuses a body before its end. The connection is closed after lingering, or
// earlier by the runtime.
func refuseBody(w http.ResponseWriter, status int, errorType, message string) {
	control := http.NewResponseController(w)
	// In tests w may not be a connection; then it has no deadline and needs no flush.
	_ = control.SetReadDeadline(time.Now().Add(lingering))
	w.Header().Set("Connection", "close")
	writeError(w, status, errorType, message)
	_ = control.Flush()
}

// discardBody reads the rest of a body, up to the deadline that refuseBody has set.
func discardBody(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the answer has been sent
}
