package emulator_test

import (
	"bufio"
	"encoding/json"
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

// dial opens a plain connection to a server, for requests that no client would send.
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
		// The invocation has ended.
		checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusForbidden)
	}
}

// checkFunctionError checks that a caller got a function error.
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

// A report that breaks off has no effect. The runtime may report again.
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

// An error report over the limit ends its invocation, as a response does, so that the caller
// need not wait for the deadline.
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
		t.Errorf("a second report got status %d", again.Code)
	}
}
