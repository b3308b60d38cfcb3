//go:build linux

package process

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A process can send records between its lines of output, without waiting for an answer. A
// record is part of standard error, and its place in standard output is marked:
//
//	standard error    TAG pid " " number " " body "\n"     a record
//	                  TAG pid " " number "+ " body "\n"    a piece of one: more follows
//	standard output   TAG number "\n"                      the place of that record
//
// The process first writes the record and then the mark. So when a mark is read, its record is
// in the other pipe. When a record is read, all output that precedes it is in the pipes, up to
// its mark or, if that has not been written yet, up to the end.
//
// Numbers count from 1. A record with the number 0 has no mark: it is ordered only with standard
// error. Children that share the pipes send such records, and their pids keep the pieces apart.
// Each line is at most PIPE_BUF (4096) bytes and written at once, so that lines of several
// processes do not mix. The tag is secret: see Options.Tag.

// maxPieces bounds the memory, in bytes, for unfinished records. More can only come from a
// process that does not keep to the format.
const maxPieces = 16 << 20

// A merger delivers the lines and records of both outputs in the order in which the process wrote
// them. Lines of different streams are ordered only by the records between them.
type merger struct {
	tag    []byte            // empty if there are no records
	record func(body []byte) // nil: records are discarded

	mu             sync.Mutex // orders the calls of emit and record
	stdout, stderr *pump      // either may be nil
	marked         int64      // the last mark that was read
	recorded       int64      // the last record that was delivered
	pieces         map[string][]byte
	piecesSize     int
}

// newMerger returns a merger that reads the files, of which either may be nil.
func newMerger(stdout, stderr *os.File, o Options, emitStderr func(string)) (*merger, error) {
	m := &merger{record: o.Record, pieces: map[string][]byte{}}
	if o.Tag != "" {
		m.tag = []byte(o.Tag)
	}
	var err error
	if stdout != nil {
		if m.stdout, err = newPump(m, stdout, o.Stdout, m.readMark); err != nil {
			return nil, err
		}
	}
	if stderr != nil {
		if m.stderr, err = newPump(m, stderr, emitStderr, m.readRecord); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *merger) pumps() []*pump {
	var pumps []*pump
	for _, p := range []*pump{m.stdout, m.stderr} {
		if p != nil {
			pumps = append(pumps, p)
		}
	}
	return pumps
}

func never() bool { return false }

// read reads p once and delivers everything that was read.
func (m *merger) read(p *pump, fd uintptr) (int, error) {
	m.mu.Lock()
	p.deliver(never)
	n, err := p.read(fd)
	p.deliver(never)
	m.mu.Unlock()
	// Reading one pipe up to a record can read more of the other than it delivers. The lock is
	// released in between, so that flush need not wait for a process that never stops writing.
	for m.deliverRest() {
	}
	return n, err
}

// deliverRest delivers what was read of both outputs. It reports whether some is left.
func (m *merger) deliverRest() (more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pumps() {
		p.deliver(never)
	}
	for _, p := range m.pumps() {
		more = more || len(p.unread) > 0
	}
	return more
}

// flush delivers everything that was written to the pipes of these pumps before the call,
// including unfinished lines.
func (m *merger) flush(pumps ...*pump) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range 2 { // reading the second may leave a rest of the first
		for _, p := range pumps {
			p.advance(never)
		}
	}
	for _, p := range pumps {
		p.flushLine()
	}
}

// finish flushes p at the end of its pipe, when no more of a tag can follow.
func (m *merger) finish(p *pump) {
	m.flush(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(p.partial) > 0 && !bytes.Contains(p.partial, m.tag) {
		p.line(p.partial)
		p.partial = nil
	}
}

// readMark reads the records up to the one that belongs here.
func (m *merger) readMark(body []byte) {
	n, err := strconv.ParseInt(string(body), 10, 64)
	if err != nil {
		return // not in the format
	}
	m.marked = n
	if m.recorded < n && m.stderr != nil {
		m.stderr.advance(func() bool { return m.recorded >= n })
	}
}

// readRecord delivers a record, after the lines of standard output that precede it.
func (m *merger) readRecord(line []byte) {
	pid, rest, _ := bytes.Cut(line, []byte(" "))
	number, body, _ := bytes.Cut(rest, []byte(" "))
	digits, isPiece := strings.CutSuffix(string(number), "+")
	writer := string(pid)
	if before := m.pieces[writer]; isPiece || before != nil {
		m.piecesSize -= len(before)
		delete(m.pieces, writer)
		body = append(before, body...)
	}
	if isPiece {
		if m.piecesSize+len(body) <= maxPieces {
			m.pieces[writer] = body
			m.piecesSize += len(body)
		}
		return
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		n = 0 // not in the format
	}
	if m.marked < n && m.stdout != nil {
		m.stdout.advance(func() bool { return m.marked >= n })
	}
	if m.record != nil {
		m.record(body)
	}
	m.recorded = max(m.recorded, n)
}

// cut cuts a whole line around the tag, if it has one.
func (m *merger) cut(line []byte) (text, body []byte, isTagged bool) {
	if len(m.tag) == 0 {
		return line, nil, false
	}
	return bytes.Cut(line, m.tag)
}

// textLength returns how much of an unfinished line is certainly not part of a tagged one.
func (m *merger) textLength(partial []byte) int {
	if len(m.tag) == 0 {
		return len(partial)
	}
	if i := bytes.Index(partial, m.tag); i >= 0 {
		return i
	}
	for n := min(len(m.tag)-1, len(partial)); n > 0; n-- {
		if bytes.HasSuffix(partial, m.tag[:n]) {
			return len(partial) - n
		}
	}
	return len(partial)
}
