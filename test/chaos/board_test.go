package chaos

import (
	"sync"
	"time"
)

// A board is where what has happened is written down under one lock, so that others
// can wait for it. Whatever the lock guards is changed by update.
type board struct {
	mu      sync.Mutex
	changed chan struct{} // closed and made anew at each update
}

func newBoard() board { return board{changed: make(chan struct{})} }

// update makes a change and tells everybody in wait.
func (b *board) update(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait waits until condition, which is asked under the lock, holds, for as long as
// most. It returns whether it does.
func (b *board) wait(most time.Duration, condition func() bool) bool {
	guard := time.NewTimer(most)
	defer guard.Stop()
	for {
		b.mu.Lock()
		holds, changed := condition(), b.changed
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
