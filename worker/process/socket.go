//go:build linux

package process

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Socket is a TCP or UDP socket.
type Socket struct {
	Network   string // "tcp" or "udp"
	Local     string // address and port; empty if it has no port
	Remote    string // likewise
	Connected bool
	Listening bool // for connections
}

// States of sockets in /proc/net (include/net/tcp_states.h).
const (
	tcpClose  = "07" // UDP: not connected
	tcpListen = "0A"
)

// readSockets reads the tables of sockets in dir, the folder net of a process. It returns the
// sockets by inode. A table that cannot be read, such as IPv6's where there is none, is empty.
func readSockets(dir string) map[string]Socket {
	sockets := map[string]Socket{}
	for _, table := range []struct {
		name  string
		parse func(row string) (inode string, s Socket, ok bool)
	}{
		{"tcp", parseTCP}, {"tcp6", parseTCP}, {"udp", parseUDP}, {"udp6", parseUDP},
	} {
		text, _ := os.ReadFile(filepath.Join(dir, table.name)) // see above
		for row := range strings.Lines(string(text)) {
			if inode, s, ok := table.parse(row); ok {
				sockets[inode] = s
			}
		}
	}
	return sockets
}

// parseTCP parses a row of /proc/net/tcp or tcp6.
func parseTCP(row string) (inode string, s Socket, ok bool) {
	inode, s, state, ok := parseInet(row)
	s.Network = "tcp"
	s.Listening = state == tcpListen
	s.Connected = !s.Listening && state != tcpClose
	return inode, s, ok
}

// parseUDP parses a row of /proc/net/udp or udp6.
func parseUDP(row string) (inode string, s Socket, ok bool) {
	inode, s, state, ok := parseInet(row)
	s.Network = "udp"
	s.Connected = state != tcpClose
	return inode, s, ok
}

// parseInet parses the columns that the tables of TCP and UDP share: number, local and remote
// address, state, five others and the inode.
func parseInet(row string) (inode string, s Socket, state string, ok bool) {
	columns := strings.Fields(row)
	if len(columns) < 10 {
		return "", Socket{}, "", false
	}
	local, localErr := parseAddress(columns[1])
	remote, remoteErr := parseAddress(columns[2])
	if localErr != nil || remoteErr != nil { // the head of the table
		return "", Socket{}, "", false
	}
	if local.Port() != 0 {
		s.Local = local.String()
	}
	if remote.Port() != 0 {
		s.Remote = remote.String()
	}
	return columns[9], s, columns[3], true
}

// parseAddress parses an address like 0100007F:1F90: words of 32 bits in the machine's byte
// order, and the port.
func parseAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), err
}
