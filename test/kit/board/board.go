// Package board lets tests wait for a condition on state that other goroutines change.
package board

import (
	"regexp"
	"sync"
	"time"
)

// A Board is a lock whose waiters wake when the state that it guards changes. Lock it to read the
// state; change the state with Update. The zero value is ready to use.
type Board struct {
	sync.Mutex
	changed chan struct{} // closed by the next Update; nil without waiters
}

// Update calls change under the lock and then wakes all waiters.
func (b *Board) Update(change func()) {
	b.Lock()
	defer b.Unlock()
	change()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Wait waits until condition, which is called under the lock, holds, and reports whether it did
// within most.
func (b *Board) Wait(most time.Duration, condition func() bool) bool {
	guard := time.NewTimer(most)
	defer guard.Stop()
	for {
		b.Lock()
		holds := condition()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.Unlock()
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

// Poll checks condition every millisecond until it holds, and reports whether it did within most.
// Use it for conditions without an Update, such as the content of /proc.
func Poll(most time.Duration, condition func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// A Text collects what a program prints. The zero value is ready to use.
type Text struct {
	board   Board
	text    []byte // only appended to, so that it can be read without the lock
	changes int    // of text
	closed  bool
}

// Write appends to the text. It never fails.
func (t *Text) Write(p []byte) (int, error) {
	t.board.Update(func() {
		t.text = append(t.text, p...)
		t.changes++
	})
	return len(p), nil
}

// Close ends the text: WaitFor stops waiting for more. It never fails.
func (t *Text) Close() error {
	t.board.Update(func() { t.closed = true })
	return nil
}

// String returns the text so far.
func (t *Text) String() string {
	t.board.Lock()
	defer t.board.Unlock()
	return string(t.text)
}

// Reset forgets the text so far.
func (t *Text) Reset() {
	t.board.Update(func() {
		t.text = nil
		t.changes++
	})
}

// WaitFor waits until the text matches the pattern and returns the match and its groups. It returns
// nil if the text ends, or most passes, without one. It searches without the lock, because a program
// that prints must not wait for that.
func (t *Text) WaitFor(most time.Duration, pattern *regexp.Regexp) []string {
	for deadline, seen := time.Now().Add(most), -1; ; {
		var text []byte
		var closed bool
		if !t.board.Wait(time.Until(deadline), func() bool {
			changed := t.changes != seen
			text, seen, closed = t.text, t.changes, t.closed
			return changed || closed
		}) {
			return nil
		}
		if match := pattern.FindStringSubmatch(string(text)); match != nil || closed {
			return match
		}
	}
}
