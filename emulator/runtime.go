package emulator

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxReport is how much of a report is read, in bytes: one more than allowed, so that a
// report over the limit is recognized.
const maxReport = runtimeapi.MaxResponse + 1

func (e *Emulator) routeRuntimeAPI() {
	e.runtimeAPI.HandleFunc("GET "+runtimeapi.PathNext, e.handleNext)
	e.runtimeAPI.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}/response", e.handleResponse)
	e.runtimeAPI.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}/error", e.handleError)
	e.runtimeAPI.HandleFunc("POST "+runtimeapi.PathInitError, e.handleInitError)
	e.runtimeAPI.HandleFunc("POST "+runtimeapi.PathRegister, e.handleRegister)
	e.runtimeAPI.HandleFunc("GET "+runtimeapi.PathExtensionNext, e.handleExtensionNext)
	e.runtimeAPI.HandleFunc("/", e.handleUnknown)
}

// handleNext hands out an invocation as soon as there is one.
func (e *Emulator) handleNext(w http.ResponseWriter, r *http.Request) {
	if !e.waitUntil(r.Context(), func() bool { return e.gate == open || e.gate == held }) {
		return
	}
	env, ok := e.markReady(r)
	if !ok {
		writeError(w, http.StatusForbidden, "InvalidStateTransition", "the init has failed, or waits for the restore")
		return
	}
	inv := e.take(r.Context(), env)
	if inv == nil {
		return // the runtime has left
	}
	h := w.Header()
	maps.Copy(h, inv.header)
	h.Set(runtimeapi.HeaderRequestID, inv.id)
	h.Set(runtimeapi.HeaderDeadlineMs, strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set(runtimeapi.HeaderFunctionARN, FunctionARN(inv.function))
	h.Set(runtimeapi.HeaderInvocationID, inv.handOutID)
	h.Set(runtimeapi.HeaderTraceID, inv.traceID)
	h.Set("Content-Length", strconv.Itoa(len(inv.event)))
	_, _ = w.Write(inv.event) // a runtime that has left misses its deadline
	if !inv.asynchronous {
		inv.event = nil // the memory is needed no longer
	}
}

// FunctionARN returns the ARN of a function on this machine.
func FunctionARN(name string) string { return "arn:aws:lambda:us-east-1:012345678912:function:" + name }

// handleResponse takes the result of an invocation.
func (e *Emulator) handleResponse(w http.ResponseWriter, r *http.Request) {
	switch mode := r.Header.Get(runtimeapi.HeaderResponseMode); mode {
	case "": // in one piece
	case runtimeapi.ModeStreaming:
		defer discardBody(r)
		e.receiveStream(w, r)
		return
	default: // Lambda accepts no other value, not even "buffered"
		defer discardBody(r)
		e.report(r, failed(runtimeapi.ErrorInvalidResponseMode, fmt.Sprintf("%s is %.100q", runtimeapi.HeaderResponseMode, mode)))
		refuseBody(w, http.StatusBadRequest, "InvalidFunctionResponseMode",
			runtimeapi.HeaderResponseMode+" can only be "+runtimeapi.ModeStreaming)
		return
	}
	body, err := readReport(w, r)
	switch {
	case err == errTooLarge:
		e.report(r, tooLarge(runtimeapi.MaxResponse))
		writeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
	case err != nil:
		writeError(w, http.StatusBadRequest, "InvalidRequest", "the response could not be read")
	default:
		e.takeReport(w, r, answer{body: body, contentType: r.Header.Get("Content-Type")})
	}
}

// handleError takes the error of an invocation.
func (e *Emulator) handleError(w http.ResponseWriter, r *http.Request) {
	body, err := readReport(w, r)
	switch {
	case err == errTooLarge:
		e.report(r, failed(runtimeapi.ErrorResponseSizeTooLarge, "the runtime's error report was too large"))
		writeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the error report is too large")
	case err != nil:
		writeError(w, http.StatusBadRequest, "InvalidRequest", "the error report could not be read")
	default:
		e.takeReport(w, r, answer{body: body, functionError: true})
	}
}

// takeReport answers both the caller and the runtime, or refuses a report that no invocation
// waits for.
func (e *Emulator) takeReport(w http.ResponseWriter, r *http.Request, a answer) {
	if !e.report(r, a) {
		writeError(w, e.refusal(r.PathValue("id")), "InvalidRequestID", "no invocation with this id waits for a report")
		return
	}
	writeAccepted(w)
}

// handleInitError takes the error that ends the init.
func (e *Emulator) handleInitError(w http.ResponseWriter, r *http.Request) {
	e.takeFailure(w, r, initializing, "the init is over")
}

// takeFailure takes the error with which a runtime ends a phase, or refuses it in other phases.
func (e *Emulator) takeFailure(w http.ResponseWriter, r *http.Request, in phase, refusal string) {
	body, err := readReport(w, r)
	switch {
	case err == errTooLarge:
		writeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the error report is too large")
	case err != nil:
		writeError(w, http.StatusBadRequest, "InvalidRequest", "the error report could not be read")
	case !e.fail(r, in, body):
		writeError(w, http.StatusForbidden, "InvalidStateTransition", refusal)
	default:
		writeAccepted(w)
	}
}

// readReport reads the body of a report. It returns errTooLarge if the body exceeds the limit.
func readReport(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || len(body) > runtimeapi.MaxResponse {
		return nil, errTooLarge
	}
	return body, err
}

// writeAccepted answers a report that was accepted.
func writeAccepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n") // a runtime that has left needs no answer
}

// writeError answers a call of the Runtime API with an error.
func writeError(w http.ResponseWriter, status int, errorType, message string) {
	body := append(errorBody(errorType, message), '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a runtime that has left needs no answer
}
