package emulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// dial opens a plain connection to a server, for what no client would send.
func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(guard)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func readStatus(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestResponseLimit(t *testing.T) {
	for _, over := range []int{0, 1, 2, 2 << 20} {
		l := listen(t, emulator.Config{})
		caller := l.invokeAsync(t, nil, "{}")
		c := l.client(t)
		inv := next(t, c)
		response := strings.Repeat("1", runtimeapi.MaxResponse+over)
		err := c.Respond(t.Context(), inv, []byte(response))
		got := receive(t, caller)
		if over == 0 {
			if err != nil {
				t.Error(err)
			}
			if got.body != response || got.header.Get("X-Amz-Function-Error") != "" {
				t.Errorf("the caller got %d bytes %.80q", len(got.body), got.body)
			}
			continue
		}
		checkStatusError(t, err, http.StatusRequestEntityTooLarge)
		checkFunctionError(t, got, "Function.ResponseSizeTooLarge", "6291556 bytes")
		// It is over: the opposite report comes too late.
		checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusForbidden)
	}
}

// checkFunctionError checks that a caller got an error of the function.
func checkFunctionError(t *testing.T, got result, errorType, message string) {
	t.Helper()
	var body struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	if got.status != http.StatusOK || got.header.Get("X-Amz-Function-Error") != "Unhandled" ||
		body.Type != errorType || !strings.Contains(body.Message, message) {
		t.Errorf("got status %d %s, want %s: %s", got.status, got.body, errorType, message)
	}
}

func TestSecondReportIsRefused(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "e", Message: "m"}
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for name, first := range map[string]func(*runtimeapi.Invocation) error{
		"after a response": func(inv *runtimeapi.Invocation) error { return c.Respond(t.Context(), inv, []byte("1")) },
		"after an error":   func(inv *runtimeapi.Invocation) error { return c.InvocationError(t.Context(), inv, failure) },
	} {
		t.Run(name, func(t *testing.T) {
			caller := l.invokeAsync(t, nil, "{}")
			inv := next(t, c)
			if err := first(inv); err != nil {
				t.Fatal(err)
			}
			checkStatusError(t, c.Respond(t.Context(), inv, []byte("2")), http.StatusForbidden)
			checkStatusError(t, c.InvocationError(t.Context(), inv, failure), http.StatusForbidden)
			if got := receive(t, caller); got.body != "1" && got.body != string(failure.Body()) {
				t.Errorf("the caller got %s", got.body)
			}
		})
	}
}

func TestReportOfAnUnknownInvocationIsRefused(t *testing.T) {
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for _, id := range []string{"no such", "a/b", "100%"} {
		inv := &runtimeapi.Invocation{ID: id}
		checkStatusError(t, c.Respond(t.Context(), inv, []byte("1")), http.StatusBadRequest)
		checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusBadRequest)
	}
}

// A report that breaks off is none: the runtime may still report.
func TestBrokenReportIsRefused(t *testing.T) {
	for _, verb := range []string{"/response", "/error"} {
		l := listen(t, emulator.Config{})
		caller := l.invokeAsync(t, nil, "{}")
		c := l.client(t)
		inv := next(t, c)
		conn := dial(t, l.server)
		_, err := io.WriteString(conn, "POST "+runtimeapi.PathInvocation+inv.ID+verb+
			" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if status := readStatus(t, conn); status != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 400", verb, status)
		}
		if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Error(err)
		}
		if got := receive(t, caller); got.body != "1" {
			t.Errorf("the caller got %s", got.body)
		}
	}
}

// An error report beyond the limit ends its invocation, as such a response does:
// its caller is not to wait for the deadline.
func TestErrorReportBeyondTheLimitEndsTheInvocation(t *testing.T) {
	e := emulator.New(emulator.Config{})
	event(t, e, "{}")
	inv := call(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, "")
	path := runtimeapi.PathInvocation + inv.Header().Get(runtimeapi.HeaderRequestID)
	got := call(t.Context(), e, http.MethodPost, path+"/error", nil, strings.Repeat("1", runtimeapi.MaxResponse+2))
	if got.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got status %d, want 413", got.Code)
	}
	again := call(t.Context(), e, http.MethodPost, path+"/error", nil, "{}")
	if again.Code != http.StatusForbidden {
		t.Errorf("the invocation goes on: a second report got status %d", again.Code)
	}
}

func TestInitError(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "Runtime.NoSuchHandler", Message: "no such handler"}
	l := listen(t, emulator.Config{OnReady: func() { t.Error("the runtime is said to be ready") }})
	early := l.invokeAsync(t, nil, "{}")
	c := l.client(t)
	if err := c.InitError(t.Context(), failure); err != nil {
		t.Fatal(err)
	}
	for _, got := range []result{receive(t, early), l.invoke(t, nil, "{}")} {
		checkFunctionError(t, got, "Runtime.NoSuchHandler", "no such handler")
	}
	checkStatusError(t, c.InitError(t.Context(), failure), http.StatusForbidden)
	_, err := c.Next(t.Context())
	checkStatusError(t, err, http.StatusForbidden)
}

func TestInitErrorAfterNextIsRefused(t *testing.T) {
	l := listen(t, emulator.Config{})
	event(t, l.Emulator, "{}")
	c := l.client(t)
	next(t, c)
	checkStatusError(t, c.InitError(t.Context(), &runtimeapi.ErrorReport{}), http.StatusForbidden)
}

// A runtime that has gone is not to eat an event that comes when it is known to be gone.
func TestPollerThatHasGoneTakesNothing(t *testing.T) {
	ready := make(chan struct{}, 2)
	e := emulator.New(emulator.Config{OnReady: func() { ready <- struct{}{} }})
	gone := make(chan struct{}, 1)
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.ServeHTTP(w, r)
		gone <- struct{}{}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	polled := make(chan error, 1)
	c := newClient(t, server)
	go func() { // received below
		_, err := c.Next(ctx)
		polled <- err
	}()
	receive(t, ready)
	cancel()
	if err := receive(t, polled); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	receive(t, gone)
	event(t, e, `"late"`)
	if inv := next(t, newClient(t, server)); string(inv.Event) != `"late"` {
		t.Errorf("got %s", inv.Event)
	}
	if len(ready) != 0 {
		t.Error("the runtime was said to be ready twice")
	}
}
