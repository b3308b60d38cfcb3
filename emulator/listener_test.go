package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guard is how long a test waits before it fails.
const guard = 30 * time.Second

// invocations is the path of Invoke.
const invocations = "/2015-03-31/functions/function/invocations"

// A listener is an emulator behind a server.
type listener struct {
	*emulator.Emulator
	server *httptest.Server
}

// listen starts an emulator. The default timeout is a minute, so that a slow machine has no
// effect.
func listen(t *testing.T, c emulator.Config) *listener {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	e := emulator.New(c)
	return &listener{e, serve(t, e)}
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// client returns a client of the Runtime API.
func (l *listener) client(t *testing.T) *runtimeapi.Client { return newClient(t, l.server) }

func newClient(t *testing.T, server *httptest.Server) *runtimeapi.Client {
	t.Helper()
	c, err := runtimeapi.NewClient(strings.TrimPrefix(server.URL, "http://"), "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A result is the response to a caller.
type result struct {
	status int
	header http.Header
	body   string
}

// invoke invokes the function. It fails the test if there is no answer.
func (l *listener) invoke(t *testing.T, header map[string]string, payload string) result {
	t.Helper()
	return l.post(t, invocations, header, strings.NewReader(payload))
}

func (l *listener) post(t *testing.T, path string, header map[string]string, payload io.Reader) result {
	t.Helper()
	return receive(t, l.postAsync(t, path, header, payload))
}

// invokeAsync invokes the function in the background.
func (l *listener) invokeAsync(t *testing.T, header map[string]string, payload string) <-chan result {
	return l.postAsync(t, invocations, header, strings.NewReader(payload))
}

func (l *listener) postAsync(t *testing.T, path string, header map[string]string, payload io.Reader) <-chan result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	got := make(chan result, 1)
	go func() { // ends with the call; closing the server waits for it
		defer close(got)
		resp, err := l.server.Client().Do(req)
		if err != nil {
			t.Errorf("POST %s: %v", path, err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("POST %s: read the answer: %v", path, err)
			return
		}
		got <- result{resp.StatusCode, resp.Header, string(body)}
	}()
	return got
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatal("the channel was closed without a value")
		}
		return v
	case <-time.After(guard):
		t.Fatal("no value came in time")
		panic("unreachable")
	}
}

// next takes an invocation as a runtime does.
func next(t *testing.T, c *runtimeapi.Client) *runtimeapi.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	inv, err := c.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// startRuntime runs a number of loops, each of next, handle and report, until the test ends.
func (l *listener) startRuntime(t *testing.T, pollers int, handle func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport)) {
	t.Helper()
	c := l.client(t)
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	for range pollers {
		loops.Go(func() {
			for {
				inv, err := c.Next(ctx)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					t.Errorf("next: %v", err)
					return
				}
				if response, failure := handle(inv); failure != nil {
					err = c.InvocationError(ctx, inv, failure)
				} else {
					err = c.Respond(ctx, inv, response)
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("report: %v", err)
				}
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		loops.Wait()
	})
}

// echo is a handler that returns its event.
func echo(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) { return inv.Event, nil }

// checkStatusError checks that the Runtime API refused a call with a status.
func checkStatusError(t *testing.T, err error, status int) {
	t.Helper()
	if e, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || e.Status != status {
		t.Errorf("got %v, want status %d", err, status)
	}
}

// checkException checks that the Invoke API refused a call.
func checkException(t *testing.T, got result, status int, exception string) {
	t.Helper()
	if got.status != status || got.header.Get("X-Amzn-Errortype") != exception {
		t.Errorf("got status %d %s %s, want %d %s", got.status, got.header.Get("X-Amzn-Errortype"), got.body, status, exception)
	}
	if got.header.Get("X-Amz-Function-Error") != "" {
		t.Error("there is a function error")
	}
}

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
