//go:build linux

package process

import (
	"net/netip"
	"os"
	"strings"
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
