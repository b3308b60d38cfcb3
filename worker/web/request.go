package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lambda-r-runtime/httpevent"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

// The headers in which AWS's web adapter gives a server what is not HTTP.
const (
	headerRequestContext = "X-Amzn-Request-Context"
	headerLambdaContext  = "X-Amzn-Lambda-Context"
	headerTenantID       = "X-Amz-Tenant-Id"
	headerTraceID        = "X-Amzn-Trace-Id"
)

// url returns the URL of a path and a query, both percent-encoded.
func (w *Worker) url(path, query string) *url.URL {
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(w.port)), RawQuery: query}
	if decoded, err := url.PathUnescape(path); err == nil && strings.HasPrefix(path, "//") {
		u.Path, u.RawPath = decoded, path // net/http would take //host for a host
	} else {
		u.Opaque = path // as it is
	}
	return u
}

const (
	// maxHead is the largest head of a request, in bytes: httpuv closes the connection at 80 KiB, and no
	// source of events passes on more than 64 KiB.
	maxHead = 80_000

	typeText = "text/plain; charset=utf-8"
)

// methods are those that servers know. httpuv closes the connection of any other request.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodOptions, http.MethodTrace,
}

// refuse returns the status and the text of the answer to a request that servers do not understand, or 0.
// It is not sent: the server would close the connection, as one does that is broken, and be replaced.
func refuse(r *http.Request) (status int, text string) {
	if !slices.Contains(methods, r.Method) {
		return http.StatusNotImplemented, fmt.Sprintf("the method %.40q is not supported", r.Method)
	}
	size := len(r.Method) + len(r.URL.RequestURI()) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	if size > maxHead {
		return http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the path and the headers have %d bytes, at most %d are allowed", size, maxHead)
	}
	return 0, ""
}

// newRequest returns a request, which ends when the process does. It adds to header.
func (w *Worker) newRequest(
	inv protocol.Invoke, method string, target *url.URL, header http.Header, body []byte,
) (*http.Request, error) {
	r, err := http.NewRequestWithContext(w.alive, method, "http://"+target.Host, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.URL = target
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "") // net/http adds none of its own
	}
	r.Header = header
	w.addContext(header, inv)
	return r, nil
}

// request returns the request of an HTTP event.
func (w *Worker) request(inv protocol.Invoke, e *httpevent.Event) (*http.Request, error) {
	r, err := w.newRequest(inv, e.Method, w.url(e.Path, e.Query), e.Header, e.Body)
	if err != nil {
		return nil, err
	}
	if e.Context != nil {
		r.Header.Set(headerRequestContext, string(e.Context))
	}
	r.Host = e.Host
	return r, nil
}

// addContext adds the headers that describe the invocation. It drops those that a caller has made up, but
// keeps a caller's trace if the invocation has none.
func (w *Worker) addContext(h http.Header, inv protocol.Invoke) {
	h.Del(headerRequestContext)
	h.Del(headerLambdaContext)
	h.Del(headerTenantID)
	context := struct {
		RequestID     string          `json:"request_id"`
		Deadline      int64           `json:"deadline"` // Unix time in milliseconds
		FunctionARN   string          `json:"invoked_function_arn"`
		TraceID       string          `json:"xray_trace_id,omitempty"`
		ClientContext json.RawMessage `json:"client_context"`
		Identity      json.RawMessage `json:"identity"`
		TenantID      string          `json:"tenant_id,omitempty"`
		Function      envConfig       `json:"env_config"`
	}{
		inv.ID, inv.DeadlineMs, inv.FunctionARN, inv.TraceID, orNull(inv.ClientContext), orNull(inv.Identity), inv.TenantID,
		w.function,
	}
	if text, err := json.Marshal(context); err == nil { // the supervisor has checked the two that are JSON
		h.Set(headerLambdaContext, string(text))
	}
	if inv.TenantID != "" {
		h.Set(headerTenantID, inv.TenantID)
	}
	if inv.TraceID != "" {
		h.Set(headerTraceID, inv.TraceID)
	}
}

// envConfig is what Lambda sets in the environment.
type envConfig struct {
	FunctionName string `json:"function_name"`
	Memory       int    `json:"memory"` // MB
	Version      string `json:"version"`
	LogStream    string `json:"log_stream"`
	LogGroup     string `json:"log_group"`
}

func newEnvConfig(env []string) envConfig {
	of := func(name string) string { return worker.Lookup(env, "AWS_LAMBDA_"+name) }
	memory, _ := strconv.Atoi(of("FUNCTION_MEMORY_SIZE")) // 0 if Lambda has not set it
	return envConfig{of("FUNCTION_NAME"), memory, of("FUNCTION_VERSION"), of("LOG_STREAM_NAME"), of("LOG_GROUP_NAME")}
}

func orNull(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(text)
}
