package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// The calls of a runtime.
var (
	restoreNext  = [2]string{http.MethodGet, runtimeapi.PathRestoreNext}
	restoreError = [2]string{http.MethodPost, runtimeapi.PathRestoreError}
	initError    = [2]string{http.MethodPost, runtimeapi.PathInitError}
	register     = [2]string{http.MethodPost, runtimeapi.PathRegister}
	nextEvent    = [2]string{http.MethodGet, runtimeapi.PathNext}
)

// send makes one of the calls, as the runtime of an environment.
func send(ctx context.Context, e *emulator.Emulator, environment int, c [2]string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, c[0], c[1], strings.NewReader(`{"errorType":"sent"}`))
	r.Header.Set(runtimeapi.HeaderExtensionName, "x")
	w := httptest.NewRecorder()
	e.Environment(environment).ServeHTTP(w, r)
	return w
}

// sendAsync is send in the background.
func sendAsync(ctx context.Context, e *emulator.Emulator, environment int, c [2]string) <-chan *httptest.ResponseRecorder {
	got := make(chan *httptest.ResponseRecorder, 1)
	go func() { got <- send(ctx, e, environment, c) }() // synctest waits for it
	return got
}

// A call that waits has no answer yet.
func checkWaits(t *testing.T, got <-chan *httptest.ResponseRecorder) {
	t.Helper()
	synctest.Wait()
	select {
	case w := <-got:
		t.Errorf("a call that should wait got status %d %s", w.Code, w.Body)
	default:
	}
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		var happened []string
		e := newInBubble(emulator.Config{
			Log:     &log,
			OnReady: func() { t.Error("OnReady was called") },
			SnapStart: &emulator.SnapStart{
				OnPrepared: func(n int, took time.Duration) { happened = append(happened, fmt.Sprint("prepared ", n, took)) },
				OnRestored: func(n int, took time.Duration) { happened = append(happened, fmt.Sprint("restored ", n, took)) },
			},
		})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		if w := send(t.Context(), e, 0, register); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"functionVersion":"1"`) {
			t.Errorf("the registration got status %d %s", w.Code, w.Body)
		}
		waits := sendAsync(t.Context(), e, 0, restoreNext)
		checkWaits(t, waits)
		if w := send(t.Context(), e, 0, register); w.Code != http.StatusForbidden {
			t.Errorf("a registration before the snapshot is taken got status %d, want 403", w.Code)
		}
		time.Sleep(time.Hour)
		e.Restore(0)
		if w := <-waits; w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("/restore/next got status %d %s", w.Code, w.Body)
		}
		time.Sleep(70*time.Millisecond + 500*time.Microsecond)
		polls := sendAsync(t.Context(), e, 0, nextEvent)
		checkWaits(t, polls)
		if got, want := strings.Join(happened, ", "), "prepared 0 1.5s, restored 0 70.5ms"; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
		e.Resume()
		id := (<-polls).Header().Get(runtimeapi.HeaderRequestID)
		respond(t, e, id, "2")
		if w := <-caller; w.Body.String() != "2" || w.Header().Get("X-Amz-Executed-Version") != "1" {
			t.Errorf("the caller got %s of version %s", w.Body, w.Header().Get("X-Amz-Executed-Version"))
		}
		if got := log.String(); !strings.Contains(got, "Restore Duration: 70.50 ms\tBilled Restore Duration: 71 ms\n") ||
			strings.Contains(got, "Init Duration") || !strings.Contains(got, " Version: 1\n") {
			t.Errorf("the log is %s", got)
		}
	})
}

// Each state allows the calls that Lambda allows.
func TestStatesOfARestore(t *testing.T) {
	states := map[string]func(*testing.T, *emulator.Emulator) (leave func()){
		"initializing": func(*testing.T, *emulator.Emulator) func() { return func() {} },
		"prepared":     prepared,
		"restoring": func(t *testing.T, e *emulator.Emulator) func() {
			defer prepared(t, e)()
			e.Restore(0)
			synctest.Wait()
			return func() {}
		},
		"ready": func(t *testing.T, e *emulator.Emulator) func() {
			e.Restore(0)
			return polls(t, e)
		},
		"ready without a restore": polls,
		"failed": func(t *testing.T, e *emulator.Emulator) func() {
			e.Restore(0)
			send(t.Context(), e, 0, restoreError)
			return func() {}
		},
	}
	for _, row := range []struct {
		state  string
		call   [2]string
		status int // 0 if it waits
	}{
		{"initializing", restoreNext, 0},
		{"initializing", restoreError, http.StatusForbidden},
		{"initializing", initError, http.StatusAccepted},
		{"initializing", register, http.StatusOK},
		{"initializing", nextEvent, 0}, // a runtime without hooks

		{"prepared", restoreNext, http.StatusForbidden},
		{"prepared", restoreError, http.StatusForbidden},
		{"prepared", initError, http.StatusForbidden},
		{"prepared", register, http.StatusForbidden},
		{"prepared", nextEvent, http.StatusForbidden},

		{"restoring", restoreNext, http.StatusOK}, // asked again after a broken connection
		{"restoring", restoreError, http.StatusAccepted},
		{"restoring", initError, http.StatusForbidden},
		{"restoring", register, http.StatusForbidden},
		{"restoring", nextEvent, 0},

		{"ready", restoreNext, http.StatusForbidden},
		{"ready", restoreError, http.StatusForbidden},
		{"ready", initError, http.StatusForbidden},
		{"ready", register, http.StatusForbidden},
		{"ready", nextEvent, 0},
		{"ready without a restore", restoreNext, http.StatusForbidden},
		{"ready without a restore", restoreError, http.StatusForbidden},

		{"failed", restoreNext, http.StatusForbidden},
		{"failed", restoreError, http.StatusForbidden},
		{"failed", initError, http.StatusForbidden},
		{"failed", nextEvent, http.StatusForbidden},
	} {
		t.Run(row.state+row.call[1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newInBubble(emulator.Config{SnapStart: &emulator.SnapStart{}})
				defer states[row.state](t, e)()
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				got := sendAsync(ctx, e, 0, row.call)
				if row.status == 0 {
					checkWaits(t, got)
					return
				}
				if w := <-got; w.Code != row.status {
					t.Errorf("got status %d %s, want %d", w.Code, w.Body, row.status)
				} else if w.Code == http.StatusForbidden && row.call != register && !strings.Contains(w.Body.String(), "InvalidStateTransition") {
					t.Errorf("got %s", w.Body)
				}
			})
		})
	}
}

// prepared calls /restore/next, which waits until leave.
func prepared(t *testing.T, e *emulator.Emulator) (leave func()) { return begin(t, e, restoreNext) }

// polls calls /next, which waits until leave.
func polls(t *testing.T, e *emulator.Emulator) (leave func()) { return begin(t, e, nextEvent) }

func begin(t *testing.T, e *emulator.Emulator, c [2]string) (leave func()) {
	ctx, leave := context.WithCancel(t.Context())
	sendAsync(ctx, e, 0, c)
	synctest.Wait()
	return leave
}

// A runtime whose connection broke may ask again, before the restore and after it. That is not a
// second init.
func TestRestoreAfterABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := 0
		e := newInBubble(emulator.Config{SnapStart: &emulator.SnapStart{OnPrepared: func(int, time.Duration) { times++ }}})
		prepared(t, e)() // and leaves
		synctest.Wait()
		again := sendAsync(t.Context(), e, 0, restoreNext)
		checkWaits(t, again)
		e.Restore(0)
		for _, w := range []*httptest.ResponseRecorder{<-again, send(t.Context(), e, 0, restoreNext)} {
			if w.Code != http.StatusOK {
				t.Errorf("got status %d %s", w.Code, w.Body)
			}
		}
		if times != 1 {
			t.Errorf("OnPrepared was called %d times", times)
		}
	})
}

// The error of a restore answers those who wait and those who come later.
func TestRestoreErrorAnswersCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{SnapStart: &emulator.SnapStart{}})
		early := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		synctest.Wait()
		e.Restore(0)
		if e.Failed(0) {
			t.Error("the environment has failed already")
		}
		send(t.Context(), e, 0, restoreError)
		if !e.Failed(0) {
			t.Error("the environment has not failed")
		}
		for _, w := range []*httptest.ResponseRecorder{<-early, call(t.Context(), e, http.MethodPost, invocations, nil, "1")} {
			checkFunctionError(t, result{w.Code, w.Header(), w.Body.String()}, "sent", "")
		}
	})
}

// Several environments are told apart, serve alternately and have a line prefix of their own.
func TestEnvironmentsServeAlternately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		var restored []int
		e := newInBubble(emulator.Config{
			Log:        &log,
			PeakMemory: func(n int) int64 { return int64(n+1) << 20 },
			SnapStart: &emulator.SnapStart{
				Environments: 3,
				OnRestored:   func(n int, _ time.Duration) { restored = append(restored, n) },
			},
		})
		ctx, leave := context.WithCancel(t.Context())
		serve := func(n int) { // two slots each
			for range 2 {
				go func() { // synctest waits for it
					for {
						w := send(ctx, e, n, nextEvent)
						if ctx.Err() != nil {
							return
						}
						respond(t, e, w.Header().Get(runtimeapi.HeaderRequestID), fmt.Sprint(n))
					}
				}()
			}
			synctest.Wait()
		}
		for n := range 3 {
			time.Sleep(time.Millisecond)
			e.Restore(n)
			time.Sleep(time.Duration(n+1) * time.Second)
			serve(n)
		}
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		checkWaits(t, caller)
		e.Resume()
		got := (<-caller).Body.String()
		for range 5 {
			synctest.Wait()
			got += call(t.Context(), e, http.MethodPost, invocations, nil, "1").Body.String()
		}
		if got != "012012" || fmt.Sprint(restored) != "[0 1 2]" {
			t.Errorf("%s have answered, restored %v", got, restored)
		}
		for n := range 3 {
			want := regexp.MustCompile(fmt.Sprintf(
				`(?m)^\[%[1]d\] START .*\n\[%[1]d\] END .*\n\[%[1]d\] REPORT .*Max Memory Used: %[1]d MB\tRestore Duration: %[1]d000\.00 ms\tBilled`, n+1))
			if !want.MatchString(log.String()) {
				t.Errorf("%s is not in the log:\n%s", want, log.String())
			}
		}
		if n := strings.Count(log.String(), "Billed Restore Duration"); n != 3 {
			t.Errorf("the restore is in %d lines:\n%s", n, log.String())
		}
		leave()
		synctest.Wait()
	})
}

// Events that come at once are handed out to all slots of all environments.
func TestEnvironmentsServeAtOnce(t *testing.T) {
	for range 20 { // the order in which waiting calls see an event is random
		synctest.Test(t, func(t *testing.T) {
			const environments, slots = 3, 3
			e := newInBubble(emulator.Config{Timeout: time.Hour, SnapStart: &emulator.SnapStart{Environments: environments}})
			e.Resume()
			ids := make(chan string, environments*slots)
			for n := range environments {
				for range slots {
					go func() { // synctest waits for it
						ids <- send(t.Context(), e, n, nextEvent).Header().Get(runtimeapi.HeaderRequestID)
					}()
				}
			}
			synctest.Wait()
			for range environments * slots {
				event(t, e, "1")
			}
			synctest.Wait()
			if len(ids) != environments*slots {
				t.Fatalf("%d events were handed out", len(ids))
			}
			for range environments * slots {
				respond(t, e, <-ids, "2")
			}
		})
	}
}

// An environment that has left gives its turn to another one.
func TestTurnOfAnEnvironmentThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{SnapStart: &emulator.SnapStart{Environments: 2}})
		e.Resume()
		first := sendAsync(t.Context(), e, 0, nextEvent)
		event(t, e, "1")
		<-first // the turn of 1
		ctx, leave := context.WithCancel(t.Context())
		sendAsync(ctx, e, 1, nextEvent)
		second := sendAsync(t.Context(), e, 0, nextEvent)
		synctest.Wait()
		leave()
		synctest.Wait()
		event(t, e, "2")
		if w := <-second; w.Body.String() != "2" {
			t.Errorf("got %s", w.Body)
		}
	})
}

// The lines of an environment are flushed before an invocation ends.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *emulator.Emulator
		var id string
		e = newInBubble(emulator.Config{Flush: func(n int) { e.AppendLog(id, []byte("late\n")) }})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, askForTail, "1")
		id, _ = poll(t, e)
		respond(t, e, id, "2")
		if tail := decodeTail(t, (<-caller).Header()); !strings.Contains(tail, "late\nEND RequestId") {
			t.Errorf("the tail is %q", tail)
		}
	})
}

func TestCredentials(t *testing.T) {
	expiration := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	e := emulator.New(emulator.Config{SnapStart: &emulator.SnapStart{
		Token:       "secret",
		Credentials: func() emulator.Credentials { return emulator.Credentials{"id", "key", "session", expiration} },
	}})
	w := call(t.Context(), e, http.MethodGet, emulator.PathCredentials, map[string]string{"Authorization": "secret"}, "")
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
	}
	if want := "map[AccessKeyId:id Expiration:2026-07-01T12:00:00Z SecretAccessKey:key Token:session]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for _, token := range []string{"", "secre", "secret ", "Bearer secret"} {
		w := call(t.Context(), e, http.MethodGet, emulator.PathCredentials, map[string]string{"Authorization": token}, "")
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "key") {
			t.Errorf("%q got status %d %s", token, w.Code, w.Body)
		}
	}
}

// Without credentials or a token, the endpoint has none to give.
func TestNoCredentials(t *testing.T) {
	for _, s := range []emulator.SnapStart{{Token: "x"}, {Credentials: func() emulator.Credentials { return emulator.Credentials{} }}} {
		e := emulator.New(emulator.Config{SnapStart: &s})
		w := call(t.Context(), e, http.MethodGet, emulator.PathCredentials, map[string]string{"Authorization": s.Token}, "")
		if w.Code != http.StatusNotFound {
			t.Errorf("got status %d %s", w.Code, w.Body)
		}
	}
}

// A function without SnapStart has none of its routes.
func TestNoSnapStart(t *testing.T) {
	e := emulator.New(emulator.Config{})
	for _, c := range [][2]string{restoreNext, restoreError, {http.MethodGet, emulator.PathCredentials}} {
		if w := send(t.Context(), e, 0, c); w.Code != http.StatusNotFound {
			t.Errorf("%s got status %d", c[1], w.Code)
		}
	}
}
