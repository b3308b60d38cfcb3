//go:build linux

package process

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// This file holds the state that exists once in this program, however many processes it
// supervises, because the kernel keeps it once: the thread that is the parent of every started
// child, the set of pids that are ours to reap, whether orphans become our children, and the
// memory control group.

// starter sends functions to the one OS thread that starts every child.
var starter = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go runStarter(calls)
	return calls
})

// startOnThread starts cmd from a thread that lives as long as the program. Pdeathsig is sent
// when the *thread* that forked ends (prctl(2), PR_SET_PDEATHSIG), and the Go scheduler ends
// threads at will.
func startOnThread(cmd *exec.Cmd) error {
	return onStarter(func() error { return supervised.start(cmd) })
}

// onStarter calls f on that thread and returns its error.
func onStarter(f func() error) error {
	err := make(chan error)
	starter() <- func() { err <- f() }
	return <-err
}

// deathSignals reports whether the kernel can kill a child when this program ends. A sandbox may
// refuse prctl; then the watchdog kills it. The kernel answers EINVAL to a signal that does not
// exist, and changes nothing.
var deathSignals = sync.OnceValue(func() bool {
	const noSignal = 1 << 16
	return errors.Is(unix.Prctl(unix.PR_SET_PDEATHSIG, noSignal, 0, 0, 0), unix.EINVAL)
})

// runStarter runs until the program ends; nothing waits for it.
func runStarter(calls <-chan func()) {
	runtime.LockOSThread()
	for f := range calls {
		f()
	}
}

// supervised holds the pids that a Process reaps, so that reapOrphans must not.
var supervised = pidSet{pids: map[int]bool{}}

type pidSet struct {
	mu   sync.Mutex
	pids map[int]bool
}

// start starts cmd and adds its pid before reapOrphans can see the process dead.
func (s *pidSet) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.pids[cmd.Process.Pid] = true
	return nil
}

// add adds pid and reports whether it was new.
func (s *pidSet) add(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pids[pid] {
		return false
	}
	s.pids[pid] = true
	return true
}

func (s *pidSet) remove(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pids, pid)
}

// has reports whether a Process waits for pid.
func (s *pidSet) has(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pids[pid]
}

// subreaper is set once BecomeSubreaper was called.
var subreaper atomic.Bool

// oom returns the watch over the control group that this program and its children share. It
// counts from the first call, before the first child.
var oom = sync.OnceValue(func() *oomWatch {
	text, _ := os.ReadFile("/proc/self/cgroup") // if it cannot be read, there is no group
	w := &oomWatch{group: findMemoryGroup(string(text), "/sys/fs/cgroup")}
	w.claimed, _ = w.group.oomKills()
	return w
})

// MemoryLimit returns the limit of this program's memory control group in bytes; 0 if there
// is none or it cannot be read.
func MemoryLimit() int64 { return oom().group.limitBytes() }
