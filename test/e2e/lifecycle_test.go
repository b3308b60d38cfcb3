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

// A worker that has grown too large is recycled too. Here each of them has, so the pids change.
func TestRecyclingByMemory(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.pid", "LAMBDA_R_MAX_RSS=1MB", "LOG_LEVEL=debug")
	first := f.result(`{}`)
	p.waitFor(`worker recycled`)
	if second := f.result(`{}`); second == first {
		t.Errorf("worker %s answered again", first)
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
