//go:build linux

package process

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// startWith starts a process that has these files from file descriptor 3 on.
func startWith(t *testing.T, files ...*os.File) *Process {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.ExtraFiles = files
	p, err := Start(cmd, Options{})
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	return p
}

// opened opens a file for as long as the test runs.
func opened(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := startWith(t,
		opened(t, path("a"), os.O_WRONLY|os.O_CREATE|os.O_APPEND),
		opened(t, path("a"), os.O_RDONLY),
		opened(t, path("a"), os.O_RDWR),
		opened(t, path("removed"), os.O_RDWR|os.O_CREATE),
		opened(t, os.DevNull, os.O_WRONLY),
		opened(t, dir, os.O_RDONLY),
	)
	if err := os.Remove(path("removed")); err != nil {
		t.Fatal(err)
	}
	want := []OpenFile{
		{FD: 3, Name: path("a"), Regular: true, Writable: true},
		{FD: 4, Name: path("a"), Regular: true},
		{FD: 5, Name: path("a"), Regular: true, Writable: true},
		{FD: 6, Name: path("removed") + " (deleted)", Writable: true},
		{FD: 7, Name: os.DevNull, Writable: true},
		{FD: 8, Name: dir},
	}
	got, err := p.OpenFiles() // and files that the test binary has inherited
	if err != nil || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}

	p.Kill("it was examined")
	p.Wait()
	if got, err := p.OpenFiles(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its death: got %+v, %v", got, err)
	}
	if got, err := openFiles("/proc/0"); err == nil {
		t.Errorf("without a process: got %+v", got)
	}
}

// A filer is a connection or listener of package net.
type filer interface {
	File() (*os.File, error)
	Close() error
}

// fileOf returns the file of what f made, which stays open for as long as the test runs.
func fileOf[T filer](t *testing.T, made T, err error) *os.File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	f, err := made.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpenSockets(t *testing.T) {
	loopback := net.IPv4(127, 0, 0, 1)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: loopback})
	files := []*os.File{fileOf(t, tcp, err)}
	dialed, err := net.DialTCP("tcp", nil, tcp.Addr().(*net.TCPAddr))
	files = append(files, fileOf(t, dialed, err))
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: loopback})
	files = append(files, fileOf(t, udp, err))
	sender, err := net.DialUDP("udp", nil, udp.LocalAddr().(*net.UDPAddr))
	files = append(files, fileOf(t, sender, err))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket")})
	files = append(files, fileOf(t, listener, err))

	want := []*Socket{
		{Network: "tcp", Local: tcp.Addr().String(), Listening: true},
		{Network: "tcp", Local: dialed.LocalAddr().String(), Remote: tcp.Addr().String(), Connected: true},
		{Network: "udp", Local: udp.LocalAddr().String()},
		{Network: "udp", Local: sender.LocalAddr().String(), Remote: udp.LocalAddr().String(), Connected: true},
		nil,
	}
	got, err := startWith(t, files...).OpenFiles()
	if err != nil || len(got) < len(want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, f := range got[:len(want)] {
		if f.FD != 3+i || !strings.HasPrefix(f.Name, "socket:[") || !reflect.DeepEqual(f.Socket, want[i]) {
			t.Errorf("got %+v %+v, want %+v", f, f.Socket, want[i])
		}
	}
}
