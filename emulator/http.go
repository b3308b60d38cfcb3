package emulator

import (
	"errors"
	"net/http"
	"time"

	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// handleHTTP invokes the function with an HTTP request as its event. Callers get no details
// of a failure; they are in the log.
func (e *Emulator) handleHTTP(w http.ResponseWriter, r *http.Request) {
	format := e.config.HTTP
	body, status := e.readEvent(w, r)
	switch status {
	case 0:
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		refuseUnread(w, r, func() { format.Refuse(w, status) })
		return
	default:
		format.Refuse(w, status)
		return
	}
	inv := newInvocation(defaultFunction, r.Header.Get(front.HeaderTraceID))
	inv.event = format.Event(front.Request{HTTP: r, Body: body, ID: inv.id, TraceID: inv.traceID, Time: time.Now()})
	if len(inv.event) > maxEvent { // base64 is longer than the body
		format.Refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	if e.config.Execute != nil {
		if result, ok := e.config.Execute(r.Context(), inv.event); ok {
			e.respondHTTP(w, inv, result.FunctionError, result.Body)
			return
		}
	}
	if format.Streams() {
		inv.limit = maxStream
	}
	if !e.submit(inv) {
		format.Refuse(w, http.StatusTooManyRequests)
		return
	}
	a, ok := e.awaitAnswer(r.Context(), inv)
	if !ok {
		return
	}
	w.Header().Set("X-Amzn-Requestid", inv.id)
	if a.stream != nil && format.Streams() {
		e.relayHTTP(w, r, inv, a)
		return
	}
	if a, ok = collect(r, a); !ok {
		return
	}
	if !a.functionError && a.contentType == runtimeapi.ContentTypeHTTP && !format.Streams() {
		e.refuseResult(w, inv, errors.New("it is a stream with a prelude, which a load balancer does not support"))
		return
	}
	e.respondHTTP(w, inv, a.functionError, a.body)
}

// respondHTTP sends the caller the HTTP response that a result stands for.
func (e *Emulator) respondHTTP(w http.ResponseWriter, inv *invocation, functionError bool, result []byte) {
	if functionError {
		e.config.HTTP.Refuse(w, http.StatusBadGateway)
	} else if err := e.config.HTTP.Respond(w, result); err != nil {
		e.refuseResult(w, inv, err)
	}
}

// refuseResult answers the caller of a function whose result is not an HTTP response.
func (e *Emulator) refuseResult(w http.ResponseWriter, inv *invocation, why error) {
	e.logNote(inv, "the result is not an HTTP response: "+why.Error())
	e.config.HTTP.Refuse(w, http.StatusBadGateway)
}
