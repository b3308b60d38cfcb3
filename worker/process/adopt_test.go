//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/test/kit/proc"
)

// subreap makes this program a subreaper until the test ends.
func subreap(t *testing.T) {
	t.Helper()
	if err := BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		EndWatchdog()
		waitUntil(t, "all children are gone", func() bool {
			_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			return err == unix.ECHILD
		})
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
		subreaper.Store(false)
	})
}

// A fork is a grandchild that has called no exec.
type fork struct {
	pid            int
	stdout, stderr *os.File // the read ends
	parent         *exec.Cmd
	release        *os.File // closed to let the parent exit
}

// forkGrandchild starts a shell, which forks a subshell that runs script, then becomes a cat:
// that reaps no child, and exits when it is released.
func forkGrandchild(t *testing.T, script string) *fork {
	t.Helper()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() }) // closed before, in most tests
		return r, w
	}
	stdout, w1 := pipe()
	stderr, w2 := pipe()
	stdin, release := pipe()
	pid, w3 := pipe()
	f := &fork{stdout: stdout, stderr: stderr, release: release}
	f.parent = exec.Command("sh", "-c", "("+script+") 5>&- & echo $! >&5; exec cat 5>&-")
	f.parent.Stdin, f.parent.Stdout, f.parent.Stderr = stdin, w1, w2
	f.parent.ExtraFiles = []*os.File{nil, nil, w3}
	if err := supervised.start(f.parent); err != nil { // the test waits for it, not reapOrphans
		t.Fatal(err)
	}
	t.Cleanup(func() { supervised.remove(f.parent.Process.Pid) })
	for _, w := range []*os.File{w1, w2, w3, stdin} {
		_ = w.Close() // the child has copies
	}
	if _, err := fmt.Fscan(pid, &f.pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(f.pid, syscall.SIGKILL) }) // it should be dead
	return f
}

// die kills the grandchild, which becomes a zombie.
func (f *fork) die(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(f.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the process is a zombie", func() bool {
		_, state := parentAndState(f.pid)
		return state == 'Z'
	})
}

// orphan lets the parent exit.
func (f *fork) orphan(t *testing.T) {
	t.Helper()
	_ = f.release.Close() // nothing was written to it
	if err := f.parent.Wait(); err != nil {
		t.Error(err)
	}
}

func (f *fork) adopt(t *testing.T, o Options) *Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := Adopt(ctx, f.pid, f.stdout, f.stderr, o)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	return p
}

func TestAdopt(t *testing.T) {
	subreap(t)
	out, errs := newSink(), newSink()
	f := forkGrandchild(t, "trap 'echo caught; echo last words >&2; exit 7' USR1; echo ready; while :; do sleep 0.01; done")
	f.orphan(t)
	p := f.adopt(t, Options{Stdout: out.emit, Stderr: errs.emit})
	checkLines(t, out.next(t), []string{"ready"})
	if p.PID() != f.pid || p.Exit() != nil || p.RSS() == 0 {
		t.Errorf("pid %d, exit %v, %d bytes", p.PID(), p.Exit(), p.RSS())
	}
	if group, err := syscall.Getpgid(f.pid); err != nil || group != f.pid {
		t.Errorf("process group is %d, %v; want its own, %d", group, err, f.pid)
	}
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	e := ended(t, p)
	if e.Code != 7 || e.Signal != 0 || e.PID != f.pid || e.PeakRSS == 0 {
		t.Errorf("got %+v", e)
	}
	checkLines(t, e.StderrTail, []string{"last words"})
	checkLines(t, out.lines(), []string{"caught"})
	checkLines(t, errs.lines(), []string{"last words"})
	checkNoChild(t)
}

// Until the parent has exited, the process is not a child of ours: no error of waitid may be
// taken for its death.
func TestAdoptBeforeParentExits(t *testing.T) {
	subreap(t)
	f := forkGrandchild(t, "while :; do sleep 0.01; done")
	adopted := make(chan *Process, 1)
	failed := make(chan error, 1)
	go func() { // ends when the test has let the parent exit
		p, err := Adopt(t.Context(), f.pid, f.stdout, f.stderr, Options{})
		if err != nil {
			failed <- err
			return
		}
		adopted <- p
	}()
	waitUntil(t, "Adopt has begun", func() bool { return supervised.has(f.pid) })
	if _, err := Adopt(t.Context(), f.pid, f.stdout, f.stderr, Options{}); err == nil {
		t.Error("a process was adopted twice")
	}
	if !proc.Alive(f.pid) {
		t.Error("the process was killed")
	}
	select {
	case <-adopted:
		t.Error("adopted while its parent lives")
	default:
	}
	f.orphan(t)
	select {
	case p := <-adopted:
		endWith(t, p)
		if p.Exit() != nil || !proc.Alive(p.PID()) {
			t.Errorf("it has ended: %v", p.Exit())
		}
		p.Kill("test")
		quickly(t, "Wait", func() { p.Wait() })
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("not adopted")
	}
}

// The group of an adopted process has what it forks from then on.
func TestKillOfAdoptedGroup(t *testing.T) {
	subreap(t)
	out := newSink()
	f := forkGrandchild(t, "trap 'sleep 1000 & echo $!' USR1; echo ready; while :; do sleep 0.01; done")
	f.orphan(t)
	p := f.adopt(t, Options{Stdout: out.emit})
	checkLines(t, out.next(t), []string{"ready"})
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	child := out.nextPID(t)
	p.Kill("test")
	if e := ended(t, p); e.Killed != "test" || e.Signal != syscall.SIGKILL {
		t.Errorf("got %+v", e)
	}
	waitUntil(t, "its child is gone", func() bool { return !proc.Alive(child) })
}

// A process that dies before it is adopted is a zombie, and its status is not lost.
func TestAdoptDead(t *testing.T) {
	subreap(t)
	written := filepath.Join(t.TempDir(), "written")
	f := forkGrandchild(t, "echo too late >&2; : > "+written+"; while :; do sleep 0.01; done")
	waitUntil(t, "it has written, and its parent is a cat", func() bool {
		_, err := os.Stat(written)
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", f.parent.Process.Pid)) // unreadable: not yet
		return err == nil && string(name) == "cat\n"
	})
	f.die(t)
	adopted := make(chan *Process, 1)
	go func() { // ends when the test has let the parent exit
		p, err := Adopt(t.Context(), f.pid, f.stdout, f.stderr, Options{})
		if err != nil {
			t.Error(err)
		}
		adopted <- p
	}()
	waitUntil(t, "Adopt has begun", func() bool { return supervised.has(f.pid) })
	f.orphan(t)
	p := <-adopted
	if p == nil {
		return
	}
	endWith(t, p)
	if e := ended(t, p); e.Code != 0 || e.Signal != syscall.SIGTERM || e.Killed != "" {
		t.Errorf("got %+v", e)
	}
	checkLines(t, p.Exit().StderrTail, []string{"too late"})
}

func TestCannotAdopt(t *testing.T) {
	errTooSlow := errors.New("too slow")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := forkGrandchild(t, "while :; do sleep 0.01; done") // this program is not its reaper
	cancel(errTooSlow)
	_, err := Adopt(ctx, f.pid, f.stdout, f.stderr, Options{})
	if !errors.Is(err, errTooSlow) || !strings.Contains(err.Error(), "BecomeSubreaper") {
		t.Errorf("a process of another parent: %v", err)
	}
	if !proc.Alive(f.pid) {
		t.Error("the process was killed")
	}
	if _, err := f.stdout.SyscallConn(); err != nil {
		t.Errorf("its output was closed: %v", err)
	}
	f.orphan(t)
	if err := syscall.Kill(f.pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}

	if _, err := Adopt(t.Context(), 1<<22+1, nil, nil, Options{}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a process that does not exist: %v", err)
	}
	if supervised.has(f.pid) || supervised.has(1<<22+1) {
		t.Error("the pid of a process that was not adopted is kept")
	}
}

// A subreaper reaps the orphans that no Process waits for, as they exit.
func TestOrphansAreReaped(t *testing.T) {
	subreap(t)
	p := start(t, "exec sleep 1000", Options{}) // a Process that lives on
	f := forkGrandchild(t, "while :; do sleep 0.01; done")
	f.orphan(t)
	if err := syscall.Kill(f.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the orphan and its last sleep are reaped", func() bool {
		children := slices.DeleteFunc(allPIDs(), func(pid int) bool {
			parent, _ := parentAndState(pid)
			return parent != os.Getpid()
		})
		return slices.Equal(children, []int{p.PID()})
	})
	if p.Exit() != nil {
		t.Errorf("the process ended: %v", p.Exit())
	}
}

// Orphans that exit by the hundred take no exit status of a Process.
func TestReapingTakesNoStatus(t *testing.T) {
	subreap(t)
	for i := range 20 {
		p := start(t, fmt.Sprintf("for i in 1 2 3 4 5; do sh -c 'true & true &'; done; exit %d", i+1), Options{})
		if exit := ended(t, p); exit.Code != i+1 {
			t.Errorf("exit %v, want status %d", exit, i+1)
		}
	}
}
