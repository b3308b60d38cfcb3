package supervisor

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// streams returns a handler that streams the pieces, each after d, until the writer
// refuses one or it is killed, and then ends as end does with the writer's error.
func streams(d time.Duration, end func(w *fakeWorker, writeErr error) error, pieces ...string) handler {
	return func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
		if inv.ID == "next" {
			return echo(w, inv, event)
		}
		var out io.Writer
		for _, piece := range pieces {
			select {
			case <-time.After(d):
			case <-w.done:
				return nil, crash{}
			}
			if out == nil {
				out = w.open(protocol.StreamHead{ContentType: "text/csv"})
			}
			if _, err := out.Write([]byte(piece)); err != nil {
				return nil, end(w, err)
			}
		}
		return nil, end(w, nil)
	}
}

// well ends a stream as R does if the handler returns, whether or not a write failed.
func well(*fakeWorker, error) error { return nil }

// signals ends a stream as R does if the handler signals an error.
func signals(_ *fakeWorker, writeErr error) error {
	if writeErr != nil {
		return &protocol.HandlerError{Type: "stream_closed", Message: writeErr.Error(), Stack: []protocol.StackFrame{{Call: "write(x)"}}}
	}
	return &protocol.HandlerError{Type: "simpleError", Message: "no"}
}

func TestStreamIsTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
			if inv.ID == "next" {
				return echo(w, inv, event)
			}
			out := w.open(protocol.StreamHead{Prelude: &protocol.Prelude{StatusCode: 201, Cookies: []string{"a=1"}}})
			_, err := io.WriteString(out, "a")
			return nil, errors.Join(err)
		}).run()
		r.send("id", 3*time.Second)
		c := r.streamed("id", "a", "")
		if want := (&runtimeapi.Prelude{StatusCode: 201, Cookies: []string{"a=1"}}); !reflect.DeepEqual(c.prelude, want) {
			t.Errorf("prelude %+v, want %+v", c.prelude, want)
		}
		if n := len(r.logs.find(t, "posted")); n != 1 {
			t.Errorf("%d reports in the log, want 1", n)
		}
		r.send("next", 3*time.Second)
		r.answered("next")
		r.after(time.Minute).ready(1)
	})
}

// A stream that breaks off reports why, and that decides whether the worker is kept.
func TestStreamBreaksOff(t *testing.T) {
	for _, test := range []struct {
		name    string
		end     func(w *fakeWorker, writeErr error) error
		typ     string
		workers int
	}{
		{"handler error", signals, "simpleError", 1},
		{"crash", func(w *fakeWorker, _ error) error { w.die(); return crash{} }, "Runtime.WorkerCrashed", 2},
		{"violation", func(*fakeWorker, error) error { return &protocol.ProtocolError{Reason: "two ends"} }, "Runtime.ProtocolError", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, streams(0, test.end, "a", "b")).run()
				r.send("id", 3*time.Second)
				r.streamed("id", "ab", test.typ)
				if n := len(r.logs.find(t, "invocation error")); n != 1 {
					t.Errorf("%d invocation errors in the log, want 1", n)
				}
				r.send("next", 3*time.Second)
				r.answered("next")
				r.ready(test.workers)
			})
		})
	}
}

// Before the first piece there is no stream, so a failure is an ordinary report.
func TestFailureBeforeStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, streams(0, signals)).run()
		r.send("id", 3*time.Second)
		r.failed("id", "simpleError")
	})
}

// A stream that is not complete at the deadline breaks off with a timeout.
func TestDeadlineInStream(t *testing.T) {
	interrupted := func(w *fakeWorker, _ error) error {
		<-w.interrupted
		return &protocol.HandlerError{Type: "Runtime.Interrupted", Stack: []protocol.StackFrame{{Call: "Sys.sleep(60)"}}}
	}
	killed := func(w *fakeWorker, _ error) error { <-w.done; return crash{} }
	for _, test := range []struct {
		name string
		end  func(*fakeWorker, error) error
		at   time.Duration // before the deadline
		said string
	}{
		{"R says where it was", interrupted, 200 * time.Millisecond, "it was in Sys.sleep(60)"},
		{"R does not react", killed, 100 * time.Millisecond, "and was killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, streams(time.Second, test.end, "a", "b")).run()
				inv := r.send("id", 3*time.Second)
				r.after(10 * time.Second)
				c := r.streamed("id", "ab", "Runtime.InvocationTimeout")
				if got := inv.Deadline.Sub(c.ended); got != test.at || !strings.Contains(c.report.Message, test.said) {
					t.Errorf("reported %s before the deadline: %s", got, c.report.Message)
				}
				r.ready(2)
			})
		})
	}
}

// A slow reader delays neither R nor the report beyond the deadline. The stream is incomplete,
// so the invocation failed, whatever R answers.
func TestSlowReaderAtDeadline(t *testing.T) {
	for name, end := range map[string]func(*fakeWorker, error) error{"R minds": signals, "R does not mind": well} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, streams(0, end, "a", "b", "c"))
				r.api.onWrite = func(s *fakeStream, piece string) error {
					if piece == "b" {
						<-s.cut
						return s.cutErr
					}
					return nil
				}
				r.run()
				inv := r.send("id", 3*time.Second)
				r.after(10 * time.Second)
				c := r.streamed("id", "a", "Runtime.InvocationTimeout")
				if got := inv.Deadline.Sub(c.ended); got != r.Margin {
					t.Errorf("reported %s before the deadline, want %s", got, r.Margin)
				}
				if !strings.Contains(c.report.Message, "it was in write(x)") && !strings.Contains(c.report.Message, "it was writing to its stream") {
					t.Errorf("reported %q", c.report.Message)
				}
				r.ready(2)
			})
		})
	}
}

// A first piece after the deadline's interrupt begins no stream: the caller gets an ordinary
// error.
func TestStreamThatBeginsTooLate(t *testing.T) {
	for name, end := range map[string]func(*fakeWorker, error) error{"R minds": signals, "R does not mind": well} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, streams(2850*time.Millisecond, end, "a")).run()
				r.send("id", 3*time.Second)
				r.after(10 * time.Second)
				r.failed("id", "Runtime.InvocationTimeout")
				if n := len(r.api.ended("stream", "")); n != 0 {
					t.Errorf("%d streams, want none", n)
				}
			})
		})
	}
}

// A complete stream counts, even if the interrupt is on its way to R.
func TestInterruptCrossesEndOfStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, streams(0, func(w *fakeWorker, _ error) error { <-w.interrupted; return nil }, "a")).run()
		r.send("id", 3*time.Second)
		r.after(10 * time.Second)
		r.streamed("id", "a", "")
		r.ready(2)
	})
}

// If the caller is gone, R's writes fail; the worker is kept, and nothing is reported twice.
func TestStreamToNobody(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*fakeWorker, error) error
		typ  string
		err  error
	}{
		{"refused, R minds", signals, "stream_closed", status(410)},
		{"refused, R does not mind", well, "", status(410)},
		{"connection broken", signals, "stream_closed", errReset},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, streams(0, test.end, "a", "b"))
				r.api.onWrite = func(_ *fakeStream, piece string) error {
					if piece == "b" {
						return test.err
					}
					return nil
				}
				r.api.onClose = func(context.Context) error { return test.err }
				r.run().send("id", 3*time.Second)
				r.streamed("id", "a", test.typ)
				r.notAccepted("stream", "id")
				r.send("next", 3*time.Second)
				r.answered("next")
				r.after(time.Minute).ready(1)
			})
		})
	}
}

func TestStreamFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, streams(0, well, "a"))
		r.api.onClose = func(context.Context) error { return status(500) }
		r.run().send("id", 3*time.Second)
		err := r.wait()
		if got, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || got.Status != 500 {
			t.Errorf("Run: %v, want the status 500", err)
		}
	})
}

// The answer to the end of a stream is waited for until the deadline, as for any report.
func TestStreamIsNotAnswered(t *testing.T) {
	for _, test := range []struct{ timeout, want time.Duration }{
		{3 * time.Second, 3 * time.Second},
		{0, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, streams(0, well, "a"))
			r.late["id"] = true
			r.api.onClose = func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
			start := time.Now()
			r.run().send("id", test.timeout)
			r.after(time.Minute)
			if took := r.streamed("id", "a", "").ended.Sub(start); took != test.want {
				t.Errorf("given up after %s, want %s", took, test.want)
			}
			r.notAccepted("stream", "id")
		})
	}
}

// A shutdown does not wait for a slow reader either.
func TestShutdownInStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, streams(0, well, "a", "b"))
		r.api.onWrite = func(s *fakeStream, piece string) error {
			if piece == "b" {
				<-s.cut
				return s.cutErr
			}
			return nil
		}
		r.run().send("id", time.Minute)
		r.stopsIn(400 * time.Millisecond)
		c := r.streamed("id", "a", "Runtime.WorkerCrashed")
		if !strings.Contains(c.report.Message, "shutting down") {
			t.Errorf("reported %q", c.report.Message)
		}
	})
}
