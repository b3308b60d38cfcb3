package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// startWatching starts bootstrap local --watch for the function f in app.R of a new folder.
func startWatching(t *testing.T, code string, flags ...string) (p *program, f function, app string) {
	t.Helper()
	dir := t.TempDir()
	app = dir + "/app.R"
	writeFile(t, app, code)
	p = start(t, "", []string{"LAMBDA_TASK_ROOT=" + dir, "LOG_LEVEL=debug"},
		append([]string{"local", "--addr", "127.0.0.1:0", "--watch", "--http", "app.f"}, flags...)...)
	return p, function{t, "http://" + p.waitFor(`DBG listening .*address=(\S+)`)[1]}, app
}

// Changed code answers, broken code returns its error, and fixed code answers again.
func TestWatch(t *testing.T) {
	p, f, app := startWatching(t, `f <- function(event) "one"`)
	if got := f.http("GET", "/", "").Body; got != "one" {
		t.Fatalf("got %s", got)
	}
	writeFile(t, app, `f <- function(event) "the second"`)
	waitUntil(t, func() bool { return f.http("GET", "/", "").Body == "the second" }, "the new code answers")
	p.waitFor(`INF reloading .*changed=app.R`)
	p.waitFor(`INF ready again`)

	writeFile(t, app, "f <- function(event) {\n  1 +* 2\n}")
	waitUntil(t, func() bool { return f.invoke(`{}`).Header.Get("X-Amz-Function-Error") != "" }, "the broken code fails")
	if e := f.failure(`{}`); e.Type != "Runtime.UserCodeSyntaxError" || !strings.Contains(e.Message, "app.R:2") {
		t.Errorf("got %+v", e)
	}
	if got := f.http("GET", "/", ""); got.Status != 502 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	p.waitFor(`ERR not ready: Runtime.UserCodeSyntaxError: .*app.R:2`)
	p.waitFor(`INF waiting for an R file to change`)

	writeFile(t, app, `f <- function(event) "fixed"`)
	waitUntil(t, func() bool { return f.http("GET", "/", "").Body == "fixed" }, "the fixed code answers")
	p.Signal(syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	p.noProcessLeft()
}

// Running invocations end with the old code. Invocations that arrive meanwhile wait for the new
// code.
func TestReloadHarmsNoCaller(t *testing.T) {
	const code = `
f <- function(event) {
  while (!file.exists("gate")) Sys.sleep(0.01)
  "VERSION"
}
`
	p, f, app := startWatching(t, strings.ReplaceAll(code, "VERSION", "old"))
	answers := make(chan answer)
	ask := func() { // waited for below
		a, err := f.request(`{}`)
		if err != nil {
			t.Error(err)
		}
		answers <- a
	}
	go ask()
	p.waitFor(`DBG dispatch`)
	writeFile(t, app, strings.ReplaceAll(code, "VERSION", "the new"))
	p.waitFor(`reload waits for running invocations .*running=1`)
	go ask()
	writeFile(t, strings.Replace(app, "app.R", "gate", 1), "")
	if first, second := <-answers, <-answers; first.Body != `"old"` || second.Body != `"the new"` {
		t.Errorf("got %s and %s", first.Body, second.Body)
	}
	if n := strings.Count(p.output(), "ERR"); n > 0 {
		t.Errorf("%d errors in the log:\n%s", n, p.output())
	}
}

// Code that is broken from the start can be fixed, too.
func TestWatchOfBrokenCode(t *testing.T) {
	p, f, app := startWatching(t, "f <- function(")
	if e := f.failure(`{}`); e.Type != "Runtime.UserCodeSyntaxError" {
		t.Errorf("got %+v", e)
	}
	writeFile(t, app, `stop("no model")`)
	waitUntil(t, func() bool { return strings.Contains(f.failure(`{}`).Message, "no model") }, "the other error is reported")
	writeFile(t, app, `f <- function(event) "fixed"`)
	waitUntil(t, func() bool { return f.http("GET", "/", "").Body == "fixed" }, "the fixed code answers")
	p.waitFor(`app\.f is served on`)
}

// Ctrl-C ends bootstrap while it waits for a change.
func TestInterruptOfBrokenCode(t *testing.T) {
	p, _, _ := startWatching(t, "f <- function(")
	p.waitFor(`waiting for an R file`)
	p.Signal(syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

// A function whose workers no longer start waits for a change, too.
func TestWatchAfterGivingUp(t *testing.T) {
	t.Setenv("LAMBDA_R_FORK", "never") // on a busy machine the init is long enough to fork from it
	p, f, app := startWatching(t, `
if (file.exists("broken")) quit(status = 3)
f <- function(event) {
  file.create("broken")
  tools::pskill(Sys.getpid(), 9L)
}
`)
	f.failure(`{}`)
	p.waitFor(`not ready: Runtime.WorkerCrashed`)
	p.waitFor(`waiting for an R file`)
	if e := f.failure(`{}`); e.Type != "Runtime.WorkerCrashed" || !strings.Contains(e.Message, "status 3") {
		t.Errorf("got %+v", e)
	}
	if err := os.Remove(strings.Replace(app, "app.R", "broken", 1)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, app, `f <- function(event) "fixed"`)
	waitUntil(t, func() bool { return f.http("GET", "/", "").Body == "fixed" }, "the fixed code answers")
}
