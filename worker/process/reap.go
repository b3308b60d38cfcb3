//go:build linux

package process

import (
	"os"
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

	for _, o := range p.outputs {
		o.stop()
	}
	if p.options.Marker != "" {
		killStrays(p.options.Marker)
	}
	if subreaper.Load() || os.Getpid() == 1 {
		reapOrphans()
	}
}

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
