package emulator

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// The operations of the Runtime API.
const (
	OpNext      = "next"
	OpResponse  = "response"
	OpError     = "error"
	OpInitError = "init/error"
	OpRegister  = "register"
)

// A Call is one call of the Runtime API, as the emulator saw it.
type Call struct {
	Op        string
	RequestID string // of the report; of OpNext: of the event that was handed out, or ""
	ErrorType string // the error type of the error reports, and in the trailers of a stream that has ended
	Ended     bool   // the call has ended; otherwise it begins
	Status    int    // what was answered; 0 before, and when the connection was broken
}

// A Fault spoils a call. Its zero value does nothing.
type Fault struct {
	Delay  time.Duration // wait before anything else
	Status int           // answer with this status
	Reset  bool          // break the connection
	Late   bool          // let the call have its effect first, and spoil only the answer
}

// operation makes the handler of an operation: it asks Config.Fault, and tells
// Config.Observe when the call begins and when it has ended.
func (e *Emulator) operation(op string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		call := Call{Op: op, RequestID: r.PathValue("id"), ErrorType: r.Header.Get(runtimeapi.HeaderErrorType)}
		observe := func() {
			if e.config.Observe != nil {
				e.config.Observe(call)
			}
		}
		observe()
		noted := &statusWriter{ResponseWriter: w}
		// Deferred: it is told of a call that ends in a panic, too.
		defer func() {
			call.Ended, call.Status = true, noted.status
			call.ErrorType = cmp.Or(call.ErrorType, r.Trailer.Get(runtimeapi.HeaderErrorType))
			if op == OpNext {
				call.RequestID = w.Header().Get(runtimeapi.HeaderRequestID)
			}
			observe()
		}()
		var fault Fault
		if e.config.Fault != nil {
			fault = e.config.Fault(call)
		}
		if fault.Delay > 0 {
			// net/http sees that a caller has gone only once its body is read. One that is
			// streamed may wait for its reader.
			if !isStream(r) {
				body, _ := io.ReadAll(io.LimitReader(r.Body, maxReport+1)) // a broken one is serve's to find
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			select {
			case <-time.After(fault.Delay):
			case <-r.Context().Done():
				return
			}
		}
		if fault.Status == 0 && !fault.Reset {
			serve(noted, r)
			return
		}
		if fault.Late {
			serve(&hiddenWriter{httptest.NewRecorder(), w}, r)
		}
		if fault.Reset {
			panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
		}
		refuse(noted, fault.Status, "Faulty", "this answer was spoiled on purpose")
	}
}

// hiddenWriter takes an answer that is not sent. The connection is that of w.
type hiddenWriter struct {
	*httptest.ResponseRecorder
	w http.ResponseWriter
}

func (h *hiddenWriter) Unwrap() http.ResponseWriter { return h.w }

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}
