package emulator

import (
	"context"
	"net/http"
	"time"
)

// An environment is the life of one runtime, from New or Restart to the next Restart. There is
// one, unless Config.SnapStart asks for more.
type environment struct {
	number   int // from 0 on
	started  time.Time
	phase    phase
	initTook time.Duration
	failure  []byte // the error that the runtime has posted, if it failed
	reported bool   // a REPORT line has shown how long the start took
	polls    int    // calls of /next that wait
	lastTurn int    // grows with each invocation that is handed out; see hasTurn
	restore  restore
}

// A phase of an environment. The names of Lambda's own emulator are in parentheses.
type phase int

const (
	initializing phase = iota // (Started)
	prepared                  // waits for the restore (RestoreReady)
	restoring                 // restored, and runs its hooks (Restoring)
	ready                     // has asked for its first event (Ready and Running)
	broken                    // (InitError, RestoreError)
)

// A gate decides whether invocations are handed out.
type gate int

const (
	open      gate = iota
	held           // with SnapStart, until Resume: runtimes can become ready
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
	e.begin()
	e.gate = restarted
}

// begin begins all environments. The lock is held, except in New.
func (e *Emulator) begin() {
	n := 1
	if e.config.SnapStart != nil {
		n = max(1, e.config.SnapStart.Environments)
	}
	e.environments = make([]*environment, n)
	for i := range e.environments {
		e.environments[i] = &environment{number: i, started: time.Now()}
	}
}

// Resume hands out invocations again after a Restart, and for the first time with SnapStart. At
// any other time, in particular during a Pause, it does nothing, so it may be called whenever a
// worker is ready.
func (e *Emulator) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gate == restarted || e.gate == held {
		e.gate = open
		e.wake()
	}
}

// environmentKey is the key of a context's environment number.
type environmentKey struct{}

// environmentOf returns the environment whose runtime sends r. The lock is held.
func (e *Emulator) environmentOf(r *http.Request) *environment {
	number, _ := r.Context().Value(environmentKey{}).(int) // 0 if there is one environment
	return e.environments[number]
}

// markReady records the first poll of a runtime and returns its environment. It returns false if
// the runtime must not poll: its init or restore has failed, or it waits for the restore.
func (e *Emulator) markReady(r *http.Request) (*environment, bool) {
	e.mu.Lock()
	env := e.environmentOf(r)
	before := env.phase
	switch before {
	case initializing:
		env.initTook = time.Since(env.started)
	case restoring:
		env.restore.end(time.Now())
	case ready:
	default:
		e.mu.Unlock()
		return nil, false
	}
	env.phase = ready
	took := env.restore.took
	if before != ready {
		e.wake() // for AwaitInit
	}
	e.mu.Unlock()
	if before == initializing && e.config.OnReady != nil {
		e.config.OnReady()
	}
	if before == restoring && e.config.SnapStart.OnRestored != nil {
		e.config.SnapStart.OnRestored(env.number, took)
	}
	return env, true
}

// AwaitInit returns when the runtime has asked for its first event or has failed, or when ctx ends.
func (e *Emulator) AwaitInit(ctx context.Context) {
	e.waitUntil(ctx, func() bool { return e.environments[0].phase == ready || e.failure() != nil })
}

// fail records the error that the runtime of r has posted in a phase that it ends, and answers all
// waiting callers with it. It returns false if the runtime is in another phase.
func (e *Emulator) fail(r *http.Request, in phase, body []byte) bool {
	e.mu.Lock()
	env := e.environmentOf(r)
	if env.phase != in {
		e.mu.Unlock()
		return false
	}
	env.phase, env.failure = broken, body
	waiting := e.queue
	e.queue = nil
	e.wake() // for AwaitInit
	e.mu.Unlock()
	for _, inv := range waiting {
		e.answerUnseen(inv, body)
	}
	return true
}

// failure returns the error of a runtime that has failed, or nil. The lock is held.
func (e *Emulator) failure() []byte {
	for _, env := range e.environments {
		if env.phase == broken {
			return env.failure
		}
	}
	return nil
}
