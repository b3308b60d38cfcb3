package lambdalog

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// lineWait is how long a line waits until it is written. While the log's reader keeps up,
	// lines are written before their invocation is reported: Lambda may freeze the process
	// after that.
	lineWait = 20 * time.Millisecond

	// spoolSize bounds the lines, in bytes, that wait for a reader that does not keep up.
	spoolSize = 1 << 20

	// roomWait is how long a line waits until minRead bytes of a full spool have been read. So a
	// slow reader slows R down, and loses nothing. If it takes longer, the reader counts as gone,
	// and lines are dropped until half of the spool has been read.
	roomWait = 200 * time.Millisecond
	minRead  = 32 << 10

	// maxBatch bounds the lines, in bytes, that are written at once when several wait.
	maxBatch = minRead

	// closeWait is how long Close waits for the reader.
	closeWait = 100 * time.Millisecond
)

// errDropped is returned for a line that is lost, because the log's reader does not keep up.
var errDropped = errors.New("the reader of the log does not keep up")

// A spool writes lines to a writer that may block forever, and waits no more than lineWait and
// roomWait for it. So invocations and signals do not depend on the reader of the log.
//
// Its one goroutine runs while lines wait. Close waits for it.
type spool struct {
	w        io.Writer
	roomWait time.Duration // see the constant

	mu      sync.Mutex
	lines   []*spooled
	size    int // of the lines, in bytes
	running bool
	behind  bool          // the reader took longer than lineWait, and lines wait
	full    bool          // the reader took longer than roomWait; lines are dropped
	err     error         // of a line for which nobody waited
	changed chan struct{} // closed and replaced when lines were written
}

// A spooled line waits to be written.
type spooled struct {
	text []byte
	done chan struct{} // closed once it was written
	err  error         // set before done is closed
}

func newSpool(w io.Writer) *spool {
	return &spool{w: w, roomWait: roomWait, changed: make(chan struct{})}
}

// Write writes a line. It returns errDropped if there is no room for it, and may return the error
// of an earlier line.
func (s *spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	if s.size+len(p) > spoolSize && !s.full {
		s.full = !s.wait(s.roomWait, func() bool { return s.size <= spoolSize-minRead })
	}
	if s.full {
		s.mu.Unlock()
		return 0, errDropped
	}
	line := &spooled{text: append([]byte(nil), p...), done: make(chan struct{})}
	s.lines = append(s.lines, line)
	s.size += len(p)
	if !s.running {
		s.running = true
		go s.run() // Close waits for it
	}
	behind, err := s.behind, s.err
	s.err = nil
	s.mu.Unlock()
	if behind || err != nil {
		return len(p), err
	}
	timer := time.NewTimer(lineWait)
	defer timer.Stop()
	select {
	case <-line.done:
		if line.err != nil {
			s.mu.Lock()
			s.err = nil // it is returned here
			s.mu.Unlock()
		}
		return len(p), line.err
	case <-timer.C:
	}
	s.mu.Lock()
	s.behind = s.running
	s.mu.Unlock()
	return len(p), nil
}

// run writes the lines until none waits.
func (s *spool) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.lines) > 0 {
		batch, text := s.next()
		s.mu.Unlock()
		_, err := s.w.Write(text)
		s.mu.Lock()
		if err != nil {
			s.err = err
		}
		for _, line := range batch {
			line.err = err
			close(line.done)
		}
		s.size -= len(text)
		if s.size <= spoolSize/2 {
			s.full = false
		}
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.lines, s.running, s.behind = nil, false, false
}

// next removes the lines that are to be written at once.
func (s *spool) next() (batch []*spooled, text []byte) {
	text = s.lines[0].text
	n := 1
	for n < len(s.lines) && len(text)+len(s.lines[n].text) <= maxBatch {
		text = append(text, s.lines[n].text...)
		n++
	}
	batch, s.lines = s.lines[:n], s.lines[n:]
	return batch, text
}

// wait releases the lock until the condition holds, or returns false after d.
func (s *spool) wait(d time.Duration, condition func() bool) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !condition() {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
			s.mu.Lock()
		case <-timer.C:
			s.mu.Lock()
			return condition()
		}
	}
	return true
}

// hasRoom reports whether lines are not being dropped.
func (s *spool) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.full
}

// Close waits until all lines are written, but no longer than closeWait.
func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wait(closeWait, func() bool { return s.size == 0 }) {
		return errDropped
	}
	return nil
}
