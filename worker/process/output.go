//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// MaxLine is the longest line that is delivered whole, in bytes: the size of the largest event
// in CloudWatch. A longer one is delivered in pieces, so that output without line feeds needs no
// more memory. No piece ends inside a character.
const MaxLine = 256 << 10

// A pump reads one output pipe of a process and passes every line to emit, and what tagged lines
// hold to tagged. It never leaves the pipe unread, because the process would block when the pipe
// is full. The lock of its merger guards all fields but the first four.
type pump struct {
	merger  *merger
	file    *os.File
	raw     syscall.RawConn
	stopped atomic.Bool

	emit   func(line string) // if nil, the output is discarded
	tagged func(body []byte)

	buf     []byte
	unread  []byte // the part of buf that has not been delivered
	partial []byte // the beginning of a line whose end has not been written
	busy    bool   // deliver is running
}

func newPump(m *merger, file *os.File, emit func(line string), tagged func([]byte)) (*pump, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &pump{merger: m, file: file, raw: raw, emit: emit, tagged: tagged, buf: make([]byte, 32<<10)}
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
			n, err := p.merger.read(p, fd)
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
	p.merger.finish(p)
}

// stop ends run, even if a stray still holds the other end of the pipe and never stops
// writing.
func (p *pump) stop() {
	p.stopped.Store(true)
	_ = p.file.Close() // it was only read
}

// advance delivers what has been read and then what the pipe holds at the call, until done
// returns true. A process that never stops writing does not delay it.
func (p *pump) advance(done func() bool) {
	if p.busy {
		return
	}
	p.deliver(done)
	// Control fails only if the file is closed, and then everything was read.
	_ = p.raw.Control(func(fd uintptr) {
		waiting, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		if err != nil {
			return
		}
		for read := 0; read < waiting && len(p.unread) == 0; {
			n, err := p.read(fd)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return
			}
			read += n
			p.deliver(done)
		}
	})
}

// read reads once, without blocking. Everything read before must have been delivered.
func (p *pump) read(fd uintptr) (int, error) {
	n, err := unix.Read(int(fd), p.buf)
	p.unread = p.buf[:max(0, n)]
	return n, err
}

// deliver delivers the lines in unread until done returns true, and keeps the beginning of the
// next line.
func (p *pump) deliver(done func() bool) {
	if p.busy {
		return
	}
	p.busy = true
	defer func() { p.busy = false }()
	for len(p.unread) > 0 && !done() {
		end := bytes.IndexByte(p.unread, '\n')
		if end < 0 {
			p.add(p.unread)
			p.unread = nil
			return
		}
		p.add(p.unread[:end])
		p.unread = p.unread[end+1:]
		p.endLine()
	}
}

// add appends b to the line, and delivers the beginning of a line that is too long.
func (p *pump) add(b []byte) {
	p.partial = append(p.partial, b...)
	if len(p.partial) <= MaxLine {
		return
	}
	text := p.partial[:p.merger.textLength(p.partial)]
	for len(text) > MaxLine {
		n := wholeCharacters(text, MaxLine)
		p.line(text[:n])
		text = text[n:]
		p.partial = p.partial[n:]
	}
	p.partial = bytes.Clone(p.partial) // releases what was delivered
}

// wholeCharacters returns the largest number of bytes, at most n, with which text can be cut
// without dividing a character.
func wholeCharacters(text []byte, n int) int {
	for cut := n; cut > n-utf8.UTFMax; cut-- {
		if utf8.RuneStart(text[cut]) {
			return cut
		}
	}
	return n // it is not UTF-8
}

// endLine delivers the line, or what a tagged line holds. Text before a tag belongs to a line
// whose end follows.
func (p *pump) endLine() {
	text, body, isTagged := p.merger.cut(p.partial)
	if !isTagged {
		p.line(p.partial)
		p.partial = p.partial[:0]
		return
	}
	p.partial = text
	if p.tagged != nil {
		p.tagged(body)
	}
}

// flushLine delivers the beginning of an unfinished line.
func (p *pump) flushLine() {
	if n := p.merger.textLength(p.partial); n > 0 {
		p.line(p.partial[:n])
		p.partial = append(p.partial[:0], p.partial[n:]...)
	}
}

func (p *pump) line(b []byte) {
	if p.emit != nil {
		p.emit(strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte("\r"))), "\uFFFD"))
	}
}
