package worker

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLine is the longest line kept whole, in bytes. A longer one is logged in pieces,
// so that output without newlines needs no more memory.
const maxLine = 64 << 10

// A pump reads one output pipe of R and hands every line to emit. The pipe is
// never left unread: R would block on it.
type pump struct {
	file    *os.File
	raw     syscall.RawConn
	emit    func(line string)
	stopped atomic.Bool

	mu      sync.Mutex // guards what follows, and orders the calls of emit
	partial []byte     // the beginning of a line whose end has not come
	buf     []byte
}

func newPump(file *os.File, emit func(line string)) (*pump, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &pump{file: file, raw: raw, emit: emit, buf: make([]byte, 32<<10)}, nil
}

// run reads until the pipe is at its end, or stop is called.
func (p *pump) run() {
	// Whatever ends the reading, there is no more output to be had.
	_ = p.raw.Read(func(fd uintptr) (done bool) {
		for !p.stopped.Load() {
			n, err := p.read(fd)
			switch {
			case err == unix.EAGAIN:
				return false // to be called again when there is something to read
			case err == unix.EINTR:
			case n <= 0:
				return true
			}
		}
		return true
	})
	p.flush()
}

// stop ends run, even if a child in a session of its own still holds the other end of
// the pipe and never stops writing.
func (p *pump) stop() {
	p.stopped.Store(true)
	_ = p.file.Close() // it was only read
}

// flush emits everything that was written to the pipe before the call, an
// unfinished line included, so that what follows belongs to what follows.
func (p *pump) flush() {
	p.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.partial) > 0 {
		p.line(p.partial)
		p.partial = p.partial[:0]
	}
}

// drain emits every line that was written to the pipe before the call. It runs beside
// run: whichever of the two reads a byte emits it in its turn. A child that never
// stops writing does not hold it up.
func (p *pump) drain() {
	// Control fails only when the file is closed, and then all was read.
	_ = p.raw.Control(func(fd uintptr) {
		p.mu.Lock() // once it is ours, run has emitted what it has read
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

// read reads once, without blocking: the parent's end of a pipe from os.Pipe is
// in non-blocking mode.
func (p *pump) read(fd uintptr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := unix.Read(int(fd), p.buf)
	if n > 0 {
		p.split(p.buf[:n])
	}
	return n, err
}

// split emits the lines that end in b, and keeps the beginning of the next.
func (p *pump) split(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part, rest := b, []byte(nil)
		if end >= 0 {
			part, rest = b[:end], b[end+1:]
		}
		for len(p.partial)+len(part) > maxLine {
			n := maxLine - len(p.partial)
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
	p.emit(strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte("\r"))), "\uFFFD"))
}
