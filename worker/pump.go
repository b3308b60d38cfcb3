package worker

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// maxLine is the longest line kept whole, in bytes. A longer one is logged
	// in pieces, so that output without newlines needs no more memory.
	maxLine = 64 << 10

	// maxFlush is the most that one flush reads, in bytes: the largest pipe that
	// an unprivileged process can make. What R wrote before its result fits in
	// it; a child that never stops writing cannot hold the flush up.
	maxFlush = 1 << 20
)

// A pump reads one output pipe of R and hands every line to emit. The pipe is
// never left unread: R would block on it.
type pump struct {
	file *os.File
	raw  syscall.RawConn
	emit func(line string)

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

// run reads until the pipe is at its end or its file is closed.
func (p *pump) run() {
	// Whatever ends the reading, there is no more output to be had.
	_ = p.raw.Read(func(fd uintptr) (done bool) {
		for {
			n, err := p.read(fd)
			switch {
			case err == unix.EAGAIN:
				return false // to be called again when there is something to read
			case err == unix.EINTR:
			case n <= 0:
				return true
			}
		}
	})
	p.flush()
}

// flush emits everything that was written to the pipe before the call, an
// unfinished line included, so that what follows belongs to what follows. It
// runs beside run: whichever of the two reads a byte emits it in its turn.
func (p *pump) flush() {
	// Control fails only when the file is closed, and then all was read.
	_ = p.raw.Control(func(fd uintptr) {
		for read := 0; read < maxFlush; {
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.partial) > 0 {
		p.line(p.partial)
		p.partial = p.partial[:0]
	}
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

func (p *pump) split(b []byte) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		if len(p.partial) == 0 {
			p.line(b[:i])
		} else {
			p.line(append(p.partial, b[:i]...))
			p.partial = p.partial[:0]
		}
		b = b[i+1:]
	}
	for len(p.partial)+len(b) >= maxLine {
		n := maxLine - len(p.partial)
		p.line(append(p.partial, b[:n]...))
		p.partial, b = p.partial[:0], b[n:]
	}
	p.partial = append(p.partial, b...)
}

func (p *pump) line(b []byte) {
	p.emit(strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte("\r"))), "\uFFFD"))
}
