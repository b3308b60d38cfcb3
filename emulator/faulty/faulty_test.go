package faulty_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/protocol/runtimeapi"
)

// invocations is the path of the Invoke API.
const invocations = "/2015-03-31/functions/function/invocations"

// An api is an emulator behind a faulty.Handler.
type api struct {
	t      *testing.T
	server *httptest.Server

	mu    sync.Mutex
	calls []faulty.Call
}

// serve starts an api in which the calls of op have a fault.
func serve(t *testing.T, op string, fault faulty.Fault) *api {
	t.Helper()
	a := &api{t: t}
	a.server = httptest.NewServer(&faulty.Handler{
		Next: emulator.New(emulator.Config{Timeout: time.Minute}),
		Fault: func(c faulty.Call) (f faulty.Fault) {
			if c.Op == op {
				f = fault
			}
			return f
		},
		Observe: func(c faulty.Call) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.calls = append(a.calls, c)
		},
	})
	t.Cleanup(a.server.Close)
	return a
}

// do makes a call. Without an answer, the status is 0.
func (a *api) do(method, path, body string, header ...string) (status int, h http.Header) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.server.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return a.send(r)
}

func (a *api) send(r *http.Request) (status int, h http.Header) {
	a.t.Helper()
	resp, err := a.server.Client().Do(r)
	if err != nil {
		return 0, nil
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// handOut submits an event and takes it. It returns the path of the invocation's reports.
func (a *api) handOut() string {
	a.t.Helper()
	if status, _ := a.do("POST", invocations, "{}", "X-Amz-Invocation-Type", "Event"); status != http.StatusAccepted {
		a.t.Fatalf("the event got status %d", status)
	}
	status, h := a.do("GET", runtimeapi.PathNext, "")
	if status != http.StatusOK {
		a.t.Fatalf("next got status %d", status)
	}
	return runtimeapi.PathInvocation + h.Get(runtimeapi.HeaderRequestID)
}

// waits reports whether the invocation still waits for a report.
func (a *api) waits(path string) bool {
	a.t.Helper()
	status, _ := a.do("POST", path+"/error", "{}", runtimeapi.HeaderInvocationID, "another")
	return status == http.StatusBadRequest
}

func TestFaults(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  faulty.Fault
		status int
		waits  bool // whether the report had no effect
	}{
		{"none", faulty.Fault{}, 202, false},
		{"status", faulty.Fault{Status: 500}, 500, true},
		{"late status", faulty.Fault{Status: 413, Late: true}, 413, false},
		{"reset", faulty.Fault{Reset: true}, 0, true},
		{"late reset", faulty.Fault{Reset: true, Late: true}, 0, false},
		{"delay", faulty.Fault{Delay: time.Millisecond}, 202, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := serve(t, faulty.OpResponse, row.fault)
			path := a.handOut()
			if status, _ := a.do("POST", path+"/response", "1"); status != row.status {
				t.Errorf("status %d, want %d", status, row.status)
			}
			if a.waits(path) != row.waits {
				t.Errorf("the invocation waits: %v, want %v", !row.waits, row.waits)
			}
		})
	}
}

func TestObserve(t *testing.T) {
	a := serve(t, "", faulty.Fault{})
	a.do("POST", runtimeapi.PathRegister, "{}", runtimeapi.HeaderExtensionName, "test")
	path := a.handOut()
	a.do("POST", path+"/error", "{}", runtimeapi.HeaderErrorType, "Function.Boom")
	a.do("POST", runtimeapi.PathInitError, "{}", runtimeapi.HeaderErrorType, "Runtime.Late")
	a.do("GET", "/2018-06-01/runtime/invocation/x/unknown", "")
	a.server.Close() // waits for the last call to be observed
	id := strings.TrimPrefix(path, runtimeapi.PathInvocation)
	want := []faulty.Call{
		{Op: "register"},
		{Op: "register", Ended: true, Status: 200},
		{Op: "next"},
		{Op: "next", RequestID: id, Ended: true, Status: 200},
		{Op: "error", RequestID: id, ErrorType: "Function.Boom"},
		{Op: "error", RequestID: id, ErrorType: "Function.Boom", Ended: true, Status: 202},
		{Op: "init/error", ErrorType: "Runtime.Late"},
		{Op: "init/error", ErrorType: "Runtime.Late", Ended: true, Status: 403},
	}
	if !slices.Equal(a.calls, want) {
		t.Errorf("observed %+v\nwant %+v", a.calls, want)
	}
}

// A streamed response has the same faults. Its error type is in the trailers.
func TestFaultsOfStreams(t *testing.T) {
	for name, row := range map[string]struct {
		fault  faulty.Fault
		status int
	}{
		"late":  {faulty.Fault{Status: 413, Late: true}, 413},
		"delay": {faulty.Fault{Delay: time.Millisecond}, 202},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, faulty.OpResponse, row.fault)
			path := a.handOut()
			body, w := io.Pipe()
			r, err := http.NewRequest("POST", a.server.URL+path+"/response", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(runtimeapi.HeaderResponseMode, runtimeapi.ModeStreaming)
			r.Trailer = http.Header{runtimeapi.HeaderErrorType: nil, runtimeapi.HeaderErrorBody: nil}
			go func() { // ends with send, which reads or closes the body
				_, _ = io.WriteString(w, "a") // the transport has read the trailers' names after this
				r.Trailer.Set(runtimeapi.HeaderErrorType, "Function.Boom")
				r.Trailer.Set(runtimeapi.HeaderErrorBody, base64.StdEncoding.EncodeToString([]byte(`{"errorType":"boom"}`)))
				w.Close()
			}()
			if status, _ := a.send(r); status != row.status {
				t.Errorf("status %d, want %d", status, row.status)
			}
			if a.waits(path) {
				t.Error("the report had no effect")
			}
			a.server.Close() // waits for the last call to be observed
			i := slices.IndexFunc(a.calls, func(c faulty.Call) bool { return c.Op == faulty.OpResponse && c.Ended })
			if i < 0 || a.calls[i].ErrorType != "Function.Boom" || a.calls[i].Status != row.status {
				t.Errorf("observed %+v", a.calls)
			}
		})
	}
}

// A call whose runtime leaves during the delay has no effect.
func TestRuntimeLeavesDuringADelay(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan faulty.Call, 1)
	server := httptest.NewServer(&faulty.Handler{
		Next:  http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the call took effect") }),
		Fault: func(faulty.Call) faulty.Fault { return faulty.Fault{Delay: time.Hour} },
		Observe: func(c faulty.Call) {
			if c.Ended {
				ended <- c
			} else {
				leave()
			}
		},
	})
	defer server.Close()
	r, err := http.NewRequestWithContext(ctx, "POST", server.URL+runtimeapi.PathInvocation+"id/response", strings.NewReader("1"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := server.Client().Do(r); err == nil {
		t.Errorf("status %d, want none", resp.StatusCode)
		resp.Body.Close()
	}
	if got, want := <-ended, (faulty.Call{Op: "response", RequestID: "id", Ended: true}); got != want {
		t.Errorf("observed %+v, want %+v", got, want)
	}
}
