package emulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// reportError reports the error of an invocation.
func reportError(t *testing.T, e *emulator.Emulator, id, body string) {
	t.Helper()
	if w := call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/error", nil, body); w.Code != http.StatusAccepted {
		t.Fatalf("status %d %s", w.Code, w.Body)
	}
}

// checkRecords compares failure records with JSON texts, whatever the white space.
func checkRecords(t *testing.T, got string, want ...string) {
	t.Helper()
	var all bytes.Buffer
	for _, text := range want {
		if err := json.Compact(&all, []byte(text)); err != nil {
			t.Fatal(err)
		}
		all.WriteByte('\n')
	}
	if got != all.String() {
		t.Errorf("the failure records are\n%s, want\n%s", got, all.String())
	}
}

// A failing event is tried after 0, 1 and 2 seconds with one request id, and then discarded with
// Lambda's record.
func TestEventIsRetriedTwice(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, e *emulator.Emulator, id string){
		"error": func(t *testing.T, e *emulator.Emulator, id string) { reportError(t, e, id, `{"errorType":"no"}`) },
		"timeout": func(_ *testing.T, _ *emulator.Emulator, _ string) {
			time.Sleep(10 * time.Second)
			synctest.Wait()
		},
		"stream": func(t *testing.T, e *emulator.Emulator, id string) {
			header := map[string]string{runtimeapi.HeaderResponseMode: runtimeapi.ModeStreaming}
			_ = call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/response", header, strings.Repeat("x", 7<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failures, log logBuffer
				e := newInBubble(emulator.Config{Timeout: 10 * time.Second, OnFailure: &failures, Log: &log})
				event(t, e, ` {"a": 1}`)
				id, first := poll(t, e)
				last := first
				for attempt, delay := range []time.Duration{0, time.Second, 2 * time.Second} {
					if attempt > 0 {
						var again string
						begin := time.Now()
						again, last = poll(t, e)
						if waited := time.Since(begin); again != id || waited != delay {
							t.Fatalf("attempt %d: id %s after %v, want %s after %v", attempt+1, again, waited, id, delay)
						}
					}
					if last.Body.String() != ` {"a": 1}` || last.Header().Get(runtimeapi.HeaderTraceID) != first.Header().Get(runtimeapi.HeaderTraceID) {
						t.Errorf("attempt %d got %s, %v", attempt+1, last.Body, last.Header())
					}
					if attempt > 0 && last.Header().Get(runtimeapi.HeaderInvocationID) == first.Header().Get(runtimeapi.HeaderInvocationID) {
						t.Error("two attempts cannot be told apart")
					}
					fail(t, e, id)
				}
				var record struct{ ResponsePayload json.RawMessage }
				if err := json.Unmarshal([]byte(failures.String()), &record); err != nil {
					t.Fatalf("%v: %s", err, failures.String())
				}
				checkRecords(t, failures.String(), `{
					"version": "1.0",
					"timestamp": "`+time.Now().UTC().Format("2006-01-02T15:04:05.000Z")+`",
					"requestContext": {
						"requestId": "`+id+`",
						"functionArn": "arn:aws:lambda:us-east-1:012345678912:function:function:$LATEST",
						"condition": "RetriesExhausted",
						"approximateInvokeCount": 3
					},
					"requestPayload": {"a": 1},
					"responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
					"responsePayload": `+string(record.ResponsePayload)+`
				}`)
				if !strings.Contains(string(record.ResponsePayload), `"errorType":`) {
					t.Errorf("the response payload is %s", record.ResponsePayload)
				}
				for _, note := range []string{
					"attempt 1 of 3, retrying in 1s (in Lambda: 1m0s)", "attempt 2 of 3, retrying in 2s (in Lambda: 2m0s)",
					"asynchronous invocation discarded after 3 attempts: RetriesExhausted",
				} {
					if strings.Count(log.String(), id+" ") < 3 || strings.Count(log.String(), note) != 1 {
						t.Errorf("%q is not in the log once:\n%s", note, log.String())
					}
				}
				if lost := e.Close(); lost != 0 {
					t.Errorf("%d are left", lost)
				}
			})
		})
	}
}

func TestEventThatRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{OnFailure: &failures})
		event(t, e, "1")
		id, _ := poll(t, e)
		reportError(t, e, id, "{}")
		again, _ := poll(t, e)
		if status := respond(t, e, again, "1"); status != http.StatusAccepted {
			t.Errorf("status %d", status)
		}
		time.Sleep(time.Hour)
		if lost := e.Close(); lost != 0 || failures.String() != "" {
			t.Errorf("%d are left, failures %s", lost, failures.String())
		}
	})
}

// Other kinds of invocations are not retried.
func TestOnlyEventsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{OnFailure: &failures})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, "1")
		id, _ := poll(t, e)
		reportError(t, e, id, "{}")
		if got := <-caller; got.Header().Get("X-Amz-Function-Error") != "Unhandled" {
			t.Errorf("got %v", got.Header())
		}
		if lost := e.Close(); lost != 0 || failures.String() != "" {
			t.Errorf("%d are left, failures %s", lost, failures.String())
		}
	})
}

// An event that waits for a worker for too long is discarded without an attempt.
func TestEventThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{Timeout: time.Hour, OnFailure: &failures})
		event(t, e, "not JSON")
		event(t, e, "too old, too")
		time.Sleep(6*time.Minute + time.Millisecond)
		event(t, e, "young")
		if _, w := poll(t, e); w.Body.String() != "young" {
			t.Errorf("the runtime got %s", w.Body)
		}
		for i, payload := range []string{`"not JSON"`, `"too old, too"`} {
			line := strings.SplitAfter(failures.String(), "\n")[i]
			if !strings.HasSuffix(line, `"condition":"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":`+payload+"}\n") {
				t.Errorf("record %d is %s", i, line)
			}
		}
	})
}

// A retry that would come too late is not made.
func TestRetryThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{Timeout: time.Hour, OnFailure: &failures})
		event(t, e, "1")
		id, _ := poll(t, e)
		time.Sleep(6*time.Minute - time.Second + 1)
		reportError(t, e, id, `{"errorType":"late"}`)
		if got := failures.String(); !strings.Contains(got, `"EventAgeExceeded","approximateInvokeCount":1`) || !strings.Contains(got, `"responsePayload":{"errorType":"late"}`) {
			t.Errorf("the record is %s", got)
		}
	})
}

// A retry that finds the queue full is not an attempt: it waits for room. Until then, callers that wait
// for an answer are not refused because of it.
func TestRetryIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{Timeout: time.Hour, Limit: 1, OnFailure: &failures})
		event(t, e, "1")
		id, _ := poll(t, e)
		reportError(t, e, id, "{}")
		busy := callAsync(t.Context(), e, http.MethodPost, invocations, nil, `"busy"`)
		other, w := poll(t, e)
		if w.Body.String() != `"busy"` {
			t.Fatalf("the runtime got %s", w.Body)
		}
		time.Sleep(20 * time.Second)
		respond(t, e, other, "1")
		<-busy
		again, _ := poll(t, e)
		reportError(t, e, again, "{}")
		third, _ := poll(t, e)
		reportError(t, e, third, "{}")
		if got := failures.String(); third != id || !strings.Contains(got, `"RetriesExhausted","approximateInvokeCount":3`) {
			t.Errorf("%s is not %s, or the record is wrong: %s", third, id, got)
		}

		event(t, e, "2")
		id, _ = poll(t, e)
		reportError(t, e, id, "{}")
		callAsync(t.Context(), e, http.MethodPost, invocations, nil, `"busy"`)
		other, _ = poll(t, e)
		time.Sleep(7 * time.Minute)
		if got := failures.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"EventAgeExceeded","approximateInvokeCount":1`) {
			t.Errorf("the records are %s", got)
		}
		respond(t, e, other, "1")
	})
}

// The events that wait for another attempt are bounded: further events are refused.
func TestRetriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Limit: 2})
		for range 2 {
			event(t, e, "1")
			id, _ := poll(t, e)
			reportError(t, e, id, "{}")
		}
		w := call(t.Context(), e, http.MethodPost, invocations, map[string]string{"X-Amz-Invocation-Type": "Event"}, "1")
		if w.Code != http.StatusTooManyRequests {
			t.Errorf("status %d", w.Code)
		}
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, nil, `"waits"`)
		id, w := poll(t, e)
		respond(t, e, id, "1")
		if got := <-caller; got.Code != http.StatusOK || w.Body.String() != `"waits"` {
			t.Errorf("status %d", got.Code)
		}
		if lost := e.Close(); lost != 2 {
			t.Errorf("%d were lost, want 2", lost)
		}
	})
}

// A failed init fails each attempt.
func TestEventAndFailedInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures logBuffer
		e := newInBubble(emulator.Config{OnFailure: &failures})
		event(t, e, "1")
		call(t.Context(), e, http.MethodPost, runtimeapi.PathInitError, nil, `{"errorType":"init"}`)
		event(t, e, "2")
		time.Sleep(4 * time.Second)
		got := failures.String()
		if strings.Count(got, `"RetriesExhausted","approximateInvokeCount":3`) != 2 || strings.Count(got, `"responsePayload":{"errorType":"init"}`) != 2 {
			t.Errorf("the records are %s", got)
		}
	})
}

func TestCloseCountsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		event(t, e, `"fails"`)
		id, _ := poll(t, e)
		event(t, e, `"waits"`)
		reportError(t, e, id, "{}")
		if lost := e.Close(); lost != 2 {
			t.Errorf("%d were lost, want 2", lost)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFailureRecordThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		e := newInBubble(emulator.Config{OnFailure: brokenWriter{}, Log: &log})
		event(t, e, "1")
		for range 3 {
			id, _ := poll(t, e)
			reportError(t, e, id, "{}")
		}
		if !strings.Contains(log.String(), "failure record not written: disk full") {
			t.Errorf("the log is %s", log.String())
		}
	})
}
