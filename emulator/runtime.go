package emulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxReport is the largest report that is read at all: enough to see that it is
// over the limit.
const maxReport = runtimeapi.MaxResponse + 1

func (e *Emulator) routeRuntimeAPI() {
	e.mux.HandleFunc("GET "+runtimeapi.PathNext, e.next)
	e.mux.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}/response", e.response)
	e.mux.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}/error", e.invocationError)
	e.mux.HandleFunc("POST "+runtimeapi.PathInitError, e.initFailure)
	e.mux.HandleFunc("POST "+runtimeapi.PathRegister, e.register)
	e.mux.HandleFunc("GET "+runtimeapi.PathExtensionNext, e.extensionNext)
}

func (e *Emulator) next(w http.ResponseWriter, r *http.Request) {
	if !e.awaitResume(r.Context().Done()) {
		return
	}
	if !e.noteReady() {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the init has failed")
		return
	}
	inv := e.take(r.Context().Done())
	if inv == nil {
		return // the runtime has gone
	}
	h := w.Header()
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set(runtimeapi.HeaderRequestID, inv.id)
	h.Set(runtimeapi.HeaderDeadlineMs, strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set(runtimeapi.HeaderFunctionARN, e.arn(inv.function))
	h.Set(runtimeapi.HeaderInvocationID, inv.handOut)
	set(runtimeapi.HeaderTenantID, inv.tenantID)
	set(runtimeapi.HeaderTraceID, inv.traceID)
	set(runtimeapi.HeaderClientContext, inv.clientContext)
	set("Content-Type", inv.contentType)
	h.Set("Content-Length", strconv.Itoa(len(inv.event)))
	_, _ = w.Write(inv.event) // a runtime that has gone misses its deadline
}

func (e *Emulator) response(w http.ResponseWriter, r *http.Request) {
	switch mode := r.Header.Get(runtimeapi.HeaderResponseMode); mode {
	case "": // not streamed; "buffered" is refused, as Lambda does
	case runtimeapi.ModeStreaming:
		defer drain(r)
		e.streamed(w, r)
		return
	default:
		defer drain(r)
		e.finish(r, failed("Runtime.InvalidResponseModeHeader", fmt.Sprintf("%s is %.100q", runtimeapi.HeaderResponseMode, mode)))
		cut(w, http.StatusBadRequest, "InvalidFunctionResponseMode", runtimeapi.HeaderResponseMode+" can only be "+runtimeapi.ModeStreaming)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || len(body) > runtimeapi.MaxResponse {
		e.finish(r, tooLarge(runtimeapi.MaxResponse))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the response could not be read")
		return
	}
	e.accept(w, r, answer{body: body, contentType: r.Header.Get("Content-Type")})
}

func (e *Emulator) invocationError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || len(body) > runtimeapi.MaxResponse {
		e.finish(r, failed("Function.ResponseSizeTooLarge", "the runtime's error report was too large"))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the error report is too large")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the error report could not be read")
		return
	}
	e.accept(w, r, answer{body: body, functionError: true})
}

// accept gives the caller its answer, or refuses a report for which nobody waits.
func (e *Emulator) accept(w http.ResponseWriter, r *http.Request, a answer) {
	if !e.finish(r, a) {
		refuse(w, e.refusal(r.PathValue("id")), "InvalidRequestID", "no invocation with this id waits for a report")
		return
	}
	accepted(w)
}

func (e *Emulator) initFailure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the init error could not be read")
		return
	}
	if !e.failInit(body) {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the init is over")
		return
	}
	accepted(w)
}

func (e *Emulator) arn(function string) string {
	return "arn:aws:lambda:us-east-1:012345678912:function:" + function
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n") // the runtime reads it or not
}

// refuse answers a call of the Runtime API with an error.
func refuse(w http.ResponseWriter, status int, errorType, message string) {
	body := append(errorBody(errorType, message), '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // likewise
}
