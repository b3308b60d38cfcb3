package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What the Runtime API answers to a report: a refusal is logged with the request id
// and the next event is taken; after a 500 bootstrap exits.
func TestRefusedReports(t *testing.T) {
	for _, status := range []int{400, 403, 410, 413, 500} {
		for kind, event := range map[string]string{
			"response": call("echo", `{"event": 1}`),
			"error":    call("boom", `{}`),
		} {
			t.Run(strconv.Itoa(status)+" on "+kind, func(t *testing.T) {
				t.Parallel()
				var refused atomic.Bool
				rec := newFaultyRecorder(t, 2*time.Second, func(call string, w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasPrefix(call, kind) || refused.Swap(true) {
						return false
					}
					http.Error(w, "no, says the test", status)
					return true
				})
				p, f := startLambda(t, rec, "", "faults.run")
				// Nobody accepted the report, so the caller hears of a timeout.
				a := f.invoke(event)
				if !strings.Contains(a.body, "Task timed out after 2.00 seconds") {
					t.Errorf("the caller got %s", a.body)
				}
				if status == 500 {
					if code := p.exitCode(); code != 1 {
						t.Errorf("exit status %d, want 1", code)
					}
				} else {
					if got := f.result(call("echo", `{"event": "next"}`)); got != `"next"` {
						t.Errorf("the next invocation got %s", got)
					}
					id := a.header.Get("X-Amzn-Requestid")
					p.waitFor(`report not accepted .*request_id=` + id)
				}
				reports := rec.reports()
				if n := len(reports); n != 1 && status == 500 || n != 2 && status != 500 || !strings.HasPrefix(reports[0], kind) {
					t.Errorf("reported %q: want one %s, and for the next invocation one response", reports, kind)
				}
			})
		}
	}
}

// A /next that is refused for good ends bootstrap, with a status that says so.
func TestRefusedPoll(t *testing.T) {
	for _, status := range []int{403, 500} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			rec := newFaultyRecorder(t, 2*time.Second, func(call string, w http.ResponseWriter, r *http.Request) bool {
				if call == "next" {
					http.Error(w, "no, says the test", status)
				}
				return call == "next"
			})
			p, _ := startLambda(t, rec, "", "faults.echo")
			if code := p.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if !strings.Contains(p.output(), "GET /invocation/next: status "+strconv.Itoa(status)) {
				t.Errorf("the log does not say why:\n%s", p.output())
			}
			if n := rec.count("next"); n != 1 {
				t.Errorf("%d polls, want 1: an answer is not asked for again", n)
			}
		})
	}
}

// A /next whose connection breaks is asked again.
func TestBrokenPoll(t *testing.T) {
	var broken atomic.Int32
	rec := newFaultyRecorder(t, 2*time.Second, func(call string, w http.ResponseWriter, r *http.Request) bool {
		if call == "next" && broken.Add(1) <= 3 {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	p, f := startLambda(t, rec, "", "faults.echo")
	if got := f.result(`{"a": 1}`); got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(p.output(), "poll failed"); n != 3 {
		t.Errorf("%d failed polls in the log, want 3", n)
	}
}

// A report whose connection breaks is sent again, so that the invocation is not lost.
func TestBrokenReport(t *testing.T) {
	var broken atomic.Bool
	rec := newFaultyRecorder(t, 10*time.Second, func(call string, w http.ResponseWriter, r *http.Request) bool {
		if call == "response" && !broken.Swap(true) {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	_, f := startLambda(t, rec, "", "faults.echo")
	if got := f.result(`{"a": 1}`); got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"response", "response"}) {
		t.Errorf("reported %q", got)
	}
}

// SIGTERM while an invocation runs: it is answered, then bootstrap exits with 0.
func TestShutdownWhileBusy(t *testing.T) {
	rec := newRecorder(t, 10*time.Second)
	p, f := startLambda(t, rec, "", "faults.sleeps", "LOG_LEVEL=debug")
	answered := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(`{"seconds": 0.2}`)
		answered <- a
	}()
	p.waitFor("frame sent")
	p.signal(syscall.SIGTERM)
	if a := <-answered; a.body != `"slept"` {
		t.Errorf("the caller got %q", a.body)
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

// SIGTERM while an invocation runs that does not end: it is reported as an error.
func TestShutdownWhileBusyForLong(t *testing.T) {
	rec := newRecorder(t, 20*time.Second)
	p, f := startLambda(t, rec, "", "faults.sleeps", "LOG_LEVEL=debug")
	answered := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(`{"seconds": 60}`)
		answered <- a
	}()
	p.waitFor("frame sent")
	p.signal(syscall.SIGTERM)
	if a := <-answered; !strings.Contains(a.body, "the runtime is shutting down") {
		t.Errorf("the caller got %q", a.body)
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"error Runtime.WorkerCrashed"}) {
		t.Errorf("reported %q", got)
	}
}

// When bootstrap itself is killed, no R process outlives it, idle or busy.
func TestNoOrphans(t *testing.T) {
	for name, event := range map[string]string{"idle": "", "busy": call("spin", `{}`)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder(t, 30*time.Second)
			p, f := startLambda(t, rec, "", "faults.run", "LOG_LEVEL=debug")
			f.result(call("pid", `{}`))
			if event != "" {
				go func() { _, _ = f.request(event) }() // ends with the recorder
				p.waitFor(`(?s)posted.*frame sent`)
			}
			if len(p.processes()) == 0 {
				t.Fatal("the test does not see the R process")
			}
			p.signal(syscall.SIGKILL)
			p.exitCode()
			p.noProcessLeft()
		})
	}
}
