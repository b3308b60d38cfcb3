package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/board"
)

// A worker is recycled between invocations. Its successor is ready first, and no invocation fails.
func TestRecyclingByInvocations(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.pid", "LAMBDA_R_MAX_INVOCATIONS=5", "LOG_LEVEL=debug")
	pids := []string{}
	for len(slices.Compact(slices.Clone(pids))) < 4 {
		pids = append(pids, f.result(`{}`))
	}
	if served := slices.Index(pids, pids[len(pids)-1]); served < 4 {
		t.Errorf("three workers answered only %d invocations: %v", served, pids)
	}
	if n := rec.count("error"); n != 0 {
		t.Errorf("%d errors", n)
	}
	p.waitFor(`R process ended .*status 0`)
}

// grows is a function that makes R grow by 300 MB permanently, or not.
const grows = `
kept <- NULL
f <- function(grow = FALSE) {
  if (grow) kept <<- numeric(4e7) + 1
  Sys.getpid()
}
`

// A worker that has grown too large is recycled too.
func TestRecyclingByMemory(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/grows.R", grows)
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "grows.f", "LAMBDA_TASK_ROOT="+dir, "LAMBDA_R_MAX_RSS=250MB", "LOG_LEVEL=debug")
	first := f.result(`{}`)
	if second := f.result(`{"grow":true}`); second != first {
		t.Errorf("worker %s answered after %s", second, first)
	}
	p.waitFor(`worker recycled`)
	if third := f.result(`{}`); third == first {
		t.Errorf("worker %s answered again", first)
	}
	if strings.Contains(p.output(), "LAMBDA_R_MAX_RSS is") {
		t.Errorf("it warns of a limit that works:\n%s", p.output())
	}
}

// A limit below what R uses from the start is ignored, with one warning that has both numbers.
func TestRecyclingLimitTooLow(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.pid", "LAMBDA_R_MAX_RSS=1MB", "LAMBDA_R_MAX_INVOCATIONS=4")
	pids := map[string]bool{}
	for len(pids) < 3 {
		pids[f.result(`{}`)] = true
	}
	p.waitFor(`WRN LAMBDA_R_MAX_RSS is below what R uses once the handler is loaded, so it is ignored .*used_mb=\d\d+ limit_mb=1`)
	if n := strings.Count(p.output(), "LAMBDA_R_MAX_RSS"); n != 1 {
		t.Errorf("it warns %d times:\n%s", n, p.output())
	}
}

// If the function's memory has no room for two workers, the old one goes first.
func TestRecyclingWithoutRoom(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.pid", "LAMBDA_R_MAX_INVOCATIONS=1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=64", "LOG_LEVEL=debug")
	first := f.result(`{}`)
	if second := f.result(`{}`); second == first {
		t.Errorf("worker %s answered again", first)
	}
	p.waitFor(`worker recycled, no room for its successor beside it`)
}

// hooks is a function with a shutdown hook.
const hooks = `
f <- function(seconds = 0) {
  Sys.sleep(seconds)
  "done"
}
on_shutdown(function() {
  message("the hook speaks")
  writeLines("good-bye", "farewell.txt")
})
`

// At SIGTERM the hooks of an idle R run. Because R has hooks, the runtime has registered as
// an extension, so that Lambda sends SIGTERM.
func TestShutdownHooks(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/hooks.R", hooks)
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "hooks.f", "LAMBDA_TASK_ROOT="+dir)
	f.result(`{}`)
	p.Signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	p.waitFor(`INF the hook speaks`)
	if text, err := os.ReadFile(dir + "/farewell.txt"); err != nil || string(text) != "good-bye\n" {
		t.Errorf("the hook wrote %q, %v", text, err)
	}
	if n := rec.count(faulty.OpRegister); n != 1 {
		t.Errorf("registered %d times, want once", n)
	}
}

// Without hooks, the runtime does not register.
func TestNoRegistration(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.pid")
	f.result(`{}`)
	if n := rec.count(faulty.OpRegister); n != 0 {
		t.Errorf("registered %d times", n)
	}
}

// A handler's children die with their worker, even those in a session of their own.
func TestGrandchildrenDieWithTheirWorker(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/family.R", `
family <- function() {
  system("sleep 300", wait = FALSE)
  system("setsid sleep 300", wait = FALSE)
  Sys.getpid()
}
`)
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "family.family", "LAMBDA_TASK_ROOT="+dir)
	pid := f.result(`{}`)
	sleeping := func() (n int) {
		for _, pid := range p.Processes() {
			exe, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
			if strings.HasSuffix(exe, "/sleep") {
				n++
			}
		}
		return n
	}
	waitUntil(t, func() bool { return sleeping() == 2 }, "both children run")
	kill(t, pid)
	waitUntil(t, func() bool { return sleeping() == 0 }, "both children are dead")
	f.result(`{}`)
}

// waitUntil polls a condition that nothing announces.
func waitUntil(t *testing.T, condition func() bool, what string) {
	t.Helper()
	if !board.Poll(patience, condition) {
		t.Fatalf("not so in %v: %s", patience, what)
	}
}
