//go:build linux

package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/test/kit/slowdeath"
)

func TestExit(t *testing.T) {
	for _, test := range []struct {
		name, script string
		code         int
		signal       syscall.Signal
		text         string
	}{
		{"status 0", "exit 0", 0, 0, "exited with status 0"},
		{"status 3", "exit 3", 3, 0, "exited with status 3"},
		{"SIGKILL", "kill -KILL $$", 0, syscall.SIGKILL, "was killed by SIGKILL (killed)"},
		{"SIGSEGV", "kill -SEGV $$", 0, syscall.SIGSEGV, "was killed by SIGSEGV (segmentation fault)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, "echo last words >&2; "+test.script, Options{})
			e := ended(t, p)
			if e.PID != p.PID() || e.Code != test.code || e.Signal != test.signal || e.Killed != "" || e.PeakRSS == 0 {
				t.Errorf("got %+v", e)
			}
			if p.Exit() != e {
				t.Errorf("Exit is %v, and Wait returned %v", p.Exit(), e)
			}
			want := fmt.Sprintf("process %d %s; last on stderr:\nlast words", p.PID(), test.text)
			if e.Error() != want {
				t.Errorf("message is %q, want %q", e, want)
			}
		})
	}
}

func TestExitWhileAlive(t *testing.T) {
	p := start(t, "exec sleep 1000", Options{})
	p.Kill("first")
	p.Kill("second") // the first reason counts
	<-p.Done()
	if e := p.Exit(); e.Killed != "first" || e.Signal != syscall.SIGKILL {
		t.Errorf("got %+v", e)
	}
	p = start(t, "exec sleep 1000", Options{})
	if e := p.Exit(); e != nil {
		t.Errorf("a live process has ended: %v", e)
	}
}

func TestSignal(t *testing.T) {
	out := newSink()
	p := start(t, `trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.01; done`, Options{Stdout: out.emit})
	checkLines(t, out.next(t), []string{"ready"})
	if err := p.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if e := ended(t, p); e.Code != 3 {
		t.Errorf("got %+v", e)
	}
	checkLines(t, out.lines(), []string{"caught"})
	if err := p.Signal(syscall.SIGINT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its death: %v", err)
	}
}

// The grandchild has a copy of every pipe. That hides no death, and it dies with the group.
func TestGroupDies(t *testing.T) {
	for name, kill := range map[string]func(*Process){
		"killed by us":         func(p *Process) { p.Kill("test") },
		"killed by another":    func(p *Process) { _ = syscall.Kill(p.PID(), syscall.SIGKILL) },
		"exiting after SIGINT": func(p *Process) { _ = p.Signal(syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			out := newSink()
			p := start(t, "trap 'exit 0' INT; sleep 1000 & echo $!; wait", Options{Stdout: out.emit})
			grandchild := out.nextPID(t)
			if !proc.Alive(grandchild) {
				t.Fatal("the grandchild is dead before the process is")
			}
			kill(p)
			quickly(t, "Wait", func() { p.Wait() })
			waitUntil(t, "the grandchild is gone", func() bool { return !proc.Alive(grandchild) })
		})
	}
}

// A grandchild in another session survives its group. It holds nothing up, even if it never
// stops writing, and is found by the marker.
func TestStrayDies(t *testing.T) {
	for name, command := range map[string]string{
		"silent":                      "sleep 1000",
		"flooding":                    "sh -c 'echo flood; exec yes'",
		"flooding without line feeds": `sh -c "echo flood; exec tr '\\0' x < /dev/zero"`,
	} {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			marker := "FAMILY=" + t.TempDir()
			p := start(t, "setsid "+command+" & echo $! > "+pidFile+"; wait", Options{Marker: marker})
			other := start(t, "exec sleep 1000", Options{Marker: marker + "/other"})
			var stray int
			waitUntil(t, "the stray leads a session", func() bool {
				text, err := os.ReadFile(pidFile)
				if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
					return false
				}
				_, _ = fmt.Sscan(string(text), &stray) // else the session is never found
				session, err := syscall.Getpgid(stray)
				return err == nil && session == stray
			})
			p.Kill("test")
			quickly(t, "Wait", func() { p.Wait() })
			waitUntil(t, "the stray is gone", func() bool { return !proc.Alive(stray) })
			if !proc.Alive(other.PID()) {
				t.Error("the process of another family is gone, too")
			}
		})
	}
}

// A supervised process is never a stray, even with the same environment.
func TestSupervisedIsNoStray(t *testing.T) {
	o := Options{Marker: "FAMILY=" + t.TempDir()}
	sibling := start(t, "exec sleep 1000", o)
	p := start(t, "exit 0", o)
	ended(t, p)
	if !proc.Alive(sibling.PID()) {
		t.Error("a sibling with the same marker was killed")
	}
}

// After a process was reaped, its pid may belong to another process.
func TestNoSignalAfterDeath(t *testing.T) {
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	p := start(t, "exec sleep 1000", Options{})
	p.Kill("first")
	p.Wait()

	p.pid = other.Process.Pid // as if the kernel had given the pid to another process
	if err := p.Signal(syscall.SIGINT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal: %v", err)
	}
	if p.Kill("second") {
		t.Error("Kill says that the process was not reaped")
	}
	if rss := p.RSS(); rss != 0 {
		t.Errorf("the memory of another process: %d bytes", rss)
	}

	if err := other.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = other.Wait() // an error in any case: it ends by a signal
	if got := other.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGTERM {
		t.Errorf("the other process got %v", got)
	}
	if e := p.Exit(); e.Killed != "first" {
		t.Errorf("killed because %q", e.Killed)
	}
}

// If another part of the program has reaped the child, the pid is not ours any more.
func TestReapedByAnother(t *testing.T) {
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command("cat")
	cmd.Stdin = in
	p, err := Start(cmd, Options{})
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	p.mu.Lock() // keeps the Process from reaping
	if err := feed.Close(); err != nil {
		t.Error(err)
	}
	_, err = syscall.Wait4(p.PID(), nil, 0, nil)
	p.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if e := ended(t, p); e.Code != -1 || e.Signal != 0 || !strings.HasSuffix(e.Error(), "its exit status is lost") {
		t.Errorf("got %+v", e)
	}
}

// A child does not outlive this program, even if that is killed.
func TestChildDiesWithProgram(t *testing.T) {
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(bin)
	program.Env = append(os.Environ(), actAs+"=1")
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, scanErr := fmt.Fscan(bufio.NewReader(stdout), &pid)
	if scanErr == nil && !proc.Alive(pid) {
		t.Error("the child is dead before the program is")
	}
	if err := program.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = program.Wait() // an error in any case: it was killed
	if scanErr != nil {
		t.Fatalf("the program did not start a child: %v", scanErr)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it should be dead
	waitUntil(t, "the child died, too", func() bool { return !proc.Alive(pid) })
}

// A killed process is described before it is dead, with all that it has written.
func TestEnding(t *testing.T) {
	out := newSink()
	p := start(t, "echo one >&2; echo two >&2; "+slowdeath.Waiter(), Options{Stdout: out.emit})
	if e := p.Ending(); e != nil {
		t.Errorf("a live process ends with %v", e)
	}
	checkLines(t, out.next(t), []string{"waiting"})
	release := slowdeath.Of(t, p.PID())
	p.Kill("its time is over")
	p.Kill("another reason")
	select {
	case <-p.Killed():
	default:
		t.Error("Killed does not report the kill")
	}
	e := p.Ending()
	if e == nil || e.Killed != "its time is over" || e.Signal != syscall.SIGKILL || e.PID != p.PID() {
		t.Fatalf("got %+v", e)
	}
	checkLines(t, e.StderrTail, []string{"one", "two"})
	if e.PeakRSS == 0 || p.PeakRSS() != e.PeakRSS {
		t.Errorf("PeakRSS is %d and %d", e.PeakRSS, p.PeakRSS())
	}
	if p.Exit() != nil || p.Signal(0) != nil {
		t.Error("it was reaped")
	}
	release()
	if exit := ended(t, p); exit != p.Ending() || exit.Killed != e.Killed {
		t.Errorf("it ended with %+v, and Ending is %+v", exit, p.Ending())
	}
}

// The group of a killed process dies with it, even if the process itself dies slowly.
func TestGroupDiesBeforeLeader(t *testing.T) {
	out := newSink()
	p := start(t, "sleep 1000 & echo $!; "+slowdeath.Waiter(), Options{Stdout: out.emit})
	var lines []string
	for len(lines) < 2 {
		lines = append(lines, out.next(t)...)
	}
	child, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	release := slowdeath.Of(t, p.PID())
	p.Kill("test")
	waitUntil(t, "its child is gone", func() bool { return !proc.Alive(child) })
	if p.Exit() != nil {
		t.Error("it was reaped")
	}
	release()
	ended(t, p)
}

func TestPeakRSS(t *testing.T) {
	const least = 1 << 19 // bytes
	p := start(t, "exec sleep 1000", Options{})
	waitUntil(t, "the process has memory", func() bool { return p.RSS() >= least })
	if got := p.PeakRSS(); got < least {
		t.Errorf("of a live process: %d bytes", got)
	}
	p.Kill("test")
	if got := p.PeakRSS(); got < least {
		t.Errorf("of a dying process: %d bytes", got)
	}
	p.Wait()
	if got := p.PeakRSS(); got < least {
		t.Errorf("of a dead process: %d bytes", got)
	}
}

func TestCannotStart(t *testing.T) {
	for name, test := range map[string]struct {
		cmd  *exec.Cmd
		err  error
		text string
	}{
		"missing program":   {exec.Command("/nowhere/program"), fs.ErrNotExist, "/nowhere/program"},
		"missing directory": {&exec.Cmd{Path: "/bin/sh", Dir: "/nowhere"}, fs.ErrNotExist, "/bin/sh"},
		"stdout in use":     {&exec.Cmd{Path: "/bin/sh", Stdout: os.Stdout}, nil, "use Options.Stdout"},
		"stdin by copying":  {&exec.Cmd{Path: "/bin/sh", Stdin: strings.NewReader("")}, nil, "cmd.Stdin"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(proc.OpenFDs())
			p, err := Start(test.cmd, Options{})
			if p != nil || err == nil {
				t.Fatalf("got %v, %v", p, err)
			}
			if test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %v, want %v with %q", err, test.err, test.text)
			}
			if after := len(proc.OpenFDs()); after != before {
				t.Errorf("%d files are open, and were %d", after, before)
			}
			checkNoChild(t)
		})
	}
}

// Nothing is left of any number of processes, however they ended.
func TestNothingIsLeft(t *testing.T) {
	before := len(proc.OpenFDs())
	for i := range 50 {
		p, err := Start(exec.Command("cat"), Options{Marker: "FAMILY=" + t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			p.Kill("test")
		}
		p.Wait() // cat reads /dev/null
	}
	if after := len(proc.OpenFDs()); after > before {
		t.Errorf("%d files are open, and were %d", after, before)
	}
	checkNoChild(t)
}
