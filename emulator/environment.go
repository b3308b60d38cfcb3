package emulator

import (
	"context"
	"time"
)

// An environment is the life of one runtime, from New or Restart to the next Restart.
type environment struct {
	started      time.Time
	ready        bool          // the runtime has asked for its first event
	initTook     time.Duration // from started to ready
	initReported bool          // a REPORT line has shown initTook
	initError    []byte        // as posted by the runtime; nil if it has not failed
}

// A gate decides whether invocations are handed out.
type gate int

const (
	open      gate = iota
	paused         // closed by Pause, until Restart
	restarted      // closed by Restart, until Resume
)

// To replace the runtime while the emulator serves: Pause, end the old runtime, Restart, start
// the new runtime, and Resume when it is ready. Meanwhile callers wait.

// Pause stops handing out invocations. It returns when no invocation is running, or when ctx
// ends.
func (e *Emulator) Pause(ctx context.Context) {
	e.mu.Lock()
	e.gate = paused
	e.mu.Unlock()
	e.waitUntil(ctx, func() bool { return len(e.running) == 0 })
}

// Restart begins a new environment. Nothing is handed out until Resume: a poll that the old
// runtime has cancelled may still arrive. It must not take an invocation, nor make the new
// runtime look ready.
func (e *Emulator) Restart() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.environment = environment{started: time.Now()}
	e.gate = restarted
}

// Resume hands out invocations again after a Restart. At any other time, in particular during
// a Pause, it does nothing, so it may be called whenever a worker is ready.
func (e *Emulator) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gate == restarted {
		e.gate = open
		e.wake()
	}
}

// markReady records the first poll of a runtime. It returns false if the init has failed.
func (e *Emulator) markReady() bool {
	e.mu.Lock()
	env := &e.environment
	failed, first := env.initError != nil, !env.ready
	if !failed && first {
		env.ready = true
		env.initTook = time.Since(env.started)
	}
	e.mu.Unlock()
	if !failed && first && e.config.OnReady != nil {
		e.config.OnReady()
	}
	return !failed
}

// failInit records the init error of the runtime and answers all waiting callers with it. It
// returns false if the init is over.
func (e *Emulator) failInit(body []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initOver() {
		return false
	}
	e.environment.initError = body
	for _, inv := range e.queue {
		inv.answer <- answer{body: body, functionError: true}
	}
	e.queue = nil
	return true
}

// initOver reports whether the runtime is ready or has failed. The lock is held.
func (e *Emulator) initOver() bool {
	return e.environment.ready || e.environment.initError != nil
}
