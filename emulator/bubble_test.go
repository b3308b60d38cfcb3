package emulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Tests in a synctest bubble have exact times: time.Sleep moves the bubble's clock, and
// synctest.Wait returns when all goroutines wait. They call the emulator without a network.

// initTime is how long the runtime's init takes, by the bubble's clock.
const initTime = 1500 * time.Millisecond

// newInBubble returns an emulator after initTime.
func newInBubble(c emulator.Config) *emulator.Emulator {
	e := emulator.New(c)
	time.Sleep(initTime)
	return e
}

// call calls the emulator.
func call(ctx context.Context, e *emulator.Emulator, method, path string, header map[string]string, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// callAsync calls the emulator in the background.
func callAsync(ctx context.Context, e *emulator.Emulator, method, path string, header map[string]string, body string) <-chan *httptest.ResponseRecorder {
	got := make(chan *httptest.ResponseRecorder, 1)
	go func() { got <- call(ctx, e, method, path, header, body) }() // synctest waits for it
	return got
}

// event submits an event.
func event(t *testing.T, e *emulator.Emulator, payload string) {
	t.Helper()
	w := call(t.Context(), e, http.MethodPost, invocations, map[string]string{"X-Amz-Invocation-Type": "Event"}, payload)
	if w.Code != http.StatusAccepted {
		t.Fatalf("the event got status %d: %s", w.Code, w.Body)
	}
}

// poll takes an invocation as a runtime does.
func poll(t *testing.T, e *emulator.Emulator) (id string, w *httptest.ResponseRecorder) {
	t.Helper()
	w = call(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, "")
	if w.Code != http.StatusOK {
		t.Fatalf("next: status %d %s", w.Code, w.Body)
	}
	return w.Header().Get(runtimeapi.HeaderRequestID), w
}

// respond reports the response of an invocation and returns the status.
func respond(t *testing.T, e *emulator.Emulator, id, response string) int {
	t.Helper()
	return call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/response", nil, response).Code
}
