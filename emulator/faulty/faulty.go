// Package faulty breaks a Runtime API on purpose and reports each call of it. It is a
// middleware for tests; bootstrap does not contain it.
package faulty

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// The operations of the Runtime API.
const (
	OpNext         = "next"
	OpResponse     = "response"
	OpError        = "error"
	OpInitError    = "init/error"
	OpRegister     = "register"
	OpRestoreNext  = "restore/next"
	OpRestoreError = "restore/error"
)

// A Call is one call of the Runtime API.
type Call struct {
	Op        string // one of the constants above
	RequestID string // of the reported invocation; for OpNext, once it has ended, of the event
	ErrorType string // of an error report; at the end of a stream, from its trailers
	Ended     bool   // whether the call has ended or begins
	Status    int    // of the answer; 0 if there was none
}

// A Fault breaks a call. The zero Fault does nothing.
type Fault struct {
	Delay  time.Duration // wait before anything else
	Status int           // answer with this status
	Reset  bool          // close the connection without an answer
	Late   bool          // let the call take effect, then replace its answer

	// CutOff sends half of the answer's body and closes the connection. Stall sends the same
	// and waits until the runtime leaves.
	CutOff, Stall bool
}

// A Handler is Next with faults. It passes everything that is not an operation of the
// Runtime API to Next unchanged.
type Handler struct {
	Next http.Handler

	// Fault, if not nil, returns the fault of a call that begins. Observe, if not nil, is
	// called when a call begins and again when it has ended. Both are called concurrently.
	Fault   func(Call) Fault
	Observe func(Call)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, id := operation(r)
	if op == "" {
		h.Next.ServeHTTP(w, r)
		return
	}
	call := Call{Op: op, RequestID: id, ErrorType: r.Header.Get(runtimeapi.HeaderErrorType)}
	h.observe(call)
	recorded := &statusRecorder{ResponseWriter: w}
	defer func() { // deferred, because a reset is a panic
		call.Ended, call.Status = true, recorded.status
		call.ErrorType = cmp.Or(call.ErrorType, r.Trailer.Get(runtimeapi.HeaderErrorType))
		if op == OpNext {
			call.RequestID = w.Header().Get(runtimeapi.HeaderRequestID)
		}
		h.observe(call)
	}()
	var fault Fault
	if h.Fault != nil {
		fault = h.Fault(call)
	}
	if fault.Delay > 0 && !delay(r, fault.Delay) {
		return
	}
	if fault.CutOff || fault.Stall {
		h.sendHalf(recorded, r)
		if fault.Stall {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
	if fault.Status == 0 && !fault.Reset {
		h.Next.ServeHTTP(recorded, r)
		return
	}
	if fault.Late {
		h.Next.ServeHTTP(&discardedAnswer{httptest.NewRecorder(), w}, r)
	}
	if fault.Reset {
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	recorded.Header().Set("Content-Type", "application/json")
	recorded.WriteHeader(fault.Status)
	// A runtime that has left needs no answer.
	_, _ = io.WriteString(recorded, `{"errorType":"Faulty","errorMessage":"broken on purpose"}`+"\n")
}

// sendHalf lets the call take effect and sends its answer with half of the body.
func (h *Handler) sendHalf(w *statusRecorder, r *http.Request) {
	whole := &discardedAnswer{httptest.NewRecorder(), w}
	h.Next.ServeHTTP(whole, r)
	maps.Copy(w.Header(), whole.Header())
	body := whole.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(body[:len(body)/2])        // a runtime that has left needs no answer
	_ = http.NewResponseController(w).Flush() // likewise
}

func (h *Handler) observe(c Call) {
	if h.Observe != nil {
		h.Observe(c)
	}
}

// operation returns the operation that r calls and the invocation that it reports, or "".
func operation(r *http.Request) (op, requestID string) {
	switch r.Method + " " + r.URL.Path {
	case "GET " + runtimeapi.PathNext:
		return OpNext, ""
	case "POST " + runtimeapi.PathInitError:
		return OpInitError, ""
	case "POST " + runtimeapi.PathRegister:
		return OpRegister, ""
	case "GET " + runtimeapi.PathRestoreNext:
		return OpRestoreNext, ""
	case "POST " + runtimeapi.PathRestoreError:
		return OpRestoreError, ""
	}
	report, ok := strings.CutPrefix(r.URL.Path, runtimeapi.PathInvocation)
	if !ok || r.Method != http.MethodPost {
		return "", ""
	}
	if id, ok := strings.CutSuffix(report, "/response"); ok {
		return OpResponse, id
	}
	if id, ok := strings.CutSuffix(report, "/error"); ok {
		return OpError, id
	}
	return "", ""
}

// delay waits. It returns false if the runtime leaves meanwhile.
func delay(r *http.Request, d time.Duration) bool {
	// net/http detects that a caller has left only once the body is read. A streamed body
	// is not read here, because it may depend on its reader.
	if r.Header.Get(runtimeapi.HeaderResponseMode) != runtimeapi.ModeStreaming {
		body, _ := io.ReadAll(io.LimitReader(r.Body, runtimeapi.MaxResponse+2)) // Next finds the error
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// A discardedAnswer records an answer instead of sending it as it is. It shares w's connection.
type discardedAnswer struct {
	*httptest.ResponseRecorder
	w http.ResponseWriter
}

func (d *discardedAnswer) Unwrap() http.ResponseWriter { return d.w }

// A statusRecorder records the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}
