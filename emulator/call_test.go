package emulator

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A notebook is an Observer that writes down what it is notified of.
type notebook struct {
	mu    sync.Mutex
	notes []string
}

func (n *notebook) Called(c Call) { n.note("called " + string(c.Event) + " " + c.Timeout.String()) }

func (n *notebook) Ended(_ string, r Result, ok bool) {
	switch {
	case !ok:
		n.note("left")
	case r.FunctionError:
		n.note("failed " + string(r.Body))
	case r.Streamed:
		n.note("streamed")
	default:
		n.note("answered " + string(r.Body))
	}
}

func (n *notebook) note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, text)
}

func (n *notebook) check(t *testing.T, want ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.notes, want) {
		t.Errorf("notes %q, want %q", n.notes, want)
	}
	n.notes = nil
}

// serveOnce takes one invocation from the emulator and reports it with a path's end and a body.
func serveOnce(e *Emulator, report, body string) {
	next := httptest.NewRecorder()
	e.ServeHTTP(next, httptest.NewRequest("GET", runtimeapi.PathNext, nil))
	id := next.Header().Get(runtimeapi.HeaderRequestID)
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", runtimeapi.PathInvocation+id+report, strings.NewReader(body)))
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := &notebook{}
		e := New(Config{Observer: notes, Timeout: time.Minute, Limit: 1})
		var runtime sync.WaitGroup
		runtime.Go(func() { serveOnce(e, "/response", "1") })
		if _, r, err := e.Invoke(t.Context(), []byte("{}"), 0); err != nil || string(r.Body) != "1" {
			t.Errorf("answer %s, %v", r.Body, err)
		}
		notes.check(t, "called {} 1m0s", "answered 1")

		runtime.Go(func() { serveOnce(e, "/error", `{"errorType":"no"}`) })
		if _, r, err := e.Invoke(t.Context(), nil, 0); err != nil || !r.FunctionError {
			t.Errorf("answer %+v, %v", r, err)
		}
		notes.check(t, "called  1m0s", `failed {"errorType":"no"}`)
		runtime.Wait()

		// One invocation waits, another is one too many, and the first one's caller leaves.
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { // ends with ctx
			_, _, err := e.Invoke(ctx, []byte("1"), 0)
			left <- err
		}()
		synctest.Wait()
		if _, _, err := e.Invoke(t.Context(), []byte("2"), 0); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many: %v", err)
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller has left: %v", err)
		}
		notes.check(t, "called 1 1m0s", "called 2 1m0s", "left", "left")
	})
}

// An invocation may have a timeout of its own.
func TestTimeoutOfOneInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := &notebook{}
		e := New(Config{Observer: notes, Timeout: time.Minute})
		go func() { // ends with the call
			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", runtimeapi.PathNext, nil))
		}()
		start := time.Now()
		_, r, err := e.Invoke(t.Context(), []byte("{}"), 2*time.Second)
		if err != nil || !strings.Contains(string(r.Body), "Task timed out after 2.00 seconds") || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %s, %v", time.Since(start), r.Body, err)
		}
	})
}

// Callers that wait when the init fails, and later ones, get its error, and so does the observer.
func TestObserverOfFailedInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := &notebook{}
		e := New(Config{Observer: notes})
		done := make(chan struct{})
		go func() { // ends when the init has failed
			_, _, _ = e.Invoke(t.Context(), []byte("1"), 0)
			close(done)
		}()
		synctest.Wait()
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", runtimeapi.PathInitError, strings.NewReader("no")))
		<-done
		if _, r, err := e.Invoke(t.Context(), []byte("2"), 0); err != nil || string(r.Body) != "no" {
			t.Errorf("answer %s, %v", r.Body, err)
		}
		notes.check(t, "called 1 3s", "failed no", "called 2 3s", "failed no")
	})
}

// The body of a stream comes from Invoke; the observer gets none.
func TestInvokeStream(t *testing.T) {
	notes := &notebook{}
	e := New(Config{Observer: notes})
	server := httptest.NewServer(e)
	defer server.Close()
	go func() { // ends with its requests
		next, err := http.Get(server.URL + runtimeapi.PathNext)
		if err != nil {
			return
		}
		next.Body.Close()
		report, err := http.NewRequest("POST", server.URL+runtimeapi.PathInvocation+next.Header.Get(runtimeapi.HeaderRequestID)+"/response", strings.NewReader("a stream"))
		if err != nil {
			return
		}
		report.Header.Set(runtimeapi.HeaderResponseMode, runtimeapi.ModeStreaming)
		report.Header.Set("Content-Type", "text/plain")
		if response, err := http.DefaultClient.Do(report); err == nil {
			response.Body.Close()
		}
	}()
	_, r, err := e.Invoke(t.Context(), []byte("{}"), 0)
	if err != nil || !r.Streamed || string(r.Body) != "a stream" || r.ContentType != "text/plain" {
		t.Errorf("answer %+v, %v", r, err)
	}
	notes.check(t, "called {} 3s", "streamed")
}
