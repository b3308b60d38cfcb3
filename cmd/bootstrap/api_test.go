package main

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi/emulator"
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
				rec := newRecorder(t, 2*time.Second, func(call emulator.Call) emulator.Fault {
					if call.Op != kind || refused.Swap(true) {
						return emulator.Fault{}
					}
					return emulator.Fault{Status: status}
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
			rec := newRecorder(t, 2*time.Second, func(call emulator.Call) emulator.Fault {
				if call.Op == emulator.OpNext {
					return emulator.Fault{Status: status}
				}
				return emulator.Fault{}
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
	rec := newRecorder(t, 2*time.Second, func(call emulator.Call) emulator.Fault {
		return emulator.Fault{Reset: call.Op == emulator.OpNext && broken.Add(1) <= 3}
	})
	p, f := startLambda(t, rec, "", "faults.echo")
	if got := f.result(`{"a": 1}`); got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(p.output(), "poll failed"); n != 3 {
		t.Errorf("%d failed polls in the log, want 3", n)
	}
}

// A report whose connection breaks is sent again, so that the invocation is not lost;
// where it had arrived, the Runtime API refuses the second one, and no harm is done.
func TestBrokenReport(t *testing.T) {
	for name, late := range map[string]bool{"on its way": false, "once it had arrived": true} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			rec := newRecorder(t, 10*time.Second, func(call emulator.Call) emulator.Fault {
				return emulator.Fault{Late: late, Reset: call.Op == emulator.OpResponse && !broken.Swap(true)}
			})
			_, f := startLambda(t, rec, "", "faults.echo")
			for _, event := range []string{`{"a":1}`, `{"a":2}`} {
				if got := f.result(event); got != event {
					t.Errorf("got %s", got)
				}
			}
			if got := rec.reports(); !slices.Equal(got, []string{"response", "response", "response"}) {
				t.Errorf("reported %q", got)
			}
		})
	}
}

// SIGTERM while an invocation runs: it is answered, then bootstrap exits with 0.
func TestShutdownWhileBusy(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.sleeps", "LOG_LEVEL=debug")
	answered := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(`{"seconds": 0.1}`)
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
	rec := newRecorder(t, 20*time.Second, nil)
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
			rec := newRecorder(t, 30*time.Second, nil)
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
