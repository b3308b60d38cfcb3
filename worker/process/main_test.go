//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"lambda-r-runtime/test/kit/board"
)

const (
	// patience is how long a test waits for what must happen. It guards against a hang and
	// is never a pause.
	patience = 30 * time.Second

	// soon is the longest that may pass after a kill or a death. What it bounds takes a few
	// milliseconds.
	soon = time.Second
)

// actAs, in the environment, makes the test binary a program that starts a child, prints its
// pid and waits, instead of running tests; or, if it is "adopter", what playAdopter does.
const actAs = "PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) == "adopter" {
		if err := playAdopter(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(actAs) != "" {
		p, err := Start(exec.Command("sleep", "1000"), Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		_ = unix.Pause() // until it is killed
		return
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("lambda-r-runtime/worker/process.runStarter"),
		goleak.IgnoreAnyFunction("lambda-r-runtime/worker/process.runReaper"))
}

// start starts a shell script. The process is gone when the test ends.
func start(t *testing.T, script string, o Options) *Process {
	t.Helper()
	p, err := Start(exec.Command("sh", "-c", script), o)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	return p
}

// endWith ends p when the test ends.
func endWith(t *testing.T, p *Process) {
	t.Cleanup(func() {
		p.Kill("the test is over")
		p.Wait()
	})
}

// ended waits until p has ended.
func ended(t *testing.T, p *Process) *ExitError {
	t.Helper()
	guard := time.AfterFunc(patience, func() { p.Kill("the test lost its patience") })
	defer guard.Stop()
	return p.Wait()
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

// waitUntil waits until condition holds.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !board.Poll(patience, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// A sink collects lines.
type sink struct {
	mu   sync.Mutex
	got  []string
	come chan struct{} // has an element after a line has come
}

func newSink() *sink { return &sink{come: make(chan struct{}, 1)} }

func (s *sink) emit(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, line)
	select {
	case s.come <- struct{}{}:
	default:
	}
}

// lines returns the lines since it was last called.
func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// next waits for lines and returns them.
func (s *sink) next(t *testing.T) []string {
	t.Helper()
	select {
	case <-s.come:
		return s.lines()
	case <-time.After(patience):
		t.Fatal("no line came")
		return nil
	}
}

// nextPID waits for a line that is a pid.
func (s *sink) nextPID(t *testing.T) (pid int) {
	t.Helper()
	if _, err := fmt.Sscan(strings.Join(s.next(t), "\n"), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", lengths(got), lengths(want))
	}
}

// lengths shows lines, the long ones by their length.
func lengths(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 100 {
			fmt.Fprintf(&b, "(%d bytes) ", len(line))
		} else {
			fmt.Fprintf(&b, "%q ", line)
		}
	}
	return b.String()
}

// checkNoChild fails if this program has a child, alive or a zombie.
func checkNoChild(t *testing.T) {
	t.Helper()
	EndWatchdog()
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if !errors.Is(err, unix.ECHILD) {
		t.Errorf("waitid: %v, want no child", err)
	}
}
