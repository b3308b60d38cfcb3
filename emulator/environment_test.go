package emulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A pause waits for running invocations and keeps new ones in the queue.
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
		e.Resume() // by a worker of the old runtime: too early
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

// A pause ends with ctx, or with the deadline of an invocation that is never answered.
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

// After Restart there is a new environment: its init may fail or succeed, and its first REPORT
// line has the duration of its init.
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

// A late poll of the old runtime gets nothing, and does not make the new one ready.
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

func TestInitError(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "Runtime.NoSuchHandler", Message: "no such handler"}
	l := listen(t, emulator.Config{OnReady: func() { t.Error("OnReady was called") }})
	early := l.invokeAsync(t, nil, "{}")
	c := l.client(t)
	if err := c.InitError(t.Context(), failure); err != nil {
		t.Fatal(err)
	}
	for _, got := range []result{receive(t, early), l.invoke(t, nil, "{}")} {
		checkFunctionError(t, got, "Runtime.NoSuchHandler", "no such handler")
	}
	checkStatusError(t, c.InitError(t.Context(), failure), http.StatusForbidden)
	_, err := c.Next(t.Context())
	checkStatusError(t, err, http.StatusForbidden)
}

func TestInitErrorAfterNextIsRefused(t *testing.T) {
	l := listen(t, emulator.Config{})
	event(t, l.Emulator, "{}")
	c := l.client(t)
	next(t, c)
	checkStatusError(t, c.InitError(t.Context(), &runtimeapi.ErrorReport{}), http.StatusForbidden)
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

// An init that takes no time, by the bubble's clock, is still an init.
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
