package runtimeapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"lambda-r-runtime/protocol/runtimeapi"
)

// deadProxy is an address at which nothing listens.
const deadProxy = "http://127.0.0.1:1"

func TestMain(m *testing.M) {
	// net/http reads these once per process, so they are set before any call.
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		os.Setenv(name, deadProxy)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

// A call is a request as the fake Runtime API received it.
type call struct {
	method, uri string // uri as it was sent, escapes included
	header      http.Header
	length      int64
	encoding    []string
	body        []byte
	trailer     http.Header
}

// A fakeAPI is a Runtime API that answers as the test decides and records its calls.
type fakeAPI struct {
	address string // host:port

	mu          sync.Mutex
	calls       []call
	connections int
}

func newFakeAPI(t *testing.T, answer http.HandlerFunc) *fakeAPI {
	t.Helper()
	api := &fakeAPI{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the body of %s: %v", r.RequestURI, err)
		}
		api.mu.Lock()
		api.calls = append(api.calls, call{r.Method, r.RequestURI, r.Header, r.ContentLength, r.TransferEncoding, body, r.Trailer})
		api.mu.Unlock()
		answer(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			api.mu.Lock()
			api.connections++
			api.mu.Unlock()
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	api.address = strings.TrimPrefix(server.URL, "http://")
	return api
}

// last returns the last call.
func (api *fakeAPI) last(t *testing.T) call {
	t.Helper()
	api.mu.Lock()
	defer api.mu.Unlock()
	if len(api.calls) == 0 {
		t.Fatal("the Runtime API was not called")
	}
	return api.calls[len(api.calls)-1]
}

func (api *fakeAPI) connectionCount() int {
	api.mu.Lock()
	defer api.mu.Unlock()
	return api.connections
}

// status answers every call with a status and a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// event answers every call with an event that has these headers.
func event(body string, header map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		fmt.Fprint(w, body)
	}
}

func newClient(t *testing.T, address string) *runtimeapi.Client {
	t.Helper()
	c, err := runtimeapi.NewClient(address, "1.2.3", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
