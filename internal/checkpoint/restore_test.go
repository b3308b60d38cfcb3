//go:build criu

package checkpoint

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/worker/process"
)

// Copies run side by side, each with its own temporary files, output and state, but the same pid.
// The machine is as it was.
func TestRestore(t *testing.T) {
	const limit = "/proc/sys/fs/nr_open"
	limitBefore, mountsBefore := readFile(t, limit), readFile(t, "/proc/self/mountinfo")
	r := start(t, "echo")
	if err := os.WriteFile(filepath.Join(r.temp, "kept"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := r.dump(t)
	if exit := r.Exit(); exit == nil {
		t.Fatal("the tree still runs after the dump")
	}

	var copies [3]*Copy
	var outputs [3]*board.Text
	var all sync.WaitGroup
	for n := range copies {
		all.Go(func() { copies[n], outputs[n] = restore(t, i) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for n, c := range copies {
		if got := readFile(t, filepath.Join(c.TempDir, "kept")); got != "content" {
			t.Errorf("copy %d: the file in its TMPDIR contains %q", n, got)
		}
		write(t, c, fmt.Sprint("hello-", n))
	}
	for n := range copies {
		await(t, outputs[n], fmt.Sprintf("^read hello-%d 1 %d\n$", n, r.PID()))
	}

	// The first ends on SIGTERM, the second because its tree is killed, the third by Kill.
	copies[0].Terminate()
	if err := syscall.Kill(copies[1].RootPID(), syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	copies[2].Kill("the test is over")
	for n, c := range copies {
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Fatalf("copy %d did not end", n)
		}
		if pids := proc.WaitGone(patience, c.RootPID()); len(pids) > 0 {
			t.Errorf("copy %d: its first process, %d, still runs", n, pids)
		}
	}
	if got := readFile(t, limit); got != limitBefore {
		t.Errorf("%s is %q, but was %q", limit, got, limitBefore)
	}
	if got := readFile(t, "/proc/self/mountinfo"); got != mountsBefore {
		t.Errorf("the mounts have changed to\n%s\nfrom\n%s", got, mountsBefore)
	}
}

// A connection is closed in a copy. No rule is left in the packet filter that would keep the other
// end from seeing that it ended.
func TestConnectionEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := start(t, "dial", "NETWORK=tcp", "ADDRESS="+l.Addr().String())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	i := r.dump(t)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the other end read %v, want the end", err)
	}
	_, output := restore(t, i)
	await(t, output, "connection ended")
}

// Errors name the cause, in CRIU's words, and the fix.
func TestErrors(t *testing.T) {
	t.Run("file has changed", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "log")
		i := start(t, "open", "FILE="+file).dump(t)
		if err := os.WriteFile(file, []byte("more"), 0o600); err != nil {
			t.Fatal(err)
		}
		wantError(t, i, "has bad size", "on_snapshot()", "restore.log")
	})
	t.Run("port is in use", func(t *testing.T) {
		r := start(t, "listen")
		address := r.output.WaitFor(patience, regexp.MustCompile("address (.*)\n"))[1]
		i := r.dump(t)
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		wantError(t, i, "a port that the function listened on", "on_snapshot()", "restore.log")
	})
	t.Run("connected to another process", func(t *testing.T) {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := start(t, "dial", "NETWORK=unix", "ADDRESS="+l.Addr().String())
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = r.tool.Dump(t.Context(), r.Process, r.temp, r.dir)
		checkError(t, err, "close the connection in on_snapshot()", "dump.log")
	})
	t.Run("process has ended", func(t *testing.T) {
		r := start(t, "echo")
		r.Kill("the test")
		r.Wait()
		if _, err := r.tool.Dump(t.Context(), r.Process, r.temp, r.dir); err == nil {
			t.Error("the dump of a dead process did not fail")
		}
	})
	t.Run("output is not a pipe", func(t *testing.T) {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil { // its output is /dev/null
			t.Fatal(err)
		}
		defer func() { _ = cmd.Wait() }() // it was killed
		defer cmd.Process.Kill()
		if _, err := outputsOf(cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), "/dev/null, not a pipe") {
			t.Errorf("error %v, want one that names the file", err)
		}
	})
}

func wantError(t *testing.T, i *Image, parts ...string) {
	t.Helper()
	_, err := i.Restore(t.Context(), process.Options{})
	checkError(t, err, parts...)
}

func checkError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it did not fail")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
}

// No copy outlives the program that restored it, even if that is killed.
func TestParentIsKilled(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"=parent", "TMPDIR="+t.TempDir(), "IMAGE="+filepath.Join(t.TempDir(), "image"))
	var output board.Text
	p, err := process.Start(cmd, to(&output))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Wait()
	defer p.Kill("the test is over")
	match := output.WaitFor(patience, regexp.MustCompile("copy ([0-9]+)\n"))
	if match == nil {
		t.Fatalf("it restored no copy, but printed:\n%s", &output)
	}
	var pid int
	if _, err := fmt.Sscan(match[1], &pid); err != nil {
		t.Fatal(err)
	}
	if !proc.Alive(pid) {
		t.Fatalf("the copy, process %d, does not run", pid)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if pids := proc.WaitGone(patience, pid); len(pids) > 0 {
		t.Errorf("the copy, process %d, outlives its parent", pids)
	}
}
