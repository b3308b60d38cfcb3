package worker

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reap waits for the process to die, kills what is left of its group, reaps it,
// says why it died, and then frees everything that belonged to it.
func (w *Worker) reap(tmp string, memoryLimit int64) {
	waitDead(w.PID())

	// The zombie still holds the pid, so the group's number cannot be another's.
	w.mu.Lock()
	_ = syscall.Kill(w.group(), syscall.SIGKILL) // no such process: nothing was left
	_ = w.cmd.Wait()                             // the state says more than the error
	w.reaped = true
	killed := w.killed
	w.mu.Unlock()
	forget(w.PID())

	// Whoever is in Invoke waits no longer, see replyPipe.
	_ = w.replies.SetReadDeadline(longAgo)
	_ = w.requests.SetWriteDeadline(longAgo)

	w.stdout.flush()
	w.stderr.flush()
	exit := newExitError(w.cmd.ProcessState)
	exit.Killed = killed
	exit.StderrTail = w.stderrTail.lines()
	if usage, ok := w.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		exit.PeakRSS = usage.Maxrss << 10 // Linux counts in KiB: getrusage(2)
	}
	if exit.Signal == syscall.SIGKILL && killed == "" {
		exit.OutOfMemory, exit.MemoryLimit = watchOOM().outOfMemory(int(w.oomKills.Load()), exit.PeakRSS, memoryLimit)
	}
	w.exit = exit
	close(w.done)
	w.log.Debug("R process ended", "reason", exit)

	w.stdout.stop()
	w.stderr.stop()
	killStrays(tmp)
	if err := os.RemoveAll(tmp); err != nil {
		w.log.Warn("cannot remove the worker's temporary directory", "error", err)
	}
}

// waitDead returns when pid has died, and leaves it a zombie.
func waitDead(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}
