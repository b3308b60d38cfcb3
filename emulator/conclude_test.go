package emulator_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

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

// The same over a network, by the real clock.
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

// A blockingLog blocks when it gets the line of a timeout.
type blockingLog struct {
	timedOut, unblock chan struct{}
}

func (l *blockingLog) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Task timed out") {
		close(l.timedOut)
		<-l.unblock
	}
	return len(p), nil
}

// The log and the caller get the same outcome: a report that comes while the timeout is
// logged is too late.
func TestTimeoutInTheLogIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &blockingLog{make(chan struct{}), make(chan struct{})}
		e := newInBubble(emulator.Config{Timeout: time.Second, Log: log})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		id, _ := poll(t, e)
		<-log.timedOut
		got := respond(t, e, id, `"late"`)
		close(log.unblock)
		if body := (<-caller).Body.String(); got != http.StatusGone || !strings.Contains(body, "Task timed out") {
			t.Errorf("the late report got status %d, and the caller %s", got, body)
		}
	})
}

func TestSecondReportIsRefused(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "e", Message: "m"}
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for name, first := range map[string]func(*runtimeapi.Invocation) error{
		"after a response": func(inv *runtimeapi.Invocation) error { return c.Respond(t.Context(), inv, []byte("1")) },
		"after an error":   func(inv *runtimeapi.Invocation) error { return c.InvocationError(t.Context(), inv, failure) },
	} {
		t.Run(name, func(t *testing.T) {
			caller := l.invokeAsync(t, nil, "{}")
			inv := next(t, c)
			if err := first(inv); err != nil {
				t.Fatal(err)
			}
			checkStatusError(t, c.Respond(t.Context(), inv, []byte("2")), http.StatusForbidden)
			checkStatusError(t, c.InvocationError(t.Context(), inv, failure), http.StatusForbidden)
			if got := receive(t, caller); got.body != "1" && got.body != string(failure.Body()) {
				t.Errorf("the caller got %s", got.body)
			}
		})
	}
}

func TestReportOfAnUnknownInvocationIsRefused(t *testing.T) {
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for _, id := range []string{"no such", "a/b", "100%"} {
		inv := &runtimeapi.Invocation{ID: id}
		checkStatusError(t, c.Respond(t.Context(), inv, []byte("1")), http.StatusBadRequest)
		checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusBadRequest)
	}
}

// The invocation id is unique to each hand-out. A report that echoes another one is refused.
func TestInvocationID(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "e", Message: "m"}
	l := listen(t, emulator.Config{})
	c := l.client(t)
	seen := map[string]bool{}
	for _, report := range []func(*runtimeapi.Invocation) error{
		func(inv *runtimeapi.Invocation) error { return c.Respond(t.Context(), inv, []byte("1")) },
		func(inv *runtimeapi.Invocation) error { return c.InvocationError(t.Context(), inv, failure) },
	} {
		for _, echo := range []bool{true, false} {
			caller := l.invokeAsync(t, nil, "{}")
			inv := next(t, c)
			if inv.InvocationID == "" || seen[inv.InvocationID] {
				t.Errorf("the invocation id is %q", inv.InvocationID)
			}
			seen[inv.InvocationID] = true
			right := inv.InvocationID
			inv.InvocationID = "another"
			checkStatusError(t, report(inv), http.StatusBadRequest)
			if inv.InvocationID = ""; echo {
				inv.InvocationID = right
			}
			if err := report(inv); err != nil {
				t.Error(err)
			}
			receive(t, caller)
		}
	}
}

// The emulator remembers the latest 1000 invocations, and refuses reports of older ones as
// unknown.
func TestReportOfAForgottenInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		var ids []string
		for range 1001 {
			event(t, e, "1")
			id, _ := poll(t, e)
			respond(t, e, id, "1")
			ids = append(ids, id)
		}
		if got := respond(t, e, ids[1], "1"); got != http.StatusForbidden {
			t.Errorf("a report of a remembered invocation got status %d, want 403", got)
		}
		if got := respond(t, e, ids[0], "1"); got != http.StatusBadRequest {
			t.Errorf("a report of a forgotten invocation got status %d, want 400", got)
		}
	})
}
