//go:build linux

package process

import (
	"net"
	"testing"
)

// Both ways of finding a listener know those of IPv4 and IPv6, and no connections.
func TestListens(t *testing.T) {
	ask := func(port int) bool {
		found, err := askForListener(port)
		if err != nil {
			t.Error(err)
		}
		return found
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer served.Close() // it has the port, too, and goes on
		for name, listens := range map[string]func(int) bool{"netlink": ask, "tables": tableHasListener, "both": Listens} {
			if !listens(port) {
				t.Errorf("%s, %s: not found", address, name)
			}
			if other := client.LocalAddr().(*net.TCPAddr).Port; listens(other) {
				t.Errorf("%s, %s: the port of a client was found", address, name)
			}
		}
		l.Close()
		for name, listens := range map[string]func(int) bool{"netlink": ask, "tables": tableHasListener, "both": Listens} {
			if listens(port) {
				t.Errorf("%s, %s: found after its end", address, name)
			}
		}
	}
}

func BenchmarkListens(b *testing.B) {
	for name, listens := range map[string]func(int) bool{"netlink": Listens, "tables": tableHasListener} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				listens(1)
			}
		})
	}
}
