//go:build linux

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// The threads of this test binary run its own code, for it is linked to no library that starts some.
func TestThreads(t *testing.T) {
	program, err := filepath.EvalSymlinks("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), actAs+"=parent")
	out := newSink()
	p, err := Start(cmd, Options{Stdout: out.emit})
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	out.nextPID(t) // it runs
	var threads []Thread
	waitUntil(t, "a thread waits in the program's code", func() bool {
		if threads, err = p.Threads(); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(threads, func(thread Thread) bool { return thread.Library == program })
	})
	if slices.ContainsFunc(threads, func(thread Thread) bool { return thread.TID == p.PID() }) {
		t.Errorf("the first thread is among %v", threads)
	}
	libraries, err := p.Libraries()
	if err != nil || !slices.Contains(libraries, program) {
		t.Errorf("libraries %q, %v; want %s among them", libraries, err, program)
	}
	single := start(t, "exec sleep 1000", Options{})
	if threads, err := single.Threads(); err != nil || len(threads) > 0 {
		t.Errorf("sleep has the threads %v, %v", threads, err)
	}
	p.Kill("test")
	ended(t, p)
	if _, err := p.Threads(); err != os.ErrProcessDone {
		t.Errorf("threads of a dead process: %v", err)
	}
	if _, err := p.Libraries(); err != os.ErrProcessDone {
		t.Errorf("libraries of a dead process: %v", err)
	}
}

func TestReadCode(t *testing.T) {
	maps := filepath.Join(t.TempDir(), "maps")
	text := `55a0-55b0 r--p 00000000 fe:00 42                     /usr/lib/R/bin/exec/R
55b0-55c0 r-xp 00001000 fe:00 42                     /usr/lib/R/bin/exec/R
7f00-7f10 r-xp 00000000 00:00 0 
7f20-7f30 r-xp 00001000 fe:00 43                     /a folder/libs/some package.so
7f30-7f40 r-xp 00001000 fe:00 44                     /lib/libc.so.6
nonsense
`
	if err := os.WriteFile(maps, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, err := readCode(maps)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[uint64]string{
		0x55a8: "", 0x55b0: "/usr/lib/R/bin/exec/R", 0x55bf: "/usr/lib/R/bin/exec/R", 0x55c0: "", 0x7f05: "",
		0x7f2f: "/a folder/libs/some package.so", 0x7f35: "", 0: "",
	} {
		if got := caller(address, code); got != want {
			t.Errorf("address %x is in %q, want %q", address, got, want)
		}
	}
}

// Memory that a process shares with others counts less.
func TestPSS(t *testing.T) {
	p := start(t, "exec sleep 1000", Options{})
	waitUntil(t, "it has memory of its own", func() bool { return p.PSS() > 0 && p.PSS() < p.RSS() })
	p.Kill("test")
	ended(t, p)
	if pss := p.PSS(); pss != 0 {
		t.Errorf("a dead process has %d bytes", pss)
	}
}

// A kernel without smaps_rollup has RSS in its place.
func TestPSSWithoutRollup(t *testing.T) {
	p := start(t, "exec sleep 1000", Options{})
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, strconv.Itoa(p.PID())), 0o700); err != nil {
		t.Fatal(err)
	}
	status := fmt.Sprintf("%d/status", p.PID())
	if err := os.Symlink(filepath.Join("/proc", status), filepath.Join(folder, status)); err != nil {
		t.Fatal(err)
	}
	procFolder = folder
	defer func() { procFolder = "/proc" }()
	waitUntil(t, "it has memory", func() bool { return p.RSS() > 0 && p.PSS() == p.RSS() })
}
