package e2e

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
)

// A recorder is the Runtime API of a test: the emulator, and a log of the calls that
// bootstrap makes to it.
type recorder struct {
	server *httptest.Server

	mu     sync.Mutex
	calls  []string      // "next", "response", "error Runtime.WorkerCrashed", "init/error …"
	called chan struct{} // closed and made anew at each call
}

// fault returns the fault of a call, see faulty.Handler. If nil, no call is broken.
type fault func(faulty.Call) faulty.Fault

func newRecorder(t *testing.T, timeout time.Duration, fault fault) *recorder {
	rec := &recorder{called: make(chan struct{})}
	rec.server = httptest.NewServer(&faulty.Handler{
		Next: emulator.New(emulator.Config{Timeout: timeout}), Fault: fault, Observe: rec.observe,
	})
	t.Cleanup(func() {
		rec.server.CloseClientConnections()
		rec.server.Close()
	})
	return rec
}

// observe notes a call when it begins.
func (rec *recorder) observe(call faulty.Call) {
	if call.Ended {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.calls = append(rec.calls, strings.TrimSpace(call.Op+" "+call.ErrorType))
	close(rec.called)
	rec.called = make(chan struct{})
}

// reports returns the calls so far, those of /next left out.
func (rec *recorder) reports() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	reports := []string{}
	for _, call := range rec.calls {
		if call != "next" {
			reports = append(reports, call)
		}
	}
	return reports
}

// count returns how many calls begin with prefix.
func (rec *recorder) count(prefix string) int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	n := 0
	for _, call := range rec.calls {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

// waitForPolls waits until /next was called n times.
func (rec *recorder) waitForPolls(t *testing.T, n int) {
	t.Helper()
	for deadline := time.After(patience); ; {
		rec.mu.Lock()
		called := rec.called
		rec.mu.Unlock()
		if rec.count("next") >= n {
			return
		}
		select {
		case <-called:
		case <-deadline:
			t.Fatalf("/next was called %d times, want %d", rec.count("next"), n)
		}
	}
}

func (rec *recorder) forget() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.calls = nil
}

// startLambda starts bootstrap as Lambda does, in testdata/dir, with rec as its
// Runtime API.
func startLambda(t *testing.T, rec *recorder, dir, handler string, env ...string) (*program, function) {
	t.Helper()
	return start(t, dir, rec.env(handler, env...)), function{t, rec.server.URL}
}

// env returns the environment in which Lambda, being rec, starts bootstrap.
func (rec *recorder) env(handler string, env ...string) []string {
	return append(env,
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(rec.server.URL, "http://"),
		fmt.Sprintf("_HANDLER=%s", handler))
}
