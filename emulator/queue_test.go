package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Limit bounds the invocations that wait or run, however callers submit them.
func TestLimit(t *testing.T) {
	l := listen(t, emulator.Config{Limit: 2})
	refused := func() {
		t.Helper()
		for _, kind := range []string{"Event", "RequestResponse"} {
			got := l.invoke(t, map[string]string{"X-Amz-Invocation-Type": kind}, "no")
			checkException(t, got, http.StatusTooManyRequests, "TooManyRequestsException")
		}
	}
	c := l.client(t)
	event(t, l.Emulator, "1")
	event(t, l.Emulator, "2")
	refused()
	first := next(t, c)
	if string(first.Event) != "1" {
		t.Errorf("got %s first", first.Event)
	}
	refused() // handed out, it still counts
	second := next(t, c)
	refused()
	for _, inv := range []*runtimeapi.Invocation{first, second} {
		if err := c.Respond(t.Context(), inv, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		event(t, l.Emulator, "again") // in its place
		refused()
	}
}

func TestOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		const n = 50
		for i := range n {
			if i%2 == 0 {
				event(t, e, fmt.Sprint(i))
				continue
			}
			callAsync(t.Context(), e, http.MethodPost, invocations, nil, fmt.Sprint(i))
			synctest.Wait() // it is in the queue
		}
		for i := range n {
			id, w := poll(t, e)
			if w.Body.String() != fmt.Sprint(i) {
				t.Errorf("event %d is %s", i, w.Body)
			}
			if got := respond(t, e, id, "1"); got != http.StatusAccepted {
				t.Errorf("status %d", got)
			}
		}
	})
}

func TestCallerThatLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Limit: 2})
		event(t, e, `"first"`)
		ctx, cancel := context.WithCancel(t.Context())
		caller := callAsync(ctx, e, http.MethodPost, invocations, nil, `"withdrawn"`)
		synctest.Wait()
		cancel()
		<-caller
		event(t, e, `"second"`) // there is room again
		for _, want := range []string{`"first"`, `"second"`} {
			if _, w := poll(t, e); w.Body.String() != want {
				t.Errorf("got %s, want %s", w.Body, want)
			}
		}
	})
}

// A caller that leaves while its invocation runs does not affect the runtime.
func TestCallerThatLeavesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		caller := callAsync(ctx, e, http.MethodPost, invocations, nil, "1")
		id, _ := poll(t, e)
		cancel()
		<-caller
		if got := respond(t, e, id, "1"); got != http.StatusAccepted {
			t.Errorf("the report got status %d, want 202", got)
		}
	})
}

// A poller that has left does not take an event that is already in the queue.
func TestPollerThatHasLeftTakesNothingFromTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		event(t, e, `"waiting"`)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		call(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if w := call(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, ""); w.Body.String() != `"waiting"` {
			t.Errorf("the next poller got %q: the event was handed to the poller that had left", w.Body)
		}
	})
}

// A poller that has left does not take an event that comes later. This test uses a network.
func TestPollerThatHasLeftTakesNothing(t *testing.T) {
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
		t.Error("OnReady was called twice")
	}
}

// If a poller leaves just as an event comes, another poller gets the event.
func TestPollerThatLeavesDoesNotLoseTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		ctx, leave := context.WithCancel(t.Context())
		leaving := callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		staying := callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
		synctest.Wait()
		event(t, e, `"event"`)
		leave() // before or after it was woken
		synctest.Wait()
		cancel()
		if got := (<-leaving).Body.String() + (<-staying).Body.String(); got != `"event"` {
			t.Errorf("the pollers got %q", got)
		}
	})
}

func TestOneEventGoesToOnePoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var pollers []<-chan *httptest.ResponseRecorder
		for range 4 {
			pollers = append(pollers, callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, ""))
		}
		synctest.Wait()
		event(t, e, `"one"`)
		synctest.Wait()
		event(t, e, `"two"`)
		synctest.Wait()
		cancel()
		got := map[string]int{}
		for _, poller := range pollers {
			got[(<-poller).Body.String()]++
		}
		if got[`"one"`] != 1 || got[`"two"`] != 1 || got[""] != 2 {
			t.Errorf("the pollers got %v", got)
		}
	})
}

func TestEachCallerGetsItsOwnAnswer(t *testing.T) {
	for _, pollers := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d pollers", pollers), func(t *testing.T) {
			l := listen(t, emulator.Config{Log: &logBuffer{}})
			l.startRuntime(t, pollers, echo)
			var callers sync.WaitGroup
			for i := range 100 {
				nonce := fmt.Sprintf(`{"nonce":%d}`, i)
				done := l.invokeAsync(t, nil, nonce)
				callers.Go(func() {
					if got := <-done; got.status != http.StatusOK || got.body != nonce {
						t.Errorf("%s got status %d %s", nonce, got.status, got.body)
					}
				})
			}
			callers.Wait()
		})
	}
}
