package e2e

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/lambda"
)

// A failureRow is an invocation with a real R that fails, or might have failed.
type failureRow struct {
	name      string
	event     string // for faults.run, see call
	errorType string // "" if it succeeds
	message   string // a pattern for the message or the result
	stack     string // a pattern for a line of the stack, or ""
	keep      bool   // the worker may take the next invocation
}

// call returns the event with which faults.run calls the function what.
func call(what, with string) string {
	return fmt.Sprintf(`{"what": %q, "with": %s}`, what, with)
}

var failureRows = []failureRow{
	// The R function signals an error.
	{"stop", call("boom", `{}`), "simpleError", `^100%s of %d \{x\}$`, `^stop\("100%s of %d \{x\}"\) \(faults\.R:4\)$`, true},
	{"error of a primitive", call("nested", `{"x": 1}`), "simpleError", `non-numeric argument`, `^y \+ "a" \(faults\.R:\d+\)$`, true},
	{"custom condition", call("custom", `{}`), "teapot", `^short and stout$`, "", true},
	{"warning given to stop", call("stops_with_a_warning", `{}`), "simpleWarning", `^turned$`, `^stop\(w\) \(faults\.R:\d+\)$`, true},
	{"error with a cause", call("wrapped", `{}`), "wrapped_error", `^cannot go on$`, `^Caused by simpleError in boom\(\): 100%s of %d \{x\}$`, true},
	{"failure in processx", call("fails_in_processx", `{}`), "system_command_status_error", `(?s)'sh' failed.*Exit status: 3.*no font`,
		`^processx::run\(.* \(faults\.R:\d+\)$`, true},
	{"failure in callr", call("fails_in_callr", `{}`), "callr_status_error", `in the child`, `^Caused by simpleError.*: in the child$`, true},
	{"connection that cannot be opened", call("opens_nothing", `{}`), "simpleError",
		`^cannot open the connection: cannot open file 'no-such-file': No such file or directory$`, `^readLines\(.* \(faults\.R:\d+\)$`, true},
	{"plot that cannot be drawn", call("draws_nothing", `{}`), "rlang_error", `^the plot cannot be drawn: `, `^print\(plot\)$`, true},
	{"options(error) that quits", call("error_option", `{}`), "simpleError", `^seen by the option$`, `^stop\(.* \(faults\.R:\d+\)$`, true},
	{"endless recursion", call("recursive", `{}`), "CStackOverflowError|stackOverflowError|expressionStackOverflowError", `stack|nested too deeply`, "", true},
	// The result cannot be encoded, or is too large.
	{"result that is not JSON", call("unencodable", `{}`), "Runtime.MarshalError", `result\$bad\[\[1\]\]: .*environment`, "", true},
	{"largest result", call("large", `{"bytes": 6291556}`), "", `^"x{100}`, "", true},
	{"result too large", call("large", `{"bytes": 6291557}`), "Function.ResponseSizeTooLarge", `6291557 .* 6291556`, "", true},
	// The event.
	{"event that is not JSON", `{"what": `, "Runtime.UnmarshalError", `the event is not valid JSON: parse error`, "", true},
	{"event that is not UTF-8", "{\"what\": \"\xff\"}", "Runtime.UnmarshalError", `not valid UTF-8`, "", true},
	// The worker dies.
	{"quit", call("quits", `{}`), "Runtime.WorkerCrashed", `exited with status 0, as quit\(\) does`, "", false},
	{"quit with a status", call("quits", `{"status": 3}`), "Runtime.WorkerCrashed", `exited with status 3`, "", false},
	{"segfault", call("segfault", `{}`), "Runtime.WorkerCrashed", `(?s)SIGSEGV.*last on stderr:\n \*\*\* caught segfault \*\*\*`, "", false},
	{"SIGKILL", call("killed", `{}`), "Runtime.WorkerCrashed", `killed by SIGKILL`, "", false},
	{"SIGKILL with a child left behind", call("grandchild", `{}`), "Runtime.WorkerCrashed", `killed by SIGKILL`, "", false},
	// The protocol is broken.
	{"garbage on the reply pipe", call("writes_garbage", `{}`), "Runtime.ProtocolError", `protocol violation`, "", false},
	// Things that R users do and that must do no harm.
	{"flood with newlines", call("flood", `{}`), "", `^"flooded"$`, "", true},
	{"flood without newlines", call("flood", `{"newline": false}`), "", `^"flooded"$`, "", true},
	{"all connections closed", call("closes_replies", `{}`), "", `^"still here"$`, "", true},
	{"forked children that warn", call("forks", `{}`), "", `^\[1,2\]$`, "", true},
	{"globals removed and base functions masked", call("echo", `{"event": 1}`), "", `^1$`, "", true},
}

// rowNeeds has the packages whose own texts a row of failureRows quotes.
var rowNeeds = map[string]struct{ pkg, version string }{
	"failure in processx":       {"processx", "3.8"},
	"failure in callr":          {"callr", "3.7.3"},
	"plot that cannot be drawn": {"ggplot2", "3.4"},
}

// Each failure costs its own invocation and no other. There is one report at the right endpoint
// with the right type. The next invocation works, on the same worker or on a new one as the
// failure table says.
func TestInvocationFailures(t *testing.T) {
	rec := newRecorder(t, 20*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.run")
	for _, row := range failureRows {
		t.Run(row.name, func(t *testing.T) {
			if need, ok := rowNeeds[row.name]; ok {
				lambda.NeedsR(t, need.pkg, need.version)
			}
			f := function{t, f.url}
			before := f.result(call("pid", `{}`))
			rec.Forget()
			checkRow(t, f, rec, row)
			after := f.result(call("pid", `{}`))
			if kept := before == after; kept != row.keep {
				t.Errorf("worker %s before and %s after: kept is %v, want %v", before, after, kept, row.keep)
			}
		})
	}
}

func checkRow(t *testing.T, f function, rec *recorder, row failureRow) {
	t.Helper()
	if row.errorType == "" {
		if result := f.result(row.event); !regexp.MustCompile(row.message).MatchString(result) {
			t.Errorf("the result is %.200s, want %s", result, row.message)
		}
		if got := rec.reports(); !slices.Equal(got, []string{"response"}) {
			t.Errorf("reported %q, want one response", got)
		}
		return
	}
	e := f.failure(row.event)
	if !regexp.MustCompile("^(" + row.errorType + ")$").MatchString(e.Type) {
		t.Errorf("the error type is %q, want %s", e.Type, row.errorType)
	}
	if !regexp.MustCompile(row.message).MatchString(e.Message) {
		t.Errorf("the message is %q, want %s", e.Message, row.message)
	}
	if row.stack != "" && !slices.ContainsFunc(e.Stack, regexp.MustCompile(row.stack).MatchString) {
		t.Errorf("no frame of the stack is %s: %q", row.stack, e.Stack)
	}
	reports := rec.reports()
	if len(reports) != 1 || !strings.HasPrefix(reports[0], "error ") {
		t.Fatalf("reported %q, want one error", reports)
	}
	header := strings.TrimPrefix(reports[0], "error ")
	if strings.HasPrefix(row.errorType, "Runtime.") && header != row.errorType {
		t.Errorf("the error type header is %q, want %q", header, row.errorType)
	}
	if !regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`).MatchString(header) {
		t.Errorf("Lambda would not take the error type header %q", header)
	}
}

// The log has each error once, with R's traceback and its causes, and the warnings before it.
func TestErrorInTheTextLog(t *testing.T) {
	lambda.NeedsR(t, "rlang", "1.0") // its stack
	p, f := startLocal(t, "faults.wrapped", nil)
	e := f.failure(`{}`)
	id := p.waitFor(`START RequestId: (\S+)`)[1]
	p.waitFor(`REPORT RequestId: ` + id)
	for _, line := range []string{
		`WRN about to fail .*request_id=ID`,
		`ERR invocation error: wrapped_error in wrapped\(\): cannot go on .*request_id=ID`,
		`ERR   3: rlang::abort\("cannot go on", class = "wrapped_error", parent = e\) \(faults\.R:\d+\) .*request_id=ID`,
		`ERR   2: tryCatch\(boom\(\), error = function\(e\) \{ \.\.\. \(faults\.R:\d+\) .*request_id=ID`,
		`ERR   1: wrapped\(\) .*request_id=ID`,
		`ERR Caused by simpleError in boom\(\): 100%s of %d \{x\} .*request_id=ID`,
	} {
		re := regexp.MustCompile(`(?m)^\S+ ` + strings.ReplaceAll(line, "ID", id) + `$`)
		if n := len(re.FindAllString(p.output(), -1)); n != 1 {
			t.Errorf("%d lines are %s, want one in\n%s", n, re, p.output())
		}
	}
	if want := "Caused by simpleError in boom(): 100%s of %d {x}"; e.Stack[len(e.Stack)-1] != want {
		t.Errorf("the stack is %q, want it to end with %q", e.Stack, want)
	}
}

// options(error = ) runs for an error that the handler does not catch.
func TestErrorOption(t *testing.T) {
	p, f := startLocal(t, "faults.error_option", nil)
	f.failure(`{}`)
	p.waitFor(`(?m)option: Error in (\S*error_option)\(\) : seen by the option .*request_id=`)
}

// The deadline is enforced while R runs R code, sleeps, runs C code, or ignores interrupts. The
// error comes before the deadline, and the next invocation works.
func TestDeadline(t *testing.T) {
	const timeout = 2500 * time.Millisecond
	rows := []struct{ name, event, message, stack string }{
		{"endless loop", call("spin", `{}`), `stopped after 1\.\d+ s.* it was in spin\(\) \(faults\.R:\d+\)|do\.call`, `faults\.R:\d+`},
		{"sleep", call("sleeps", `{"seconds": 60}`), `it was in Sys\.sleep\(seconds\)`, `Sys\.sleep`},
		{"result that takes long", call("slow_result", `{}`), `it was in the encoding of the result`, `^the encoding of the result$`},
		{"endless loop in C", call("spin_in_c", `{}`), `did not react to an interrupt and was killed`, ""},
		{"interrupts refused", call("ignores_interrupts", `{}`), `did not react to an interrupt and was killed`, ""},
	}
	rec := newRecorder(t, timeout, nil)
	_, f := startLambda(t, rec, "", "faults.run", "LAMBDA_R_DEADLINE_MARGIN=1s")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := function{t, f.url}
			f.result(call("pid", `{}`))
			rec.Forget()
			checkRow(t, f, rec, failureRow{
				event: row.event, errorType: "Runtime.InvocationTimeout", message: row.message, stack: row.stack,
			})
			f.result(call("pid", `{}`))
		})
	}
}

// A timeout names the line even where C code waits that looks for interrupts rarely (processx,
// callr), ignores them (system()), or takes the first one for its own (httr2).
func TestDeadlineWhileWaiting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rows := []struct{ name, event, stack string }{
		{"system", call("waits_for_a_child", `{}`), `^waits_for_a_child\(\)`},
		{"system(intern = TRUE)", call("waits_for_output", `{}`), `^waits_for_output\(\)`},
		{"processx", call("waits_in_processx", `{}`), `^processx::run\("sleep", "60"\) \(faults\.R:\d+\)$`},
		{"callr", call("waits_in_callr", `{}`), `^callr::r\(function\(\) Sys\.sleep\(60\)\) \(faults\.R:\d+\)$`},
		{"httr2", call("waits_in_httr2", fmt.Sprintf(`{"url": "http://%s"}`, silent.Addr())), `^httr2::req_perform\(.* \(faults\.R:\d+\)$`},
	}
	rec := newRecorder(t, 8*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.run", "LAMBDA_R_DEADLINE_MARGIN=4s")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "httr2" {
				lambda.NeedsR(t, "httr2", "0.1") // Debian 11 has none
			}
			f := function{t, f.url}
			f.result(call("pid", `{}`))
			rec.Forget()
			checkRow(t, f, rec, failureRow{
				event: row.event, errorType: "Runtime.InvocationTimeout", message: `; it was in `, stack: row.stack,
			})
		})
	}
}

// A handler that catches the deadline's interrupt has its result sent, with a warning.
func TestHandlerCatchesTheInterrupt(t *testing.T) {
	rec := newRecorder(t, 2*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.run")
	if got := f.result(call("catches_the_interrupt", `{}`)); got != `"partial"` {
		t.Errorf("the result is %s", got)
	}
	p.waitFor(`WRN result came after the deadline's interrupt and may be incomplete .*request_id=`)
}

// A second answer to an invocation is not given to the next one: it is found before the next event
// is sent.
func TestTwoAnswers(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.run")
	e := f.failure(call("answers_twice", `{}`))
	if e.Message != "first" {
		t.Errorf("the first answer counts, got %+v", e)
	}
	if got := f.result(call("echo", `{"event": "mine"}`)); got != `"mine"` {
		t.Errorf("the next invocation got %s", got)
	}
	if got, want := rec.reports(), []string{"error Function.Error", "response"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
}

// An R that dies idle is replaced, and nothing is reported.
func TestIdleDeath(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.pid")
	before := f.result(`{}`)
	rec.waitForPolls(t, 2)
	rec.Forget()
	kill(t, before)
	p.waitFor(`worker died idle`)
	if after := f.result(`{}`); after == before {
		t.Errorf("the dead worker %s answered", before)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"response"}) {
		t.Errorf("reported %q, want one response", got)
	}
	// The poll that was open when the worker died stayed open. There is one more after the answer.
	if n := rec.count("next"); n > 1 {
		t.Errorf("%d new polls, want at most the one after the answer", n)
	}
}

// If no worker starts again, bootstrap exits after several failures in a row, so that Lambda replaces
// the environment.
func TestWorkerThatNeverComesBack(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/once.R", `
if (file.exists("started")) quit(status = 9)
file.create("started")
pid <- function() Sys.getpid()
`)
	rec := newRecorder(t, 20*time.Second, nil)
	p, f := startLambda(t, rec, "", "once.pid", "LAMBDA_TASK_ROOT="+dir, "LAMBDA_R_FORK=never")
	kill(t, f.result(`{}`))
	if code := p.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	n := strings.Count(p.output(), "worker did not become ready")
	if n < 2 {
		t.Errorf("%d failed attempts in the log, want several:\n%s", n, p.output())
	}
	if !strings.Contains(p.output(), fmt.Sprintf(" %d attempts in a row failed", n)) || !strings.Contains(p.output(), "status 9") {
		t.Errorf("the log does not say why:\n%s", p.output())
	}
	if got := rec.reports(); !slices.Equal(got, []string{"response"}) {
		t.Errorf("reported %q: the init succeeded once, so no init error", got)
	}
}

// User code can neither see the runtime's objects nor change them.
func TestUserCodeCannotClobberTheRuntime(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.clobbers")
	for range 3 {
		if got := f.result(`{}`); got != `"clobbered"` {
			t.Errorf("got %s", got)
		}
	}
}
