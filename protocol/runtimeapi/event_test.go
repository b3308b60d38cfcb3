package runtimeapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// taken answers /next with the headers of an invocation, and then calls body.
func taken(timeout time.Duration, body func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(runtimeapi.HeaderRequestID, "id")
		if timeout != 0 {
			w.Header().Set(runtimeapi.HeaderDeadlineMs, strconv.FormatInt(time.Now().Add(timeout).UnixMilli(), 10))
		}
		body(w, r)
	}
}

// send sends a piece of a body. Not all of it may arrive, if the client has left.
func send(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	w.(http.Flusher).Flush()
}

// An invocation whose event does not arrive whole was taken all the same: the error has it.
func TestEventIsCutOff(t *testing.T) {
	for _, test := range []struct {
		name string
		body func(w http.ResponseWriter, r *http.Request)
		want string // the error
	}{
		{"known length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			send(w, "half")
			panic(http.ErrAbortHandler) // closes the connection
		}, "the event was cut off after 4 of 10 bytes: unexpected EOF"},
		{"unknown length", func(w http.ResponseWriter, _ *http.Request) {
			send(w, "half")
			panic(http.ErrAbortHandler)
		}, "the event was cut off after 4 bytes: unexpected EOF"},
		{"nothing of it", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "the event was cut off after 0 of 10 bytes: unexpected EOF"},
		{"it stalls", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			send(w, "half")
			<-r.Context().Done() // the client leaves
		}, "the event was cut off after 4 of 10 bytes: the rest did not arrive in time"},
		{"it stalls at once", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "the event was cut off after 0 bytes: the rest did not arrive in time"},
		{"it trickles", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				send(w, " ")
				time.Sleep(10 * time.Millisecond) // the fault itself
			}
		}, "the rest did not arrive in time"},
		{"its length is beyond all bounds", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9000000000000")
			send(w, "begin")
		}, "the event was cut off after 0 of 9000000000000 bytes: an event may have at most 67108864 bytes"},
		{"it never ends", func(w http.ResponseWriter, r *http.Request) {
			block := strings.Repeat(" ", 1<<20)
			for r.Context().Err() == nil {
				send(w, block)
			}
		}, "an event may have at most 67108864 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			timeout := 2 * time.Second
			if strings.Contains(test.want, "at most") {
				timeout = time.Minute
			}
			api := newFakeAPI(t, taken(timeout, test.body))
			inv, err := newClient(t, api.address).Next(t.Context())
			e, ok := errors.AsType[*runtimeapi.EventError](err)
			if !ok || inv != nil {
				t.Fatalf("got %+v, %v, want an EventError", inv, err)
			}
			if !strings.HasSuffix(e.Error(), test.want) || e.ErrorType() != runtimeapi.ErrorEvent {
				t.Errorf("the error is a %s: %v; want %s", e.ErrorType(), e, test.want)
			}
			if e.Invocation.ID != "id" || e.Invocation.Deadline.IsZero() {
				t.Errorf("got %+v, want the invocation", e.Invocation)
			}
		})
	}
}

// A shutdown ends the wait for an event, and the invocation is still known.
func TestEventStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := newFakeAPI(t, taken(time.Minute, func(w http.ResponseWriter, r *http.Request) {
		send(w, "half")
		cancel()
		<-r.Context().Done()
	}))
	_, err := newClient(t, api.address).Next(ctx)
	e, ok := errors.AsType[*runtimeapi.EventError](err)
	if !ok && errors.Is(err, context.Canceled) {
		return // the cancellation overtook the headers
	}
	if !ok || !errors.Is(err, context.Canceled) || e.Invocation.ID != "id" {
		t.Errorf("got %v, want an EventError of %v", err, context.Canceled)
	}
}

// An explanation that stalls does not hold its caller.
func TestStatusErrorDoesNotWaitForItsBody(t *testing.T) {
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		send(w, "because")
		<-r.Context().Done()
	})
	_, err := newClient(t, api.address).Next(t.Context())
	if e, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || e.Status != http.StatusForbidden {
		t.Errorf("got %v, want a StatusError", err)
	}
}

func TestTemporary(t *testing.T) {
	for status, want := range map[int]bool{
		204: false, 301: true, 302: true, 304: true, 307: true, 400: false, 403: false, 408: true, 410: false, 413: false,
		429: true, 500: false, 501: false, 502: true, 503: true, 504: true,
	} {
		if got := (&runtimeapi.StatusError{Status: status}).Temporary(); got != want {
			t.Errorf("Temporary is %v for status %d", got, status)
		}
	}
}
