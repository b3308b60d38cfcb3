package durable

import (
	"encoding/json"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// A durable handler invokes a plain function, a durable one and one of another file.
func TestChainedInvokes(t *testing.T) {
	f := startFunction(t, "chained.report", "--skip-time")
	var result struct {
		Plain struct {
			Value int    `json:"value"`
			ARN   string `json:"arn"`
		} `json:"plain"`
		Durable   int `json:"durable"`
		OtherFile struct {
			Event int `json:"event"`
		} `json:"other_file"`
	}
	text := f.result(t, f.run(t, `{"n": 4}`), &result)
	if result.Plain.Value != 8 || !strings.HasSuffix(result.Plain.ARN, ":function:twice") || result.Durable != 5 || result.OtherFile.Event != 4 {
		t.Errorf("the result is %s", text)
	}
}

// The error of an invoked function says what has happened to it.
func TestChainedFailures(t *testing.T) {
	f := startFunction(t, "chained.failures", "--skip-time", "--timeout=5s")
	result := map[string]string{}
	text := f.result(t, f.run(t, `{}`), &result)
	for name, want := range map[string]string{
		"missing":        "missing",
		"missing_file":   "nowhere.R",
		"broken":         "the shop is closed",
		"broken_durable": "still closed",
		"slow":           "before its deadline; it was in Sys.sleep(600)",
		"itself":         "does itself invoke itself, or a function that invokes it?",
		"cycle":          "invoke itself, or a function that invokes it?",
	} {
		if !strings.Contains(result[name], want) {
			t.Errorf("%s: the error is %q, want %q in it", name, result[name], want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// An invoked execution that is stopped is an error for the one that waits for it.
func TestChainedStop(t *testing.T) {
	f := startFunction(t, "chained.waits")
	arn := f.start(t, "function", []byte(`{}`))
	child := f.invoked(t, "stopped")
	f.post(t, "/2025-12-01/durable-executions/"+url.PathEscape(child)+"/stop", []byte(`{"ErrorMessage": "no longer needed"}`), nil)
	f.await(t, func() bool {
		return f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn))["Status"] == "SUCCEEDED"
	})
	var message string
	f.result(t, arn, &message)
	if !strings.Contains(message, "no longer needed") {
		t.Errorf("the error is %q", message)
	}
	for _, e := range f.history(t, arn) {
		if e.(map[string]any)["EventType"] == "ChainedInvokeStopped" {
			return
		}
	}
	t.Error("the history has no event ChainedInvokeStopped")
}

// An execution and the one that it has invoked go on after a kill of bootstrap.
func TestChainedInvokeAfterAKill(t *testing.T) {
	data := "--data=" + t.TempDir()
	killed := startFunction(t, "chained.report", data)
	arn := killed.start(t, "function", []byte(`{"n": 4}`))
	killed.invoked(t, "tomorrow")
	if err := killed.program.Stop(syscall.SIGKILL, limit); err != nil {
		t.Fatal(err)
	}
	f := startFunction(t, "chained.report", data, "--skip-time")
	f.await(t, func() bool { return f.status(t, arn) == "SUCCEEDED" })
	var result struct {
		Durable int `json:"durable"`
	}
	if text := f.result(t, arn, &result); result.Durable != 5 {
		t.Errorf("the result is %s", text)
	}
}

// invoked waits until another execution has invoked the durable function name, and returns the ARN of
// its execution.
func (f *function) invoked(t *testing.T, name string) (arn string) {
	t.Helper()
	f.await(t, func() bool {
		executions, _ := f.get(t, "/2025-12-01/functions/"+name+"/durable-executions")["DurableExecutions"].([]any)
		if len(executions) == 1 {
			arn, _ = executions[0].(map[string]any)["DurableExecutionArn"].(string)
		}
		return arn != ""
	})
	return arn
}

// result reads the result of an execution that has succeeded, and returns its text.
func (f *function) result(t *testing.T, arn string, v any) string {
	t.Helper()
	text, _ := f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn))["Result"].(string)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return text
}
