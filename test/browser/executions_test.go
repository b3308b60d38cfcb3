//go:build browser

package browser

import (
	"context"
	"net/http"
	"os"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// beginExecution starts a durable execution, and does not wait for its end.
func (s *server) beginExecution(name string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := lambda.Request(ctx, http.MethodPost, s.url+lambda.InvokePath, `{"n": 2}`,
		"X-Amz-Invocation-Type", "Event", "X-Amz-Durable-Execution-Name", name)
	if err != nil || answer.Status != http.StatusAccepted {
		s.t.Fatalf("%v %v", answer, err)
	}
}

// The page shows the operations of a durable execution. Its buttons answer a callback, skip a wait and
// stop an execution.
func TestExecutions(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "durable.approve")
	p := open(s)
	p.waitText("#executions-note", "None yet")
	s.beginExecution("first")
	p.waitText("#operations", "<b>load</b>")
	p.wait(`document.querySelector("#operations input")`)
	if n := p.count("#operations b"); n > 0 {
		t.Error("the name of an operation became HTML")
	}
	p.waitText("#operations pre", "3")
	p.run(string(axe))
	p.checkAccess("an open callback")
	p.set("#operations input", `{"ok":"<b>yes</b>"}`)
	p.click(`#operations button[aria-label^="Succeed"]`)
	p.waitText("#execution-status", "Answered.")
	p.click(`#operations button[aria-label="Skip: night"]`)
	p.waitText("#execution-title", "Execution first: SUCCEEDED")
	p.wait(`document.querySelectorAll("#operations .busy.succeeded").length === 5`)
	p.wait(`document.getElementById("stop").hidden`)
	p.waitText("#operations", "<b>yes</b>")
	if n := p.count("#operations b"); n > 0 {
		t.Error("a payload became HTML")
	}
	p.shoot("executions")

	s.beginExecution("second")
	p.wait(`document.querySelectorAll("#execution-rows tr").length === 2`)
	p.click("#execution-rows button")
	p.waitText("#execution-title", "Execution second: RUNNING")
	p.click("#stop")
	p.waitText("#execution-title", "Execution second: STOPPED")
	p.wait(`document.querySelectorAll("#operations button").length === 0`)

	s.beginExecution("third")
	p.wait(`document.querySelectorAll("#execution-rows tr").length === 3`)
	p.click("#execution-rows button")
	p.waitText("#execution-title", "Execution third: RUNNING")
	p.wait(`document.querySelector("#operations input")`)
	p.set("#operations input", "too early")
	p.click(`#operations button[aria-label^="Fail"]`)
	p.waitText("#execution-title", "Execution third: FAILED")
	p.waitText("#operations", "CallbackFailed: too early")
}

// A handler that is not durable has no executions.
func TestNoExecutions(t *testing.T) {
	p := open(serve(t, "functions.run"))
	p.invoke(`{"what": "text"}`)
	if !eval[bool](p, `document.getElementById("executions").hidden`) {
		t.Error("the page shows executions")
	}
}
