//go:build linux

package process

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Thread is a thread of a process, other than its first one.
type Thread struct {
	TID     int
	Library string // the path of the library whose code it runs; "" if unknown
	Running bool   // it does not wait, so its library is unknown
}

// Libraries returns the paths of the shared libraries that the process has loaded, and Threads its
// threads. After the process was reaped they return os.ErrProcessDone.
func (p *Process) Libraries() ([]string, error) {
	p.mu.Lock() // until it is reaped, the pid is its own
	defer p.mu.Unlock()
	if p.reaped {
		return nil, os.ErrProcessDone
	}
	code, err := readCode(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		return nil, err
	}
	var paths []string
	seen := map[string]bool{}
	for _, m := range code {
		if m.path != "" && !seen[m.path] {
			seen[m.path] = true
			paths = append(paths, m.path)
		}
	}
	return paths, nil
}

// Threads is described with Libraries. The library of a thread is that of the innermost function on
// its stack that does not belong to the C library. If the kernel does not let this program read
// it, it is unknown.
func (p *Process) Threads() ([]Thread, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return nil, os.ErrProcessDone
	}
	dir := fmt.Sprintf("/proc/%d", p.pid)
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return nil, err
	}
	var threads []Thread
	var code []mapping // read when the first thread is found
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil || tid == p.pid {
			continue
		}
		if code == nil {
			if code, err = readCode(filepath.Join(dir, "maps")); err != nil {
				return nil, err
			}
		}
		threads = append(threads, threadOf(tid, filepath.Join(dir, "task", task.Name()), code))
	}
	return threads, nil
}

// A mapping is a part of the address space that contains code.
type mapping struct {
	from, to uint64
	path     string // "" if it belongs to no file
}

// readCode reads the mappings of code of a file maps, see proc(5).
func readCode(file string) ([]mapping, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var code []mapping
	for line := range strings.Lines(string(text)) {
		// from-to permissions offset device inode path
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.Contains(fields[1], "x") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		m := mapping{}
		if m.from, err = strconv.ParseUint(from, 16, 64); err != nil {
			continue
		}
		if m.to, err = strconv.ParseUint(to, 16, 64); err != nil {
			continue
		}
		if at := strings.IndexByte(line, '/'); at >= 0 {
			m.path = strings.TrimSuffix(line[at:], "\n")
		}
		code = append(code, m)
	}
	return code, nil
}

// stackRead is how much of a thread's stack is searched, in bytes. A thread that waits has the calls
// that lead there at the top of its stack.
const stackRead = 8 << 10

// threadOf returns a thread. Dir is its folder in /proc.
func threadOf(tid int, dir string, code []mapping) Thread {
	text, err := os.ReadFile(filepath.Join(dir, "syscall"))
	if err != nil {
		return Thread{TID: tid}
	}
	// "running", or the number of the system call and its arguments, the stack pointer and the
	// program counter.
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return Thread{TID: tid, Running: true}
	}
	return Thread{TID: tid, Library: libraryOf(fields, dir, code)}
}

// libraryOf returns the library whose code a thread runs that waits in a system call, described by
// fields.
func libraryOf(fields []string, dir string, code []mapping) string {
	pc, err1 := strconv.ParseUint(fields[len(fields)-1], 0, 64)
	sp, err2 := strconv.ParseUint(fields[len(fields)-2], 0, 64)
	if err1 != nil || err2 != nil {
		return ""
	}
	if path := caller(pc, code); path != "" {
		return path
	}
	memory, err := os.Open(filepath.Join(dir, "mem"))
	if err != nil {
		return ""
	}
	defer memory.Close() // it was only read
	stack := make([]byte, stackRead)
	n, _ := unix.Pread(int(memory.Fd()), stack, int64(sp)) // an error reads nothing
	for words := stack[:max(0, n)]; len(words) >= 8; words = words[8:] {
		if path := caller(binary.NativeEndian.Uint64(words), code); path != "" {
			return path
		}
	}
	return ""
}

// caller returns the library that an address belongs to, or "" if it is not code or belongs to the
// C library.
func caller(address uint64, code []mapping) string {
	for _, m := range code {
		if address >= m.from && address < m.to {
			if isCLibrary(m.path) {
				return ""
			}
			return m.path
		}
	}
	return ""
}

// isCLibrary reports whether path is a part of glibc or of musl.
func isCLibrary(path string) bool {
	name := filepath.Base(path)
	for _, prefix := range []string{"libc.", "libc-", "libpthread", "ld-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
