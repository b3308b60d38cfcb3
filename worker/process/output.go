//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxLine is the longest line that is delivered whole, in bytes. A longer one is delivered in
// pieces, so that output without line feeds needs no more memory.
const MaxLine = 64 << 10

// A pump reads one output pipe of a process and passes every line to emit. It never leaves
// the pipe unread, because the process would block when the pipe is full.
type pump struct {
	file    *os.File
	raw     syscall.RawConn
	emit    func(line string) // if nil, the output is discarded
	stopped atomic.Bool

	mu      sync.Mutex // guards the fields below, and orders the calls of emit
	partial []byte     // the beginning of a line whose end has not been written
	buf     []byte
}

func newPump(file *os.File, emit func(line string)) (*pump, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &pump{file: file, raw: raw, emit: emit, buf: make([]byte, 32<<10)}
	if !p.nonBlocking() {
		return nil, fmt.Errorf("process: %s is not a pipe in non-blocking mode; use os.Pipe", file.Name())
	}
	return p, nil
}

// nonBlocking reports whether reading the file when it is empty returns at once.
func (p *pump) nonBlocking() (yes bool) {
	_ = p.raw.Control(func(fd uintptr) { // fails if the file is closed: it cannot be read
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		yes = err == nil && flags&unix.O_NONBLOCK != 0
	})
	return yes
}

// run reads until the end of the pipe, or until stop is called.
func (p *pump) run() {
	// An error ends the output as well.
	_ = p.raw.Read(func(fd uintptr) (done bool) {
		for !p.stopped.Load() {
			n, err := p.read(fd)
			switch {
			case err == unix.EAGAIN:
				return false // called again when there is something to read
			case err == unix.EINTR:
			case n <= 0:
				return true
			}
		}
		return true
	})
	p.flush()
}

// stop ends run, even if a stray still holds the other end of the pipe and never stops
// writing.
func (p *pump) stop() {
	p.stopped.Store(true)
	_ = p.file.Close() // it was only read
}

// flush emits everything that was written to the pipe before the call, including an
// unfinished line.
func (p *pump) flush() {
	p.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.partial) > 0 {
		p.line(p.partial)
		p.partial = p.partial[:0]
	}
}

// drain emits every whole line that was written to the pipe before the call. It runs beside
// run: both emit the bytes that they read, in the order of reading. It reads no more than the
// pipe held at the call, so a process that never stops writing does not delay it.
func (p *pump) drain() {
	// Control fails only if the file is closed, and then everything was read.
	_ = p.raw.Control(func(fd uintptr) {
		p.mu.Lock() // once we hold the lock, run has emitted what it has read
		waiting, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		p.mu.Unlock()
		if err != nil {
			return
		}
		for read := 0; read < waiting; {
			n, err := p.read(fd)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return
			}
			read += n
		}
	})
}

// read reads once, without blocking.
func (p *pump) read(fd uintptr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := unix.Read(int(fd), p.buf)
	if n > 0 {
		p.split(p.buf[:n])
	}
	return n, err
}

// split emits the lines that end in b, and keeps the beginning of the next one.
func (p *pump) split(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part, rest := b, []byte(nil)
		if end >= 0 {
			part, rest = b[:end], b[end+1:]
		}
		for len(p.partial)+len(part) > MaxLine {
			n := MaxLine - len(p.partial)
			p.line(append(p.partial, part[:n]...))
			p.partial, part = p.partial[:0], part[n:]
		}
		p.partial = append(p.partial, part...)
		if end >= 0 {
			p.line(p.partial)
			p.partial = p.partial[:0]
		}
		b = rest
	}
}

func (p *pump) line(b []byte) {
	if p.emit != nil {
		p.emit(strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte("\r"))), "\uFFFD"))
	}
}
