package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// answering makes the API answer both kinds of reports about id with post.
func (r *rig) answering(id string, post func(ctx context.Context) error) {
	answer := func(ctx context.Context, inv *runtimeapi.Invocation) error {
		if inv.ID == id {
			return post(ctx)
		}
		return nil
	}
	r.api.onRespond, r.api.onInvocationError = answer, answer
}

// bothReports runs a test with a response and with an error.
func bothReports(t *testing.T, test func(t *testing.T, op string, h handler)) {
	for op, h := range map[string]handler{
		"response": echo,
		"error": func(w *fakeWorker, inv protocol.Invoke, event []byte) ([]byte, error) {
			if inv.ID == "next" {
				return echo(w, inv, event)
			}
			return nil, &protocol.HandlerError{Type: "simpleError", Message: "no"}
		},
	} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, op, h) })
		})
	}
}

// notAccepted fails the test unless the log has one such record, about id.
func (r *rig) notAccepted(op, id string) {
	r.t.Helper()
	records := r.logs.find(r.t, "report not accepted")
	if len(records) != 1 || records[0]["request_id"] != id || records[0]["report"] != op || records[0]["level"] != "ERROR" {
		r.t.Errorf("the log has %v, want one error about the %s of %s", records, op, id)
	}
}

// A refused report is not repeated, and the other kind does not follow it, as the rig's
// invariants check.
func TestReportIsRefused(t *testing.T) {
	for _, code := range []int{400, 403, 410, 413} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bothReports(t, func(t *testing.T, op string, h handler) {
				r := newRig(t, h)
				r.answering("id", func(context.Context) error { return status(code) })
				r.run().send("id", 3*time.Second)
				if n := len(r.api.ended(op, "id")); n != 1 {
					t.Errorf("%d reports, want 1", n)
				}
				r.notAccepted(op, "id")
				r.send("next", 3*time.Second)
				r.answered("next")
				r.after(time.Minute).ready(1)
			})
		})
	}
}

// Status 500 obliges the runtime to exit.
func TestReportFailsForGood(t *testing.T) {
	bothReports(t, func(t *testing.T, op string, h handler) {
		r := newRig(t, h)
		r.answering("id", func(context.Context) error { return status(500) })
		r.run().send("id", 3*time.Second)
		err := r.wait()
		if got, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || got.Status != 500 {
			t.Errorf("Run: %v, want the status 500", err)
		}
		if !strings.HasPrefix(err.Error(), "invocation id: ") {
			t.Errorf("Run: %v, want it to name the invocation", err)
		}
		if n := len(r.logs.find(t, "report not accepted")); n != 0 {
			t.Error("the error is logged as well as returned")
		}
	})
}

// A report whose connection breaks is sent again, and so is one to a busy API.
func TestReportBreaks(t *testing.T) {
	bothReports(t, func(t *testing.T, op string, h handler) {
		r := newRig(t, h)
		failures := []error{errReset, status(429), status(503)}
		r.answering("id", func(context.Context) error {
			if len(failures) == 0 {
				return nil
			}
			err := failures[0]
			failures = failures[1:]
			return err
		})
		r.run().send("id", 3*time.Second)
		r.after(time.Second)
		reports := r.api.ended(op, "id")
		if len(reports) != 4 {
			t.Fatalf("%d reports, want 4", len(reports))
		}
		for _, c := range reports[1:] {
			if c.payload != reports[0].payload || c.report != reports[0].report {
				t.Errorf("%+v is not the same report as %+v", c, reports[0])
			}
		}
		if n := len(r.logs.find(t, "report failed, retrying")); n != 3 {
			t.Errorf("%d failures are logged, want 3", n)
		}
		r.send("next", 3*time.Second)
		r.answered("next")
	})
}

// A report that is not answered is given up at the deadline, after which Lambda would refuse
// it. It gets a second if the deadline is nearer, and half a minute if there is none.
func TestReportNeverGetsThrough(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		want    time.Duration
	}{
		{"usual", 3 * time.Second, 3 * time.Second},
		{"deadline is near", 300 * time.Millisecond, time.Second},
		{"no deadline", 0, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Run("breaks", func(t *testing.T) {
				bothReports(t, func(t *testing.T, op string, h handler) {
					reports := gaveUp(t, op, h, test.timeout, test.want, func(context.Context) error { return errReset })
					if reports < 5 || reports > 500 {
						t.Errorf("%d reports: want several, with pauses", reports)
					}
				})
			})
			t.Run("is busy", func(t *testing.T) {
				bothReports(t, func(t *testing.T, op string, h handler) {
					gaveUp(t, op, h, test.timeout, test.want, func(context.Context) error { return status(503) })
				})
			})
			t.Run("hangs", func(t *testing.T) {
				bothReports(t, func(t *testing.T, op string, h handler) {
					reports := gaveUp(t, op, h, test.timeout, test.want, func(ctx context.Context) error {
						<-ctx.Done()
						return ctx.Err()
					})
					if reports != 1 {
						t.Errorf("%d reports, want 1", reports)
					}
				})
			})
		})
	}
}

// gaveUp fails the test unless a report that is answered with post is given up after want,
// and the next event is taken. It returns how often the report was sent.
func gaveUp(t *testing.T, op string, h handler, timeout, want time.Duration, post func(context.Context) error) int {
	r := newRig(t, h)
	r.lost["id"], r.late["id"] = true, true
	r.answering("id", post)
	r.run().send("id", timeout)
	r.after(want - 1)
	if r.api.open() != 0 {
		t.Errorf("the report was given up before %s", want)
	}
	r.after(1)
	if r.api.open() != 1 {
		t.Errorf("the report was not given up after %s", want)
	}
	r.notAccepted(op, "id")
	r.send("next", 3*time.Second)
	r.answered("next")
	r.ready(1)
	return len(r.api.ended(op, "id"))
}
