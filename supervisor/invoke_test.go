package supervisor

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

func TestInvocationIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).run()
		inv := &runtimeapi.Invocation{
			ID:              "8476a536",
			Deadline:        time.UnixMilli(time.Now().UnixMilli() + 3000),
			FunctionARN:     "arn:aws:lambda:eu-west-1:1:function:f",
			TraceID:         "Root=1-5bef4de7",
			ClientContext:   `{"client":1}`,
			CognitoIdentity: `{"cognitoIdentityId":"x"}`,
			TenantID:        "blue",
			InvocationID:    "echoed by the client",
			Event:           []byte("event 8476a536"),
		}
		r.api.events <- inv
		r.after(0)
		r.answered(inv.ID)
		got, interrupts, kills, _ := r.worker(1).history()
		want := protocol.Invoke{
			Type:          protocol.TypeInvoke,
			ID:            "8476a536",
			DeadlineMs:    inv.Deadline.UnixMilli(),
			FunctionARN:   "arn:aws:lambda:eu-west-1:1:function:f",
			TraceID:       "Root=1-5bef4de7",
			ClientContext: `{"client":1}`,
			Identity:      `{"cognitoIdentityId":"x"}`,
			TenantID:      "blue",
		}
		if !reflect.DeepEqual(got, []protocol.Invoke{want}) {
			t.Errorf("R was sent\n %+v, want\n %+v", got, want)
		}
		r.after(time.Hour)
		if len(interrupts)+len(kills) != 0 {
			t.Errorf("interrupts %v, kills %v: want none", interrupts, kills)
		}
	})
}

// Every field of an invocation reaches R, so a header that is added to Invocation cannot be
// forgotten on its way.
func TestEveryFieldReachesR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).run()
		inv := event("id", 3*time.Second)
		fields := reflect.ValueOf(inv).Elem()
		value := func(name string) string { return `"value of ` + name + `"` } // JSON, as some must be
		var names []string
		for i := range fields.NumField() {
			name := fields.Type().Field(i).Name
			switch name {
			case "ID", "Deadline", "Event": // TestInvocationIsAnswered checks these
			case "InvocationID": // only the client of the Runtime API uses it
			default:
				fields.Field(i).SetString(value(name))
				names = append(names, name)
			}
		}
		r.api.events <- inv
		r.after(0)
		r.answered("id")
		sent, _, _, _ := r.worker(1).history()
		for _, name := range names {
			if text := fmt.Sprint(sent); !strings.Contains(text, value(name)) {
				t.Errorf("%s does not reach R: %s", name, text)
			}
		}
	})
}

// A slot keeps its worker, and polls only after it has reported the invocation before.
func TestWorkerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Second))
		r.api.onRespond = func(_ context.Context, _ *runtimeapi.Invocation) error {
			time.Sleep(time.Second)
			return nil
		}
		r.run()
		var want []string
		for i := range 5 {
			id := fmt.Sprint("id", i)
			want = append(want, id)
			r.send(id, 3*time.Second)
			if r.api.open() != 0 {
				t.Error("the slot polls while its worker is busy")
			}
			r.after(1500 * time.Millisecond)
			if r.api.open() != 0 {
				t.Error("the slot polls while it reports")
			}
			r.after(500 * time.Millisecond)
			r.answered(id)
		}
		r.ready(1)
		if got := r.worker(1).ids(); !slices.Equal(got, want) {
			t.Errorf("the worker was sent %v, want %v", got, want)
		}
	})
}

// Each slot polls as soon as its own worker is ready.
func TestPollsOnlyWhenReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Minute))
		r.Slots = 3
		r.spawn = func(_ context.Context, n int, _ *fakeWorker) error {
			time.Sleep(time.Duration(max(1, n-1)) * time.Second) // the second begins with the third, after the first
			return nil
		}
		r.run()
		for n := range 4 {
			if got := r.api.open(); got != n {
				t.Errorf("%d polls with %d workers ready", got, n)
			}
			r.after(time.Second)
		}
		for n := 2; n >= 0; n-- {
			r.send(fmt.Sprint("id", n), 0)
			if got := r.api.open(); got != n {
				t.Errorf("%d polls with %d workers idle", got, n)
			}
		}
		r.after(time.Minute)
		slots := map[int]bool{}
		for n := range 3 {
			r.answered(fmt.Sprint("id", n))
			slots[r.worker(n+1).slot] = true
		}
		if len(slots) != 3 || r.api.open() != 3 {
			t.Errorf("the workers are of the slots %v, and %d poll", slots, r.api.open())
		}
	})
}

// A failure that R reported, or that R never saw, does not cost the worker.
func TestErrorKeepsWorker(t *testing.T) {
	stack := []protocol.StackFrame{{Call: "handler(event)", File: "app.R", Line: 7}, {Call: "pick(x)"}}
	for _, test := range []struct {
		name    string
		err     error // of Invoke
		change  func(inv *runtimeapi.Invocation)
		reaches bool // R
		typ     string
		message string
		frames  int
	}{
		{"handler error", &protocol.HandlerError{Type: "simpleError", Message: "no such column", Stack: stack}, nil,
			true, "simpleError", "no such column", 2},
		{"result too large", &protocol.FrameTooLargeError{Size: 7_000_000, Limit: runtimeapi.MaxResponse}, nil,
			true, "Function.ResponseSizeTooLarge", "the result has 7000000 bytes of JSON; Lambda takes at most 6291556", 0},
		{"client context", nil, func(inv *runtimeapi.Invocation) { inv.ClientContext = "{" },
			false, "Runtime.UnmarshalError", "the invocation's Lambda-Runtime-Client-Context header is not valid JSON", 0},
		{"identity", nil, func(inv *runtimeapi.Invocation) { inv.CognitoIdentity = "me" },
			false, "Runtime.UnmarshalError", "the invocation's Lambda-Runtime-Cognito-Identity header is not valid JSON", 0},
		{"client context with a NUL", nil, func(inv *runtimeapi.Invocation) { inv.ClientContext = `{"custom":{"k":"a\u0000b"}}` },
			false, "Runtime.UnmarshalError", `the invocation's Lambda-Runtime-Client-Context header contains \u0000, which R cannot hold in a string`, 0},
		{"identity with a NUL in a name", nil, func(inv *runtimeapi.Invocation) { inv.CognitoIdentity = `{"\\\u0000":1}` },
			false, "Runtime.UnmarshalError", `the invocation's Lambda-Runtime-Cognito-Identity header contains \u0000, which R cannot hold in a string`, 0},
		{"client context in Latin-1", nil, func(inv *runtimeapi.Invocation) { inv.ClientContext = "\"\xe9\"" },
			false, "Runtime.UnmarshalError", "the invocation's Lambda-Runtime-Client-Context header is not valid UTF-8", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
					if inv.ID == "bad" && test.err != nil {
						return nil, test.err
					}
					return echo(w, inv, event)
				}).run()
				bad := event("bad", 3*time.Second)
				if test.change != nil {
					test.change(bad)
				}
				r.api.events <- bad
				r.after(0)
				report := r.failed("bad", test.typ).report
				if report.Message != test.message || len(report.Stack) != test.frames {
					t.Errorf("reported %+v, want the message %q and %d frames", report, test.message, test.frames)
				}
				if reached := slices.Contains(r.worker(1).ids(), "bad"); reached != test.reaches {
					t.Errorf("reached R: %v, want %v", reached, test.reaches)
				}
				r.send("good", 3*time.Second)
				r.answered("good")
				r.after(time.Minute)
				r.ready(1)
				if _, interrupts, kills, shutdowns := r.worker(1).history(); len(interrupts)+len(kills)+shutdowns != 0 {
					t.Errorf("interrupts %v, kills %v, %d shutdowns: want none", interrupts, kills, shutdowns)
				}
				if n := len(r.logs.find(t, "invocation error")); n != 1 {
					t.Errorf("%d invocation errors in the log, want 1", n)
				}
			})
		})
	}
}

// An error after which R cannot be trusted ends the worker. The next one is spawned before
// the report of the error has arrived.
func TestErrorEndsWorker(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		typ  string
	}{
		{"crash", crash{}, "Runtime.WorkerCrashed"},
		{"violation", &protocol.ProtocolError{Reason: "two replies"}, "Runtime.ProtocolError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failed atomic.Bool
				r := newRig(t, func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
					if failed.Swap(true) {
						return echo(w, inv, event)
					}
					return nil, test.err
				})
				r.api.onInvocationError = func(context.Context, *runtimeapi.Invocation) error {
					time.Sleep(time.Second)
					return nil
				}
				r.run().send("bad", 3*time.Second)
				r.ready(2)
				if _, _, kills, shutdowns := r.worker(1).history(); len(kills) != 1 || shutdowns != 1 {
					t.Errorf("%d kills and %d shutdowns of the worker, want 1 of each", len(kills), shutdowns)
				}
				r.after(time.Second)
				r.failed("bad", test.typ)
				r.send("good", 3*time.Second)
				r.answered("good")
				r.ready(2)
			})
		})
	}
}

// An invocation that was not sent goes to the next worker.
func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.spawn = func(_ context.Context, n int, w *fakeWorker) error {
			if n == 1 {
				w.onInvoke = func(*fakeWorker, protocol.Invoke, []byte) ([]byte, error) {
					return nil, fmt.Errorf("%w: it is dead", protocol.ErrNotSent)
				}
			}
			return nil
		}
		r.run().send("id", 3*time.Second)
		r.answered("id")
		r.ready(2)
		for n := 1; n <= 2; n++ {
			if ids := r.worker(n).ids(); !slices.Equal(ids, []string{"id"}) {
				t.Errorf("worker %d was given %v, want the invocation once", n, ids)
			}
		}
		if n := len(r.api.ended("error", "")); n != 0 {
			t.Errorf("%d errors reported, want none", n)
		}
	})
}

// An invocation that no worker can take is tried until its deadline is near.
func TestNotSentToAnyWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*fakeWorker, protocol.Invoke, []byte) ([]byte, error) {
			return nil, protocol.ErrNotSent
		}).run()
		inv := r.send("id", 3*time.Second)
		r.after(time.Minute)
		c := r.failed("id", "Runtime.WorkerUnavailable")
		if want := inv.Deadline.Add(-r.Margin); !c.began.Equal(want) || c.report.Message != errNoWorker.Error() {
			t.Errorf("reported %s before the deadline: %s", inv.Deadline.Sub(c.began), c.report.Message)
		}
		if n := len(r.spawns()); n < 3 || n > 8 {
			t.Errorf("%d workers were tried: want a few", n)
		}
	})
}

func TestHasNUL(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`:                        false,
		`"u0000"`:                   false,
		`"\u0000"`:                  true,
		`"\u00001"`:                 true,
		`"a\\u0000"`:                false, // a backslash, and text
		`"a\\\u0000"`:               true,  // a backslash, and a NUL
		`["\n\"\\","\u0001\u0000"]`: true,
		`{"\u0000":1}`:              true,
		`"\u0001\u000a\\"`:          false,
	} {
		if got := hasNUL(text); got != want {
			t.Errorf("hasNUL(%s) = %v, want %v", text, got, want)
		}
	}
}
