package worker

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reap waits for the process to die, kills what is left of its group, reaps it,
// and then frees everything that belonged to it.
func (w *Worker) reap(tmp string) {
	waitDead(w.PID())

	// The zombie still holds the pid, so the group's number cannot be another's.
	w.mu.Lock()
	_ = syscall.Kill(-w.PID(), syscall.SIGKILL) // no such process: nothing was left
	_ = w.cmd.Wait()                            // the state says more than the error
	w.reaped = true
	killed := w.killed
	w.mu.Unlock()

	// Whoever is in Invoke reads what is left in the pipe, and no longer.
	_ = w.replies.SetReadDeadline(time.Now().Add(afterDeath))
	_ = w.requests.SetWriteDeadline(time.Unix(1, 0))

	w.stdout.flush()
	w.stderr.flush()
	exit := newExitError(w.cmd.ProcessState)
	exit.Killed = killed
	exit.StderrTail = w.stderrTail.lines()
	if usage, ok := w.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		w.peak.Store(usage.Maxrss << 10) // Linux counts in KiB: getrusage(2)
	}
	w.exit = exit
	close(w.done)
	w.log.Debug("R process ended", "reason", exit)

	// The pumps end here even if a child in a session of its own still holds the
	// other ends.
	w.stdout.file.Close()
	w.stderr.file.Close()
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
