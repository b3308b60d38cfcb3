package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// execute starts an execution of a case of testdata/durable.R, which has the case's name, and returns
// the answer.
func execute(f function, name string) answer {
	f.t.Helper()
	return f.invoke(fmt.Sprintf(`{"case":%q}`, name), "X-Amz-Durable-Execution-Name", name)
}

// Each mistake ends the execution with an error that names it and its fix. Nothing is retried.
func TestMistakesInDurableHandlers(t *testing.T) {
	p, f := startLocal(t, "durable.run", nil, "--skip-time")
	cases := []struct {
		name    string
		waits   bool // it fails after a wait, so in a later invocation than the first
		message []string
	}{
		{"name", false, []string{`durable_step(): the name must be`, `printable ASCII characters, not "café"`}},
		{"long_name", false, []string{`durable_wait(): the name must be one string of 1 to 256`, `of 257`}},
		{"branch_name", false, []string{`durable_parallel(): the name must be`}},
		{"nested_step", false, []string{`durable_step("inner") is inside of the step "outer"`, `Put both into durable_child()`}},
		{"nested_wait", false, []string{`durable_wait() is inside of the step "outer"`}},
		{"nested_retry", false, []string{`durable_wait() is inside of the step "outer"`}},
		{"short_wait", false, []string{`it lasts 0.5 seconds`, `use Sys.sleep() in a step`}},
		{"long_wait", false, []string{`it lasts 31,708,800 seconds`, `an execution ends after that`}},
		{"no_unit", false, []string{`name the unit, as in durable_wait(seconds = 30)`}},
		{"moves", true, []string{`operation 2 was Wait`, `is now Step "load"`, `Put what it decides by into a step`}},
		{"other_kind", true, []string{`was Wait "same"`, `is now Callback "same"`}},
		{"pointer", false, []string{`durable_step("open")`, `it$con is a connection`, `Return what is needed to open it again`}},
		{"write", false, []string{`durable_step("save")`, `write() has failed: no format`}},
		{"result", false, []string{`the result cannot be encoded as JSON`}},
		{"batch", false, []string{`return durable_results(batch)`}},
		{"expired", true, []string{`the callback "approval" failed: Callback timed out`}},
		{"silent", true, []string{`the callback "approval" failed: Callback timed out on heartbeat`}},
		{"large_step", false, []string{`durable_step("load") has 300,002 bytes`, `at most 262,144`, `keep it in S3 and return the key`}},
		{"large_frame", false, []string{`durable_step("load") has 8,000,002 bytes`}},
		{"large_state", false, []string{`the state of durable_until("poll") has 300,002 bytes`}},
		{"large_payload", false, []string{`the payload of durable_invoke("other") has 300,002 bytes`, `pass the key`}},
		{"large_model", false, []string{`durable_step("fit") has`, `a function or a formula, as models have`}},
		{"strategy", false, []string{`retry must return a number of seconds, or NULL`}},
		{"no_code", false, []string{`durable_step(): there is no code`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := execute(function{t, f.url}, c.name)
			var e functionError
			if err := json.Unmarshal([]byte(a.Body), &e); err != nil || a.Header.Get("X-Amz-Function-Error") == "" {
				t.Fatalf("want an error, got status %d, %s", a.Status, a.Body)
			}
			for _, text := range c.message {
				if !strings.Contains(e.Message, text) {
					t.Errorf("the message is %q, want it to contain %q", e.Message, text)
				}
			}
			invocations := "1"
			if c.waits {
				invocations = `\d+`
			}
			p.waitFor(fmt.Sprintf(`execution=%s status=FAILED invocations=%s\n`, c.name, invocations))
		})
	}
}

// A plain handler that is invoked for an execution ends it, because an error report would be retried.
func TestPlainHandlerOfADurableFunction(t *testing.T) {
	_, f := startLocal(t, "durable.plain", nil)
	body := f.result(`{"DurableExecutionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/n/i",` +
		`"CheckpointToken":"t","InitialExecutionState":{"Operations":[{"Id":"i","Type":"EXECUTION","Status":"STARTED",` +
		`"StartTimestamp":1795700000,"ExecutionDetails":{"InputPayload":"{}"}}]}}`)
	var answer struct {
		Status string
		Error  struct{ ErrorType, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	want := "the function has a DurableConfig, but its handler plain is not durable: write plain <- durable("
	if answer.Status != "FAILED" || answer.Error.ErrorType != "Runtime.NotDurable" || !strings.Contains(answer.Error.ErrorMessage, want) {
		t.Errorf("the answer is %s, want FAILED with %q", body, want)
	}
}

func TestDurableHandlerOfAPlainFunction(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	start(t, "", rec.Env("durable.run"))
	e := function{t, rec.URL}.failure(`{"case":"values"}`)
	if e.Type != "Runtime.NotDurable" || !strings.Contains(e.Message, "create the function again with DurableConfig") {
		t.Errorf("the error is %q: %q, want Runtime.NotDurable with the fix", e.Type, e.Message)
	}
}

func TestDurableValues(t *testing.T) {
	_, f := startLocal(t, "durable.run", nil, "--skip-time")
	const want = `{"first":[],"replayed":[],"f":3,"a":1,"s4":true,"zero":true}`
	if got := execute(f, "values").Body; got != want {
		t.Errorf("the values that differ are %s, want %s", got, want)
	}
}

// Large events and results have formats of their own between bootstrap and R.
func TestDurableRecords(t *testing.T) {
	_, f := startLocal(t, "durable.records", nil, "--skip-time")
	var rows, want []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf(`{"a":%d,"b":%d.5}`, i, i))
		want = append(want, fmt.Sprintf(`{"a":%d,"sum":%d.5,"replayed":true}`, i, 2*i))
	}
	got := f.invoke(`{"rows":[` + strings.Join(rows, ",") + `]}`).Body
	if got != "["+strings.Join(want, ",")+"]" {
		t.Errorf("the result is %.200s, want %.200s", got, strings.Join(want, ","))
	}
}

func TestNothingCatchesASuspension(t *testing.T) {
	p, f := startLocal(t, "durable.run", nil, "--skip-time")
	const want = `{"a":"through","b":[true,true],"seen":[]}`
	if got := execute(f, "caught").Body; got != want {
		t.Errorf("the result is %s, want %s", got, want)
	}
	p.waitFor(`execution=caught status=SUCCEEDED`)
	for _, text := range []string{"finally runs", "on.exit runs"} {
		if !strings.Contains(p.output(), text) {
			t.Errorf("the log lacks %q:\n%s", text, p.output())
		}
	}
}

// A replay in another process draws the same random numbers, and does not log again what was logged.
func TestReplayInAnotherProcess(t *testing.T) {
	p, f := startLocal(t, "durable.run", []string{"DIED=" + filepath.Join(t.TempDir(), "died")}, "--skip-time")
	if got, want := execute(f, "replayed").Body, `{"same":true,"moved":true,"further":true}`; got != want {
		t.Errorf("the result is %s, want %s", got, want)
	}
	p.waitFor(`execution=replayed status=SUCCEEDED`)
	if n := strings.Count(p.output(), "the handler begins"); n != 1 {
		t.Errorf("the replay logged again, %d times:\n%s", n, p.output())
	}
	record := regexp.MustCompile(`the step runs .*attempt=1 executionArn=\S*/durable-execution/replayed/\S+ operationId=2 operationName=die`)
	if n := len(record.FindAllString(p.output(), -1)); n != 2 {
		t.Errorf("%d records of the step match %s, want 2:\n%s", n, record, p.output())
	}
}

// An HTTP request starts an execution, and its result is the response, as with a function URL.
func TestDurableHandlerOfHTTPRequests(t *testing.T) {
	p, f := startLocal(t, "durable.page", nil, "--http", "--skip-time")
	if a := f.http("GET", "/?name=Ann", ""); a.Status != 200 || a.Body != "<p>Hello Ann</p>" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %+v", a)
	}
	if a := f.http("GET", "/?name=nobody", ""); a.Status != 502 || strings.Contains(a.Body, "no name") {
		t.Errorf("got %+v", a)
	}
	p.waitFor(`durable execution ended .*status=FAILED`)
}
