//go:build linux

package process

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Listener is a process that listens on a TCP port.
type Listener struct {
	PID  int
	Addr netip.AddrPort
}

// Listeners returns the listeners among the process and its descendants.
func (p *Process) Listeners() []Listener {
	var found []Listener
	pids := []int{p.pid}
	for _, d := range p.Descendants() {
		pids = append(pids, d.PID)
	}
	for _, pid := range pids {
		files, _ := OpenFilesOf(pid) // an error: it has ended, or belongs to another user
		for _, f := range files {
			if f.Socket == nil || !f.Socket.Listening {
				continue
			}
			if addr, err := netip.ParseAddrPort(f.Socket.Local); err == nil {
				found = append(found, Listener{pid, addr})
			}
		}
	}
	return found
}

// Listens reports whether any process on this machine listens on a TCP port. It is much faster than
// Listeners.
func Listens(port int) bool {
	found, err := askForListener(port)
	if err != nil {
		return tableHasListener(port)
	}
	return found
}

// askForListener asks the kernel, through netlink (see sock_diag(7)). Some kernels and sandboxes refuse
// that. The tables of /proc are slower by far: they also have each connection of the machine.
func askForListener(port int) (found bool, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		if found, err = askFamily(fd, family, port); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// askFamily is askForListener for IPv4 or IPv6.
func askFamily(fd int, family byte, port int) (found bool, err error) {
	const size = unix.SizeofNlMsghdr + 56 // with a struct inet_diag_req_v2
	request := make([]byte, size)
	native := binary.NativeEndian
	native.PutUint32(request, size)
	native.PutUint16(request[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := request[unix.SizeofNlMsghdr:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	native.PutUint32(body[4:], 1<<unix.BPF_TCP_LISTEN) // the states
	binary.BigEndian.PutUint16(body[8:], uint16(port)) // the local port
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, err
	}
	for buffer := make([]byte, os.Getpagesize()); ; {
		n, err := unix.Read(fd, buffer)
		if err != nil {
			return false, err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case unix.SOCK_DIAG_BY_FAMILY:
				found = true
			case unix.NLMSG_DONE:
				return found, nil
			default:
				return false, fmt.Errorf("sock_diag: message of type %d", m.Header.Type)
			}
		}
	}
}

// tableHasListener is askForListener with the tables of /proc.
func tableHasListener(port int) bool {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, _ := os.ReadFile(table) // there may be no IPv6
		for row := range strings.Lines(string(text)) {
			if !strings.Contains(row, " "+tcpListen+" ") {
				continue // nearly all rows of a busy machine
			}
			if _, s, ok := parseTCP(row); ok && s.Listening {
				if addr, err := netip.ParseAddrPort(s.Local); err == nil && int(addr.Port()) == port {
					return true
				}
			}
		}
	}
	return false
}
