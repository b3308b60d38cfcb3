package emulator_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// In a synctest bubble time.Sleep only moves the bubble's clock, so that durations
// are exact; and synctest.Wait returns when everybody waits.

// initTime is how long the runtime's init takes by the bubble's clock.
const initTime = 1500 * time.Millisecond

// newInBubble returns an emulator whose runtime has taken initTime so far.
func newInBubble(c emulator.Config) *emulator.Emulator {
	e := emulator.New(c)
	time.Sleep(initTime)
	return e
}

func poll(t *testing.T, e *emulator.Emulator) (id string, w *httptest.ResponseRecorder) {
	t.Helper()
	w = call(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, "")
	if w.Code != http.StatusOK {
		t.Fatalf("next: status %d %s", w.Code, w.Body)
	}
	return w.Header().Get(runtimeapi.HeaderRequestID), w
}

func respond(t *testing.T, e *emulator.Emulator, id, response string) int {
	t.Helper()
	return call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/response", nil, response).Code
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 100 * time.Millisecond
		e := newInBubble(emulator.Config{Timeout: timeout})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		synctest.Wait()
		time.Sleep(time.Hour) // the time in the queue does not count
		id, w := poll(t, e)
		handedOut := time.Now()
		if got, want := w.Header().Get(runtimeapi.HeaderDeadlineMs), strconv.FormatInt(handedOut.Add(timeout).UnixMilli(), 10); got != want {
			t.Errorf("the deadline is %s, want %s", got, want)
		}
		w = <-caller
		if took := time.Since(handedOut); took != timeout {
			t.Errorf("answered after %v, want %v", took, timeout)
		}
		checkFunctionError(t, result{w.Code, w.Header(), w.Body.String()},
			"Sandbox.Timedout", "RequestId: "+id+" Error: Task timed out after 0.10 seconds")

		if got := respond(t, e, id, `"late"`); got != http.StatusGone {
			t.Errorf("the late report got status %d, want 410", got)
		}
		caller = callAsync(t.Context(), e, http.MethodPost, invocations, nil, "2")
		id, w = poll(t, e)
		if w.Body.String() != "2" {
			t.Errorf("the next event is %s", w.Body)
		}
		time.Sleep(timeout - time.Millisecond)
		if got := respond(t, e, id, `"in time"`); got != http.StatusAccepted {
			t.Errorf("the report got status %d, want 202", got)
		}
		if got := (<-caller).Body.String(); got != `"in time"` {
			t.Errorf("the caller got %s", got)
		}
	})
}

// The same over the network, by the real clock.
func TestTimeoutOverHTTP(t *testing.T) {
	l := listen(t, emulator.Config{Timeout: 100 * time.Millisecond})
	caller := l.invokeAsync(t, nil, "{}")
	c := l.client(t)
	inv := next(t, c)
	got := receive(t, caller)
	if now := time.Now(); now.Before(inv.Deadline) {
		t.Errorf("answered at %v, before the deadline %v", now, inv.Deadline)
	}
	checkFunctionError(t, got, "Sandbox.Timedout", "Task timed out after 0.10 seconds")
	checkStatusError(t, c.Respond(t.Context(), inv, []byte("1")), http.StatusGone)
	checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusGone)
}

func TestDefaultTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		poll(t, e)
		if body := (<-caller).Body.String(); !strings.Contains(body, "Task timed out after 3.00 seconds") {
			t.Errorf("got %s", body)
		}
	})
}

func TestOnePollerIsServedInOrder(t *testing.T) {
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

func TestCallerThatGoesAwayIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Queue: 2})
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

// A caller that goes away while its invocation runs changes nothing for the runtime.
func TestCallerThatGoesAwayTooLate(t *testing.T) {
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

// A poller that is known to be gone does not even take what waits already.
func TestPollerThatHasGoneTakesNothingFromTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		event(t, e, `"waiting"`)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		call(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if w := call(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, ""); w.Body.String() != `"waiting"` {
			t.Errorf("the next poller got %q: the event was handed to the one that had gone", w.Body)
		}
	})
}

// Of several pollers the last to come gets an event: its worker is the warmest. When it
// goes as it is woken, another one gets it.
func TestLastPollerIsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for goes := range 2 {
			e := newInBubble(emulator.Config{})
			ctx, cancelFirst := context.WithCancel(t.Context())
			first := callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
			synctest.Wait()
			ctx, cancelLast := context.WithCancel(t.Context())
			last := callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
			synctest.Wait()
			event(t, e, `"event"`)
			if goes == 1 {
				cancelLast() // before it could look, or just after
			}
			synctest.Wait()
			cancelFirst()
			cancelLast()
			got := []string{(<-first).Body.String(), (<-last).Body.String()}
			if got[1] != `"event"` && (goes == 0 || got[0] != `"event"`) {
				t.Errorf("the pollers got %q", got)
			}
		}
	})
}

func TestOneEventWakesOnePoller(t *testing.T) {
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

func TestInitErrorAnswersTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		var callers []<-chan *httptest.ResponseRecorder
		for range 3 {
			callers = append(callers, callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1"))
		}
		synctest.Wait()
		failure := `{"errorType":"Runtime.ImportModuleError","errorMessage":"no package"}`
		if w := call(t.Context(), e, http.MethodPost, runtimeapi.PathInitError, nil, failure); w.Code != http.StatusAccepted {
			t.Errorf("the init error got status %d", w.Code)
		}
		synctest.Wait()
		for _, caller := range callers {
			w := <-caller
			checkFunctionError(t, result{w.Code, w.Header(), w.Body.String()}, "Runtime.ImportModuleError", "no package")
		}
	})
}

// The bubble's clock stands still during this init.
func TestInitThatTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Config{})
		event(t, e, "1")
		event(t, e, "2")
		poll(t, e)
		if w := call(t.Context(), e, http.MethodPost, runtimeapi.PathInitError, nil, "{}"); w.Code != http.StatusForbidden {
			t.Fatalf("an init error after the first next got status %d, want 403", w.Code)
		}
		poll(t, e)
	})
}
