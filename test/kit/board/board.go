// Package board lets tests wait for what other goroutines write down.
package board

import (
	"bytes"
	"regexp"
	"sync"
	"time"
)

// A Board guards data with a lock and wakes those that wait for a change of it. The zero value is
// ready to use.
type Board struct {
	mu      sync.Mutex
	changed chan struct{} // closed by the next Update; nil if nobody waits
}

// Update calls change under the lock and then wakes all waiters.
func (b *Board) Update(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Read calls look under the lock.
func (b *Board) Read(look func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	look()
}

// Wait waits until condition, which is called under the lock, holds, and reports whether it did
// within most.
func (b *Board) Wait(most time.Duration, condition func() bool) bool {
	guard := time.NewTimer(most)
	defer guard.Stop()
	for {
		b.mu.Lock()
		holds := condition()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-changed:
		case <-guard.C:
			return false
		}
	}
}

// A Text collects what a program prints. The zero value is ready to use.
type Text struct {
	board  Board
	buffer bytes.Buffer
	closed bool
}

// Write appends to the text. It never fails.
func (t *Text) Write(p []byte) (int, error) {
	t.board.Update(func() { t.buffer.Write(p) })
	return len(p), nil
}

// Close ends the text: WaitFor stops waiting for more. It never fails.
func (t *Text) Close() error {
	t.board.Update(func() { t.closed = true })
	return nil
}

// String returns the text so far.
func (t *Text) String() (text string) {
	t.board.Read(func() { text = t.buffer.String() })
	return text
}

// Reset forgets the text so far.
func (t *Text) Reset() { t.board.Update(t.buffer.Reset) }

// WaitFor waits until the text matches the pattern and returns the match and its groups. It returns
// nil if the text ends, or most passes, without one.
func (t *Text) WaitFor(most time.Duration, pattern *regexp.Regexp) (match []string) {
	t.board.Wait(most, func() bool {
		match = pattern.FindStringSubmatch(t.buffer.String())
		return match != nil || t.closed
	})
	return match
}
