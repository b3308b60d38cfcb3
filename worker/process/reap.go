//go:build linux

package process

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitDeath waits for the process to die, kills the rest of its group, reaps it, records how
// it ended, and then kills its strays.
func (p *Process) awaitDeath(reap func() *os.ProcessState) {
	err := waitZombie(p.pid)

	p.mu.Lock()
	if err == nil {
		// The zombie still holds the pid, so the group's id cannot belong to another process.
		_ = syscall.Kill(p.group(), syscall.SIGKILL) // fails if the group has no other process
	}
	state := reap()
	p.reaped = true
	killed := p.killed
	p.mu.Unlock()
	supervised.remove(p.pid)

	p.Flush()
	p.exit = newExitError(p.pid, state)
	p.exit.Killed = killed
	p.exit.StderrTail = p.stderrTail.lines()
	if p.exit.Signal == syscall.SIGKILL && killed == "" {
		p.exit.OutOfMemory, p.exit.MemoryLimit =
			oom().outOfMemory(int(p.oomKills.Load()), p.exit.PeakRSS, p.options.MemoryLimit)
	}
	close(p.done)

	for _, o := range p.output.pumps() {
		o.stop()
	}
	if p.options.Marker != "" {
		killStrays(p.options.Marker)
	}
	reapOrphans()
}

// watchOrphans reaps orphans as they exit, from its first call on.
var watchOrphans = sync.OnceFunc(func() {
	exits := make(chan os.Signal, 1) // one is enough: each makes reapOrphans look at all
	signal.Notify(exits, syscall.SIGCHLD)
	go runReaper(exits)
})

// runReaper runs until the program ends; nothing waits for it. The kernel sends SIGCHLD for a
// child that exits, and for a zombie that becomes our child.
func runReaper(exits <-chan os.Signal) {
	for range exits {
		reapOrphans()
	}
}

// inheritsOrphans reports whether descendants whose parent exits become our children.
func inheritsOrphans() bool { return subreaper.Load() || os.Getpid() == 1 }

// waitZombie returns nil once the child pid is dead and leaves it a zombie. Any error means
// that pid is not a child of ours, which says nothing about whether it lives.
func waitZombie(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
