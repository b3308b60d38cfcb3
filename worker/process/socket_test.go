//go:build linux

package process

import (
	"testing"
	"unsafe"
)

func TestParseSockets(t *testing.T) {
	if n := uint16(1); *(*byte)(unsafe.Pointer(&n)) != 1 {
		t.Skip("the rows are those of a little-endian machine")
	}
	const rest = " 00000000:00000000 00:00000000 00000000  1000        0 1679 1 0000000037a7 100 0 0 10 0\n"
	for _, row := range []struct {
		parse func(string) (string, Socket, bool)
		row   string
		want  Socket
	}{
		{parseTCP, "   0: 0100007F:2631 00000000:0000 0A" + rest, Socket{Network: "tcp", Local: "127.0.0.1:9777", Listening: true}},
		{parseTCP, "  11: 0200000A:D3F2 0500000A:1538 01" + rest, Socket{Network: "tcp", Local: "10.0.0.2:54258", Remote: "10.0.0.5:5432", Connected: true}},
		{parseTCP, "1000: 0200000A:D3F2 0500000A:1538 08" + rest, Socket{Network: "tcp", Local: "10.0.0.2:54258", Remote: "10.0.0.5:5432", Connected: true}}, // half closed
		{parseTCP, "   0: 00000000:0000 00000000:0000 07" + rest, Socket{Network: "tcp"}},
		{parseTCP, "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A" + rest,
			Socket{Network: "tcp", Local: "[::1]:8080", Listening: true}},
		{parseTCP, "   0: 0000000000000000FFFF00000200000A:1F90 0000000000000000FFFF00000500000A:01BB 01" + rest,
			Socket{Network: "tcp", Local: "10.0.0.2:8080", Remote: "10.0.0.5:443", Connected: true}},
		{parseTCP, "   0: B80D0120000000000000000001000000:1F90 B80D0120000000000000000002000000:01BB 01" + rest,
			Socket{Network: "tcp", Local: "[2001:db8::1]:8080", Remote: "[2001:db8::2]:443", Connected: true}},
		{parseUDP, "   0: 0100007F:0035 00000000:0000 07" + rest, Socket{Network: "udp", Local: "127.0.0.1:53"}},
		{parseUDP, "   0: 0100007F:C001 0100007F:1FBD 01" + rest, Socket{Network: "udp", Local: "127.0.0.1:49153", Remote: "127.0.0.1:8125", Connected: true}},
	} {
		inode, got, ok := row.parse(row.row)
		if !ok || inode != "1679" || got != row.want {
			t.Errorf("%q: got %q %+v %t, want %+v", row.row, inode, got, ok, row.want)
		}
	}
	for _, row := range []string{
		"", "\n", "a b c d e f g h i j\n",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
		"Num       RefCount Protocol Flags    Type St Inode Path\n",
		"   0: 0100007F 00000000:0000 0A" + rest,
		"   0: 0100:2631 00000000:0000 0A" + rest,
		"   0: 0100007F:2631 00000000:12345 0A" + rest,
	} {
		for name, parse := range map[string]func(string) (string, Socket, bool){"TCP": parseTCP, "UDP": parseUDP} {
			if inode, got, ok := parse(row); ok {
				t.Errorf("%s: %q: got %q %+v", name, row, inode, got)
			}
		}
	}
}
