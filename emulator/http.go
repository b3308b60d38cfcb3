package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// An HTTPFormat says what AWS has in front of the function, and so what the function
// gets for an HTTP request.
type HTTPFormat string

const (
	FunctionURL  HTTPFormat = "url"  // payload format 2.0, of function URLs and HTTP APIs
	RESTAPI      HTTPFormat = "rest" // payload format 1.0, of API Gateway's REST APIs
	LoadBalancer HTTPFormat = "alb"  // an Application Load Balancer
)

// Valid reports whether f is one of the above.
func (f HTTPFormat) Valid() bool { return fronts[f] != nil }

// A front turns HTTP requests into events, and results into HTTP responses.
type front struct {
	event    func(*httpRequest) map[string]any
	response func(result []byte) (*httpResponse, error)
	// refuse is how the caller hears what AWS itself has to say.
	refuse func(w http.ResponseWriter, status int, text string)
	// streams is whether a response that is streamed reaches the caller as one. A load
	// balancer waits for all of it, as Invoke does, and takes no prelude.
	streams bool
}

var fronts = map[HTTPFormat]*front{
	FunctionURL:  {urlEvent, urlResponse, refuseInText, true},
	RESTAPI:      {restEvent, restResponse, refuseInJSON, true},
	LoadBalancer: {albEvent, albResponse, refuseInText, false},
}

// ownPath reports whether a path is the emulator's own, and not the function's.
func ownPath(path string) bool {
	for _, prefix := range []string{"/2015-03-31/functions/", "/2021-11-15/functions/", "/2018-06-01/runtime/", "/2020-01-01/extension/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// invokeByHTTP runs the function with an HTTP request as its event. What is wrong
// with the function's answer is in the log, and not told to the caller.
func (e *Emulator) invokeByHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readEvent(w, r)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		e.front.refuse(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	if err != nil {
		e.front.refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	in := newHTTPRequest(r, body, time.Now())
	event := encodeEvent(e.front.event(in))
	if len(event) > maxEvent { // base64 has made it grow
		e.front.refuse(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	inv := &invocation{
		id:          in.id,
		function:    e.config.Function,
		event:       event,
		contentType: "application/json",
		traceID:     in.traceID,
		limit:       runtimeapi.MaxResponse,
	}
	if e.front.streams {
		inv.limit = maxStream
	}
	if !e.submit(inv) {
		e.front.refuse(w, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	a, ok := e.await(r, inv)
	if !ok {
		return
	}
	w.Header().Set("X-Amzn-Requestid", inv.id)
	if a.stream != nil && e.front.streams {
		e.relayHTTP(w, r, inv, a)
		return
	}
	if a, ok = collect(r, a); !ok {
		return
	}
	if a.functionError {
		e.front.refuse(w, http.StatusBadGateway, "Internal Server Error")
		return
	}
	response, err := e.front.response(a.body)
	if a.contentType == runtimeapi.ContentTypeHTTP && !e.front.streams {
		err = errors.New("it is a stream with a prelude, which a load balancer does not take")
	}
	if err != nil {
		e.logNote(inv, "The result is no HTTP response: "+err.Error())
		e.front.refuse(w, http.StatusBadGateway, "Internal Server Error")
		return
	}
	response.write(w)
}

// encodeEvent makes JSON of an event. As AWS does, and since it counts against the
// limit, it leaves <, > and & as they are.
func encodeEvent(event map[string]any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		panic(err) // strings, numbers, and lists and maps of them
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func refuseInText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a caller that has gone needs no answer
}

func refuseInJSON(w http.ResponseWriter, status int, text string) {
	if status == http.StatusBadGateway {
		text = "Internal server error" // a REST API writes it so
	}
	body, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		panic(err) // a string
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // likewise
}
