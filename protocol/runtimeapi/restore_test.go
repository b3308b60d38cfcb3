package runtimeapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"lambda-r-runtime/protocol/runtimeapi"
)

// RestoreNext waits for its answer, whose body may be empty. No connection from before is used
// again.
func TestRestoreNext(t *testing.T) {
	for _, body := range []string{"", "{}"} {
		asked, restored := make(chan struct{}), make(chan struct{})
		api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == runtimeapi.PathRestoreNext {
				close(asked)
				<-restored
				status(http.StatusOK, body)(w, r)
				return
			}
			status(http.StatusAccepted, "")(w, r)
		})
		c := newClient(t, api.address)
		answered := make(chan error, 1)
		go func() { answered <- c.RestoreNext(t.Context()) }() // ends when restored is closed
		<-asked
		if got := api.last(t); got.method != http.MethodGet || got.uri != "/2018-06-01/runtime/restore/next" || len(got.body) != 0 ||
			got.header.Get("User-Agent") != "lambda-r-runtime/1.2.3" {
			t.Errorf("got %+v", got)
		}
		// The call of another slot, whose connection is kept.
		if err := c.InitError(t.Context(), report); err != nil {
			t.Error(err)
		}
		select {
		case err := <-answered:
			t.Fatalf("it returned %v before the restore", err)
		default:
		}
		close(restored)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		before := api.connectionCount()
		if err := c.RestoreError(t.Context(), report); err != nil {
			t.Error(err)
		}
		if n := api.connectionCount() - before; n != 1 {
			t.Errorf("%d new connections after the restore, want 1", n)
		}
	}
}

func TestRestoreNextIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := newFakeAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if err := newClient(t, api.address).RestoreNext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// An answer and a broken connection can be told apart.
func TestRestoreNextFails(t *testing.T) {
	c := newClient(t, newFakeAPI(t, status(http.StatusForbidden, "wrong state")).address)
	refused, ok := errors.AsType[*runtimeapi.StatusError](c.RestoreNext(t.Context()))
	if !ok || refused.Status != http.StatusForbidden || refused.Body != "wrong state" || refused.Temporary() {
		t.Errorf("got %+v", refused)
	}
	c = newClient(t, newFakeAPI(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).address)
	err := c.RestoreNext(t.Context())
	if _, answered := errors.AsType[*runtimeapi.StatusError](err); err == nil || answered {
		t.Errorf("got %v", err)
	}
}
