package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// defaultFunction is the name of the function. Callers may use any other name as well.
const defaultFunction = "function"

// maxClientContext is the maximum length of a client context, in bytes of base64 (AWS
// documentation, "Invoke").
const maxClientContext = 3583

func (e *Emulator) routeInvokeAPI() {
	e.invokeAPI.HandleFunc("POST /2015-03-31/functions/{name}/invocations", e.handleInvoke)
	e.invokeAPI.HandleFunc("POST /2021-11-15/functions/{name}/response-streaming-invocations", e.handleInvokeStreaming)
	e.invokeAPI.HandleFunc("/", e.handleUnknown)
}

// handleUnknown answers a request for a path that no API has.
func (e *Emulator) handleUnknown(w http.ResponseWriter, r *http.Request) {
	text := fmt.Sprintf("nothing is served at %s %s; invoke the function with POST /2015-03-31/functions/%s/invocations",
		r.Method, r.URL.EscapedPath(), defaultFunction)
	if e.config.HTTP == "" {
		text += ", or start bootstrap local with --http to reach it at any path"
	}
	WriteException(w, http.StatusNotFound, "ResourceNotFoundException", text)
}

// readInvocation reads the parts that both calls of the Invoke API have in common. It returns
// false if it has refused the call.
func (e *Emulator) readInvocation(w http.ResponseWriter, r *http.Request) (*invocation, bool) {
	event, status := e.readEvent(w, r)
	switch status {
	case 0:
	case http.StatusRequestEntityTooLarge:
		refuseUnread(w, r, func() {
			WriteException(w, status, "RequestTooLargeException",
				fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", maxEvent))
		})
		return nil, false
	case http.StatusTooManyRequests:
		refuseUnread(w, r, func() { writeTooManyRequests(w) })
		return nil, false
	case http.StatusRequestTimeout:
		WriteException(w, status, "RequestTimeoutException", fmt.Sprintf("the payload did not arrive within %v", bodyTimeout))
		return nil, false
	default:
		WriteException(w, status, "InvalidRequestContentException", "the payload could not be read")
		return nil, false
	}
	clientContext, err := decodeClientContext(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		WriteException(w, http.StatusBadRequest, "InvalidRequestContentException", err.Error())
		return nil, false
	}
	name := FunctionName(r.PathValue("name"))
	if !validName(name) {
		WriteException(w, http.StatusBadRequest, "ValidationException",
			fmt.Sprintf("the function is named %.100q: want letters, digits, hyphens and underscores", name))
		return nil, false
	}
	inv := newInvocation(name, r.Header.Get("X-Amzn-Trace-Id"))
	inv.event = event
	inv.pass(runtimeapi.HeaderClientContext, clientContext)
	inv.pass(runtimeapi.HeaderTenantID, r.Header.Get("X-Amz-Tenant-Id"))
	// curl -d labels any text as a form.
	if given := r.Header.Get("Content-Type"); !strings.HasPrefix(given, "application/x-www-form-urlencoded") {
		inv.pass("Content-Type", given)
	}
	return inv, true
}

// handleInvoke is the operation Invoke.
func (e *Emulator) handleInvoke(w http.ResponseWriter, r *http.Request) {
	inv, ok := e.readInvocation(w, r)
	if !ok {
		return
	}
	w.Header().Set("X-Amz-Executed-Version", e.version())
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		e.requestResponse(w, r, inv)
	case "Event":
		if n := len(inv.event); n > maxAsync {
			WriteException(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
				fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", n, maxAsync))
			return
		}
		inv.asynchronous, inv.received, inv.answer = true, time.Now(), nil
		if !e.submit(inv) {
			writeTooManyRequests(w)
			return
		}
		w.Header().Set("X-Amzn-Requestid", inv.id)
		w.WriteHeader(http.StatusAccepted)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	default:
		WriteException(w, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Invocation-Type is %q: want RequestResponse, Event or DryRun", kind))
	}
}

// requestResponse invokes the function and waits for its answer.
func (e *Emulator) requestResponse(w http.ResponseWriter, r *http.Request, inv *invocation) {
	if !e.submit(inv) {
		writeTooManyRequests(w)
		return
	}
	a, ok := e.awaitAnswer(r.Context(), inv)
	if ok {
		a, ok = collect(r, a)
	}
	if !ok {
		return
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", inv.id)
	h.Set("Content-Type", "application/json")
	if a.functionError {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(a.tail))
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	_, _ = w.Write(a.body) // a caller that has left needs no answer
}

// decodeClientContext returns the JSON in a client context header.
func decodeClientContext(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	if len(header) > maxClientContext {
		return "", fmt.Errorf("X-Amz-Client-Context has %d bytes: want at most %d", len(header), maxClientContext)
	}
	text, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return "", fmt.Errorf("X-Amz-Client-Context is not base64: %w", err)
	}
	if !json.Valid(text) {
		return "", errors.New("X-Amz-Client-Context is not base64 of JSON")
	}
	// It becomes a header again, which has one line and no control character. Line breaks in JSON are
	// white space, and the only control character that JSON allows, delete, is in a string.
	return strings.NewReplacer("\n", " ", "\r", " ", "\x7f", `\u007f`).Replace(string(text)), nil
}

// FunctionName returns the name of a function that is given as a name, an ARN or a partial
// ARN, each with or without a qualifier.
func FunctionName(name string) string {
	if _, after, ok := strings.Cut(name, ":function:"); ok {
		name = after
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

// validName reports whether Lambda accepts the name of a function. The ARN with the name becomes
// a header, which a control character would make unreadable.
func validName(name string) bool {
	invalid := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}
	return name != "" && !strings.ContainsFunc(name, invalid)
}

func writeTooManyRequests(w http.ResponseWriter) {
	WriteException(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
}

// WriteException answers a call of the Invoke API with an exception.
func WriteException(w http.ResponseWriter, status int, exception, message string) {
	body, err := json.Marshal(map[string]string{"Type": "User", "message": message})
	if err != nil {
		panic(err) // a map of strings cannot fail
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-Errortype", exception)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has left needs no answer
}
