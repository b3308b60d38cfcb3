package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
)

// An apiRow is an answer of the Runtime API to one of bootstrap's calls and the expected reaction:
// whether it exits, its reports, its log, and that it takes the next event.
type apiRow struct {
	name   string
	op     string // the call that gets the answer
	fault  faulty.Fault
	always bool // every such call gets it, not only the first

	handler string   // faults.run if ""
	env     []string // of bootstrap
	event   string   // the event; "" if there is no invocation
	caller  string   // a pattern for the caller's answer

	exits   bool     // whether it exits with status 1; if not, the next invocation is answered
	reports []string // all calls up to then except /next
	polls   int      // calls of /next up to then; 0 for any number
	log     string   // a pattern for the log, with ID for the request id; "" for no warning and no error
}

// apiRows returns the table of answers for each endpoint.
func apiRows() []apiRow {
	const ok = `^"first"$`
	const lost = `Task timed out after 2\.00 seconds` // because no report was accepted
	first := call("echo", `{"event": "first"}`)
	failure := call("boom", `{}`)
	both := func(report, next string) []string { return []string{report, next} }

	rows := []apiRow{
		{name: "next 200", op: faulty.OpNext, event: first, caller: ok, reports: both("response", "response")},
		{name: "next 403", op: faulty.OpNext, fault: faulty.Fault{Status: 403}, exits: true, polls: 1,
			log: `fatal error, exiting: GET /invocation/next: status 403`},
		{name: "next 500", op: faulty.OpNext, fault: faulty.Fault{Status: 500}, exits: true, polls: 1,
			log: `fatal error, exiting: GET /invocation/next: status 500`},
		{name: "next 302", op: faulty.OpNext, fault: faulty.Fault{Status: 302}, event: first, caller: ok,
			reports: both("response", "response"), log: `WRN poll failed .*status 302.* retry_in=`},
		{name: "next 429", op: faulty.OpNext, fault: faulty.Fault{Status: 429}, event: first, caller: ok,
			reports: both("response", "response"), log: `WRN poll failed .*status 429.* retry_in=`},
		{name: "next 503", op: faulty.OpNext, fault: faulty.Fault{Status: 503}, event: first, caller: ok,
			reports: both("response", "response"), log: `WRN poll failed .*status 503.* retry_in=`},
		{name: "next cuts the event off", op: faulty.OpNext, fault: faulty.Fault{CutOff: true}, event: first,
			caller: `"Runtime\.EventError"`, reports: both("error Runtime.EventError", "response"),
			log: `ERR invocation error: Runtime\.EventError: the event was cut off after \d+ of \d+ bytes: unexpected EOF .*request_id=ID`},
		{name: "next stalls in the event", op: faulty.OpNext, fault: faulty.Fault{Stall: true}, event: first,
			caller: `"Runtime\.EventError"`, reports: both("error Runtime.EventError", "response"),
			log: `ERR invocation error: Runtime\.EventError: the event was cut off after \d+ of \d+ bytes: the rest did not arrive in time .*request_id=ID`},
		{name: "next breaks", op: faulty.OpNext, fault: faulty.Fault{Reset: true}, event: first, caller: ok,
			reports: both("response", "response"), log: `WRN poll failed .*retry_in=`},
		{name: "next breaks always", op: faulty.OpNext, fault: faulty.Fault{Reset: true}, always: true, exits: true,
			log: `(?s)(WRN poll failed .*){5}fatal error, exiting: .*GET /invocation/next: `},
	}
	for kind, event := range map[string]string{"response": first, "error": failure} {
		op, report, caller, logged := kind, "response", ok, ""
		if kind == "error" {
			report, caller, logged = "error Function.SimpleError", `100%s of %d \{x\}`, `ERR invocation error: .*request_id=ID`
		}
		rows = append(rows,
			apiRow{name: kind + " 202", op: op, event: event, caller: caller, reports: both(report, "response"), log: logged},
			apiRow{name: kind + " 500", op: op, fault: faulty.Fault{Status: 500}, event: event, caller: lost, exits: true,
				reports: []string{report}, log: `fatal error, exiting: invocation ID: POST /invocation/\{id\}/` + kind + `: status 500`},
			apiRow{name: kind + " 503", op: op, fault: faulty.Fault{Status: 503}, event: event, caller: caller,
				reports: []string{report, report, "response"}, log: `WRN report failed, retrying .*request_id=ID .*status 503`},
			apiRow{name: kind + " breaks", op: op, fault: faulty.Fault{Reset: true}, event: event, caller: caller,
				reports: []string{report, report, "response"}, log: `WRN report failed, retrying .*request_id=ID`},
			apiRow{name: kind + " breaks, once it arrived", op: op, fault: faulty.Fault{Reset: true, Late: true}, event: event, caller: caller,
				reports: []string{report, report, "response"}, log: `ERR report not accepted .*request_id=ID .*status 403`},
		)
		for _, status := range []int{400, 403, 410, 413} {
			rows = append(rows, apiRow{name: fmt.Sprint(kind, " ", status), op: op, fault: faulty.Fault{Status: status}, event: event, caller: lost,
				reports: both(report, "response"), log: fmt.Sprint(`ERR report not accepted .*request_id=ID .*status `, status)})
		}
	}
	const noHandler = "init/error Runtime.NoSuchHandler"
	const ends = `fatal error, exiting: Runtime\.NoSuchHandler`
	for name, row := range map[string]apiRow{
		"202":    {log: ends},
		"403":    {fault: faulty.Fault{Status: 403}, log: `(?s)init error not reported .*status 403.*` + ends},
		"500":    {fault: faulty.Fault{Status: 500}, log: `(?s)init error not reported .*status 500.*` + ends},
		"breaks": {fault: faulty.Fault{Reset: true}, log: `(?s)init error not reported .*` + ends},
	} {
		row.name, row.op, row.handler = "init/error "+name, faulty.OpInitError, "faults.not_there"
		row.exits, row.reports = true, []string{noHandler}
		rows = append(rows, row)
	}
	for name, row := range map[string]apiRow{
		"200":    {},
		"403":    {fault: faulty.Fault{Status: http.StatusForbidden}, log: `WRN extension failed, shutdown hooks will not run in Lambda.*status 403`},
		"500":    {fault: faulty.Fault{Status: http.StatusInternalServerError}, log: `WRN extension failed, shutdown hooks will not run in Lambda.*status 500`},
		"breaks": {fault: faulty.Fault{Reset: true}, log: `WRN extension failed, shutdown hooks will not run in Lambda`},
		"hangs":  {fault: faulty.Fault{Delay: time.Hour}, log: `WRN extension failed, shutdown hooks will not run in Lambda.*deadline exceeded`},
	} {
		row.name, row.op, row.handler = "register "+name, faulty.OpRegister, "hooked.run"
		row.event, row.caller, row.reports = first, ok, []string{"register", "response", "response"}
		rows = append(rows, row)
	}
	return rows
}

// For each endpoint and each answer there is exactly one report (a reset connection does not
// count), a log line with the request id, and either the next event or an exit with a status.
func TestRuntimeAPI(t *testing.T) {
	for _, row := range apiRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var spoiled atomic.Bool
			rec := newRecorder(t, 2*time.Second, func(call faulty.Call) faulty.Fault {
				if call.Op == row.op && (!spoiled.Swap(true) || row.always) {
					return row.fault
				}
				return faulty.Fault{}
			})
			handler := "faults.run"
			if row.handler != "" {
				handler = row.handler
			}
			p, f := startLambda(t, rec, "", handler, row.env...)
			id := ""
			if row.event != "" {
				a := f.invoke(row.event)
				id = a.Header.Get("X-Amzn-Requestid")
				if !regexp.MustCompile(row.caller).MatchString(a.Body) {
					t.Errorf("the caller got %s, want %s", a.Body, row.caller)
				}
			}
			if row.exits {
				if code := p.exitCode(); code != 1 {
					t.Errorf("exit status %d, want 1", code)
				}
			} else if got := f.result(call("echo", `{"event": "next"}`)); got != `"next"` {
				t.Errorf("the next invocation got %s", got)
			}
			if row.log != "" {
				p.waitFor(strings.ReplaceAll(row.log, "ID", id))
			} else if strings.Contains(p.output(), "WRN") || strings.Contains(p.output(), "ERR") {
				t.Errorf("the log has a warning or an error:\n%s", p.output())
			}
			if got := rec.reports(); !slices.Equal(got, row.reports) && len(got)+len(row.reports) > 0 {
				t.Errorf("reported %q, want %q", got, row.reports)
			}
			if n := rec.count("next"); row.polls != 0 && n != row.polls {
				t.Errorf("%d polls, want %d: an answer is not asked for again", n, row.polls)
			}
		})
	}
}

// At SIGTERM a running invocation is answered. Then bootstrap exits with status 0.
func TestShutdownWhileBusy(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.sleeps", "LOG_LEVEL=debug")
	answered := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(`{"seconds": 0.1}`)
		answered <- a
	}()
	p.waitFor("frame sent")
	p.Signal(syscall.SIGTERM)
	if a := <-answered; a.Body != `"slept"` {
		t.Errorf("the caller got %q", a.Body)
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

// At SIGTERM an invocation that does not end is reported as an error.
func TestShutdownWhileBusyForLong(t *testing.T) {
	rec := newRecorder(t, 20*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.sleeps", "LOG_LEVEL=debug")
	answered := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(`{"seconds": 60}`)
		answered <- a
	}()
	p.waitFor("frame sent")
	p.Signal(syscall.SIGTERM)
	if a := <-answered; !strings.Contains(a.Body, "the runtime is shutting down") {
		t.Errorf("the caller got %q", a.Body)
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"error Runtime.WorkerCrashed"}) {
		t.Errorf("reported %q", got)
	}
}

// If bootstrap is killed, no R process outlives it, idle or busy.
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
			if len(p.Processes()) == 0 {
				t.Fatal("the test does not see the R process")
			}
			p.Signal(syscall.SIGKILL)
			p.exitCode()
			p.noProcessLeft()
		})
	}
}
