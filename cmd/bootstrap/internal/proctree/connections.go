//go:build linux

package proctree

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/worker/process"
)

// HasConnection reports whether a process of the tree holds the connection with these ends,
// addresses with ports, seen from its side.
func HasConnection(root int, local, remote string) bool {
	return slices.ContainsFunc(Of(root), func(pid int) bool {
		return slices.ContainsFunc(connections(pid), func(c connection) bool {
			return c.Socket.Local == local && c.Socket.Remote == remote
		})
	})
}

// CutConnections shuts down the network connections of all descendants of root, but not those of
// root itself, nor those between two processes of the tree. Their owners find out when they next
// use them. It returns the addresses of the peers.
//
// Processes with an environment entry that begins with mark count as descendants. They may have lost
// their parent, as the workers of R's package parallel do.
func CutConnections(root int, mark string) (peers []string, err error) {
	var open []connection
	within := map[string]bool{} // the tree's own ends
	for _, pid := range union(Of(root), marked(mark)) {
		for _, c := range connections(pid) {
			within[c.Socket.Local] = true
			if pid != root {
				open = append(open, c)
			}
		}
	}
	var failed []error
	for _, c := range open {
		if within[c.Socket.Remote] {
			continue
		}
		if err := c.shutDown(); err != nil {
			failed = append(failed, fmt.Errorf("the connection of process %d to %s: %w", c.pid, c.Socket.Remote, err))
		} else if !slices.Contains(peers, c.Socket.Remote) { // forks share sockets
			peers = append(peers, c.Socket.Remote)
		}
	}
	return peers, errors.Join(failed...)
}

// A connection is a connected socket of a process.
type connection struct {
	pid int
	process.OpenFile
}

func connections(pid int) (connected []connection) {
	files, _ := process.OpenFilesOf(pid) // an error: it has ended
	for _, f := range files {
		if f.Socket != nil && f.Socket.Connected {
			connected = append(connected, connection{pid, f})
		}
	}
	return connected
}

// shutDown shuts the connection down in both directions, if the process has not closed it since.
func (c connection) shutDown() error {
	owner, err := unix.PidfdOpen(c.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(owner)
	fd, err := unix.PidfdGetfd(owner, c.FD, 0)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return os.NewSyscallError("pidfd_getfd", err)
	}
	defer unix.Close(fd)
	if name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err != nil || name != c.Name {
		return err // another file has the number now
	}
	if err := unix.Shutdown(fd, unix.SHUT_RDWR); err != nil && !errors.Is(err, unix.ENOTCONN) {
		return os.NewSyscallError("shutdown", err)
	}
	return nil
}
