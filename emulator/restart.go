package emulator

import (
	"context"
	"time"
)

// A runtime can be replaced while the emulator serves: Pause, end the old one, Restart,
// start the new one, and Resume when it is ready. No caller is harmed, and those who
// come meanwhile wait.

// Pause hands out no invocation any more, and waits until all that run have their
// answers, or ctx ends.
func (e *Emulator) Pause(ctx context.Context) {
	for {
		e.mu.Lock()
		e.paused, e.restarted = true, false
		running, changed := len(e.running), e.changed
		e.mu.Unlock()
		if running == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Restart makes the emulator one that has seen no runtime yet, as a new environment of
// Lambda has not. It hands out nothing until Resume: a poll that the old runtime
// cancelled may be on its way still, and must not get an invocation, nor count as the
// new one's.
func (e *Emulator) Restart() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.start = time.Now()
	e.paused, e.restarted = true, true
	e.polled, e.reported = false, false
	e.initError = nil
}

// Resume hands out invocations again after a Restart. It does nothing at any other
// time, above all not in a Pause, so it may be called for each worker that is ready.
func (e *Emulator) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.restarted {
		e.paused, e.restarted = false, false
		e.wake()
	}
}

// awaitResume waits for the end of a pause. It returns false when done is closed first.
func (e *Emulator) awaitResume(done <-chan struct{}) bool {
	for {
		e.mu.Lock()
		paused, changed := e.paused, e.changed
		e.mu.Unlock()
		if !paused {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// Running returns how many invocations have been handed out and have no answer yet.
func (e *Emulator) Running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running)
}
