package worker

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
)

const (
	// patience is how long a test waits for what must happen. It guards against a hang and
	// is never a pause.
	patience = 30 * time.Second

	// soon is the longest that may pass after a kill or a death. What it bounds takes a few
	// milliseconds.
	soon = time.Second
)

// actAs names the role that the test binary plays, instead of running tests: it is
// its own fake R. See the roles in fake_test.go.
const actAs = "WORKER_TEST_FAKE"

// inherited are the file descriptors that the test binary was started with.
var inherited []string

func TestMain(m *testing.M) {
	if role := os.Getenv(actAs); role != "" {
		play(role)
		return
	}
	inherited = proc.OpenFDs()
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("lambda-r-runtime/worker/process.runStarter"),
		goleak.IgnoreAnyFunction("lambda-r-runtime/worker/process.runReaper"))
}

// errorAs returns the error of type E in err's tree, which must have one.
func errorAs[E error](t *testing.T, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("error is %v (%T), want a %T", err, err, e)
	}
	return e
}

// quickly runs act, which must return soon.
func quickly(t *testing.T, what string, act func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { // ends with act
		defer close(done)
		act()
	}()
	select {
	case <-done:
	case <-time.After(soon):
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Fatalf("%s took more than %v:\n%s", what, soon, stacks)
	}
}

// waitDone waits for the death of the worker.
func waitDone(t *testing.T, w *Worker) {
	t.Helper()
	select {
	case <-w.Done():
	case <-time.After(patience):
		t.Fatal("the worker did not die")
	}
}

// waitUntil waits until condition holds, at most as long as most.
func waitUntil(t *testing.T, most time.Duration, what string, condition func() bool) {
	t.Helper()
	if !board.Poll(most, condition) {
		t.Fatalf("not within %v: %s", most, what)
	}
}
