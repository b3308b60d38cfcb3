package emulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A pause lets what runs end, and keeps what comes.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Timeout: time.Minute})
		first := callAsync(t.Context(), e, http.MethodPost, invocations, nil, `"first"`)
		id, _ := poll(t, e)
		if n := e.Running(); n != 1 {
			t.Errorf("%d are running", n)
		}
		open := callAsync(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, "")
		synctest.Wait()
		paused := make(chan struct{})
		go func() { // waited for below
			e.Pause(t.Context())
			close(paused)
		}()
		synctest.Wait()
		second := callAsync(t.Context(), e, http.MethodPost, invocations, nil, `"second"`)
		time.Sleep(10 * time.Second)
		select {
		case <-paused:
			t.Error("the pause does not wait for the first")
		case <-open:
			t.Error("an invocation was handed out in the pause")
		default:
		}
		respond(t, e, id, "1")
		<-paused
		<-first
		e.Resume() // of a worker of the old runtime: too early
		synctest.Wait()
		select {
		case <-open:
			t.Error("an invocation was handed out before Restart")
		default:
		}
		e.Restart()
		e.Resume()
		id = (<-open).Header().Get(runtimeapi.HeaderRequestID)
		respond(t, e, id, "2")
		if got := (<-second).Body.String(); got != "2" {
			t.Errorf("the second got %s", got)
		}
	})
}

// One that is never answered holds a pause up to its deadline, and not longer than ctx.
func TestPauseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Timeout: time.Minute})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		poll(t, e)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e.Pause(ctx)
		if took := time.Since(start); took != time.Second {
			t.Errorf("a pause that was cancelled took %v", took)
		}
		e.Pause(t.Context())
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the pause took %v", took)
		}
		<-caller
	})
}

// After Restart there is a new environment: its init may fail, or it may be ready, and
// its first REPORT says how long its init took.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := 0
		var log logBuffer
		e := newInBubble(emulator.Config{Timeout: time.Minute, Log: &log, OnReady: func() { ready++ }})
		run := func() string {
			caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
			id, _ := poll(t, e)
			respond(t, e, id, "2")
			return (<-caller).Body.String()
		}
		run()
		e.Pause(t.Context())
		e.Restart()
		waiting := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		synctest.Wait()
		if w := call(t.Context(), e, http.MethodPost, runtimeapi.PathInitError, nil, `{"errorType":"broken"}`); w.Code != http.StatusAccepted {
			t.Errorf("the init error got status %d", w.Code)
		}
		for _, got := range []string{(<-waiting).Body.String(), call(t.Context(), e, http.MethodPost, invocations, nil, "1").Body.String()} {
			if got != `{"errorType":"broken"}` {
				t.Errorf("a caller of the broken environment got %s", got)
			}
		}
		e.Restart()
		time.Sleep(250 * time.Millisecond)
		e.Resume()
		if got := run(); got != "2" || ready != 2 {
			t.Errorf("got %s, ready %d times", got, ready)
		}
		if !strings.Contains(log.String(), "Init Duration: 250.00 ms") {
			t.Errorf("the log is:\n%s", &log)
		}
	})
}

// A poll of the old runtime that comes late gets nothing and is no sign of the new one.
func TestLatePollOfTheOldRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := false
		e := newInBubble(emulator.Config{OnReady: func() { ready = true }})
		e.Restart()
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		ctx, cancel := context.WithCancel(t.Context())
		late := callAsync(ctx, e, http.MethodGet, runtimeapi.PathNext, nil, "")
		synctest.Wait()
		cancel()
		if w := <-late; w.Body.Len() != 0 || ready {
			t.Errorf("it got %s, ready: %v", w.Body, ready)
		}
		e.Resume()
		id, _ := poll(t, e)
		respond(t, e, id, "2")
		if got := (<-caller).Body.String(); got != "2" {
			t.Errorf("the caller got %s", got)
		}
	})
}
