//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// BecomeSubreaper makes this program the parent of every descendant whose own parent exits
// (prctl(2), PR_SET_CHILD_SUBREAPER). Adopt needs that, except in process 1, which always is.
//
// From then on the package reaps every dead child that no Process waits for, as soon as it
// exits. So all children of the program must be started with this package. In process 1 that
// holds from the first Start on.
func BecomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	subreaper.Store(true)
	watchOrphans()
	return nil
}

// adoptionPoll is how often Adopt looks whether the process has become our child. The kernel
// does not report that.
const adoptionPoll = time.Millisecond

// Adopt supervises the process pid, which a descendant of this program has forked. It waits
// until the process is a child of this program, which is when its own parent has exited: only
// then does the pid belong to it for certain, and can its death be waited for. See
// BecomeSubreaper. Ctx bounds that wait only. If Adopt is called before the parent exits, a
// process that is already dead is adopted, too: its status is not lost.
//
// Stdout and stderr are the read ends of the pipes that the process writes to, as os.Pipe
// returns them, or nil. Adopt closes them when the process has ended; if it returns an error,
// they and the process are still the caller's.
//
// The process becomes the leader of a process group of its own, if it is not yet; it must not
// have called exec before. What it has forked before stays in the old group. When this program
// ends, however it ends, the group is killed: see watchdog.go.
func Adopt(ctx context.Context, pid int, stdout, stderr *os.File, o Options) (*Process, error) {
	oom() // earlier kills in the control group are not this process's
	if !supervised.add(pid) {
		return nil, fmt.Errorf("process: %d is supervised already", pid)
	}
	p, err := adopt(ctx, pid, stdout, stderr, o)
	if err != nil {
		supervised.remove(pid)
		return nil, err
	}
	return p, nil
}

func adopt(ctx context.Context, pid int, stdout, stderr *os.File, o Options) (*Process, error) {
	if err := awaitParentage(ctx, pid); err != nil {
		return nil, err
	}
	if err := leadGroup(pid); err != nil {
		return nil, err
	}
	child, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	p, err := newProcess(stdout, stderr, o)
	if err == nil {
		err = guard.add(pid)
	}
	if err != nil {
		return nil, errors.Join(err, child.Release())
	}
	p.supervise(pid, func() *os.ProcessState {
		guard.remove(pid)
		state, err := child.Wait()
		if err != nil {
			_ = child.Release() // fails if it was released
			return nil
		}
		return state
	})
	return p, nil
}

// awaitParentage waits until this program is the parent of pid.
func awaitParentage(ctx context.Context, pid int) error {
	tick := time.NewTicker(adoptionPoll)
	defer tick.Stop()
	for {
		parent, _ := parentAndState(pid)
		switch parent {
		case os.Getpid():
			return nil
		case 0:
			return fmt.Errorf("process: %d does not exist", pid)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("process: %d is a child of process %d, not of this one (see BecomeSubreaper): %w",
				pid, parent, context.Cause(ctx))
		}
	}
}

// leadGroup makes pid, a child that has not called exec, the leader of its process group.
func leadGroup(pid int) error {
	group, err := unix.Getpgid(pid)
	if err == nil && group != pid {
		err = unix.Setpgid(pid, pid)
	}
	if err != nil {
		return fmt.Errorf("process: make %d the leader of a process group: %w", pid, err)
	}
	return nil
}
