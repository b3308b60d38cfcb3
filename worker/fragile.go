package worker

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"lambda-r-runtime/protocol"
)

// The kinds of the findings that are read from /proc.
const (
	findingSocket = "socket"
	findingFile   = "file"
)

const reopen = "close it in on_snapshot(), open it in on_restore()"

// fragileFiles returns what the process has open that does not survive the restore of a snapshot, or
// is shared by all copies: network connections and files open for writing. It returns nothing if
// /proc cannot be read, because the findings are advice.
func fragileFiles(pid int) []protocol.Finding {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	fds, _ := os.ReadDir(filepath.Join(proc, "fd")) // on an error, those that were read still count
	peers := connections(proc)
	var findings []protocol.Finding
	for _, fd := range fds {
		target, _ := os.Readlink(filepath.Join(proc, "fd", fd.Name())) // "" if it was closed
		if peer, ok := peers[target]; ok {
			findings = append(findings, protocol.Finding{Kind: findingSocket, What: "a network connection to " + peer, Fix: reopen})
		}
		if strings.HasPrefix(target, "/") && isWritten(proc, fd.Name()) {
			findings = append(findings, protocol.Finding{Kind: findingFile, What: target + ", open for writing", Fix: reopen})
		}
	}
	return findings
}

// isWritten reports whether a file descriptor is open for writing to a file that has a name.
func isWritten(proc, fd string) bool {
	info, err := os.Stat(filepath.Join(proc, "fd", fd))
	if err != nil || !info.Mode().IsRegular() || info.Sys().(*syscall.Stat_t).Nlink == 0 {
		return false // memory, or a temporary file that was removed, is the copy's own
	}
	text, err := os.ReadFile(filepath.Join(proc, "fdinfo", fd))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if octal, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			flags, err := strconv.ParseUint(string(bytes.TrimSpace(octal)), 8, 64)
			return err == nil && flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}
	}
	return false
}

// connections returns the peers of all connected network sockets in the process's namespace, by the
// name that a socket has in /proc/PID/fd.
func connections(proc string) map[string]string {
	peers := map[string]string{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, _ := os.ReadFile(filepath.Join(proc, "net", table)) // absent without IPv6
		for line := range strings.Lines(string(text)) {
			// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
			fields := strings.Fields(line)
			if len(fields) < 10 {
				continue
			}
			if peer, err := parsePeer(fields[2]); err == nil && peer.Port() != 0 { // 0: it listens
				peers["socket:["+fields[9]+"]"] = peer.String()
			}
		}
	}
	return peers
}

// parsePeer parses an address of /proc/net, for example 0100007F:1F90: groups of four bytes in the
// machine's order, and the port.
func parsePeer(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(b); i += 4 { // both of Lambda's architectures are little-endian
		b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
	}
	addr, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %.60q of /proc/net cannot be parsed", text)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
