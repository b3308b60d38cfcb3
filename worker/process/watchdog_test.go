//go:build linux

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
)

// playAdopter is a program that adopts two processes, each with a child, prints their pids and those of
// the children, and waits until it is killed. Its watchdog is killed before the second one.
func playAdopter() error {
	if err := BecomeSubreaper(); err != nil {
		return err
	}
	for i := range 2 {
		// The subshell is an orphan at once. It must not exec, and its child must be in its group.
		fork := exec.Command("sh", "-c", `(read go; sleep 1000 & echo $!; wait; :) <&3 & echo $!`)
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		goes, gone, err := os.Pipe()
		if err != nil {
			return err
		}
		fork.Stdout, fork.ExtraFiles = w, []*os.File{goes}
		if err := supervised.start(fork); err != nil {
			return err
		}
		out := bufio.NewReader(r)
		var pid, child int
		if _, err := fmt.Fscanln(out, &pid); err != nil {
			return err
		}
		if err := fork.Wait(); err != nil {
			return err
		}
		if i == 1 {
			_ = syscall.Kill(guard.pid(), syscall.SIGKILL) // it is our child
		}
		if _, err := Adopt(context.Background(), pid, nil, nil, Options{}); err != nil {
			return err
		}
		fmt.Fprintln(gone, "go")
		if _, err := fmt.Fscanln(out, &child); err != nil {
			return err
		}
		fmt.Println(pid, child)
	}
	// The kill before the second Adopt may have used up a restart since.
	for range maxRestarts - 1 {
		killed := guard.pid()
		_ = syscall.Kill(killed, syscall.SIGKILL) // it is our child
		if !board.Poll(patience, func() bool { return guard.pid() != killed }) {
			return errors.New("the watchdog was not replaced")
		}
	}
	fmt.Println("another watchdog")
	return unix.Pause() // until it is killed
}

// pid returns the pid of the watchdog.
func (w *watchdog) pid() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process.Pid
}

// Adopted processes and their groups do not outlive the program, even if it is killed and they are
// busy, and even if its watchdog was killed before, and again after them.
func TestAdoptedDieWithTheProgram(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), actAs+"=adopter")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := make([]int, 4)
	var another, watchdog string
	_, err = fmt.Fscan(out, &pids[0], &pids[1], &pids[2], &pids[3], &another, &watchdog)
	_ = cmd.Process.Kill() // it is ours and was not waited for
	_ = cmd.Wait()         // it was killed
	if err != nil || another != "another" {
		t.Fatalf("the program printed %v %s %s, %v", pids, another, watchdog, err)
	}
	if left := proc.WaitGone(patience, pids...); len(left) > 0 {
		proc.KillAll(left)
		t.Errorf("of %v, these outlived the program: %v", pids, left)
	}
}

// The watchdog kills the groups that are listed at the end of its input, and nothing else: not a
// group that was removed, and not one whose pid belongs to another process by then.
func TestWatchdogKillsWhatIsListed(t *testing.T) {
	sleeper := func() *Process { return start(t, "exec sleep 1000", Options{}) }
	listed, removed, reused := sleeper(), sleeper(), sleeper()
	watchdog := exec.Command("/bin/sh", "-c", watchdogScript)
	watchdog.Stdin = strings.NewReader(fmt.Sprintf("+ %d %s\n+ %d %s\n+ %d 1\n- %d \n",
		listed.PID(), startTime(listed.PID()), removed.PID(), startTime(removed.PID()), reused.PID(), removed.PID()))
	if out, err := watchdog.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	if exit := ended(t, listed); exit.Signal != syscall.SIGKILL || exit.Killed != "" {
		t.Errorf("the listed process: %v", exit)
	}
	for name, p := range map[string]*Process{"removed": removed, "reused": reused} {
		if !proc.Alive(p.PID()) {
			t.Errorf("the %s process was killed", name)
		}
	}
}

// A watchdog that does not read is replaced, and does not take that for the end of the program.
func TestStuckWatchdog(t *testing.T) {
	w := watchdog{groups: map[int]string{}}
	p := start(t, "exec sleep 1000", Options{})
	if err := w.add(p.PID()); err != nil {
		t.Fatal(err)
	}
	first := w.pid()
	_ = syscall.Kill(first, syscall.SIGSTOP) // it is our child
	waitUntil(t, "the watchdog has stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", first))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	if _, err := w.pipe.Write(make([]byte, 64<<10-32)); err != nil { // fills it
		t.Fatal(err)
	}
	for range 2 {
		if err := w.add(p.PID()); err != nil {
			t.Fatal(err)
		}
	}
	if w.pid() == first || proc.Alive(first) {
		t.Error("the watchdog was not replaced")
	}
	if !proc.Alive(p.PID()) {
		t.Error("the process was killed")
	}
	w.remove(p.PID())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
}

// Where prctl is refused, the watchdog lists started processes as long as they live.
func TestWatchdogWithoutDeathSignals(t *testing.T) {
	had := deathSignals
	deathSignals = func() bool { return false }
	defer func() { deathSignals = had }()
	listed := func(pid int) bool {
		guard.mu.Lock()
		defer guard.mu.Unlock()
		return guard.groups[pid] != ""
	}
	p := start(t, "exec sleep 1000", Options{})
	if !listed(p.PID()) {
		t.Error("the watchdog does not list it")
	}
	p.Kill("test")
	ended(t, p)
	if listed(p.PID()) {
		t.Error("the watchdog still lists it")
	}
	EndWatchdog()
}
