package emulator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// submit queues an invocation. It returns false if there are too many, or if their events are
// too large. If the runtime has failed to start, the invocation is answered with that error.
func (e *Emulator) submit(inv *invocation) bool {
	inv.timeout = cmp.Or(inv.timeout, e.config.Timeout)
	e.called(inv)
	e.mu.Lock()
	body := e.failure()
	queued := body == nil && !(inv.asynchronous && e.tooManyRetries()) && e.enqueue(inv)
	e.mu.Unlock()
	switch {
	case body != nil:
		e.answerUnseen(inv, body)
	case !queued:
		e.ended(inv, Result{}, false)
		return false
	}
	return true
}

// answerUnseen answers an invocation with the error of a runtime that has failed to start.
func (e *Emulator) answerUnseen(inv *invocation, failure []byte) {
	a := answer{body: failure, functionError: true}
	if inv.asynchronous {
		e.settle(inv, a)
		return
	}
	e.ended(inv, a.result(), true)
	inv.answer <- a
}

// enqueue queues an invocation, unless there are too many. The lock is held.
func (e *Emulator) enqueue(inv *invocation) bool {
	waiting := len(inv.event)
	for _, queued := range e.queue {
		waiting += len(queued.event)
	}
	if len(e.queue)+len(e.running) >= e.config.Limit || waiting > maxWaiting {
		return false
	}
	e.queue = append(e.queue, inv)
	e.wake()
	return true
}

// awaitAnswer waits for the answer to a submitted invocation. It returns false if the caller
// leaves, which ends ctx.
func (e *Emulator) awaitAnswer(ctx context.Context, inv *invocation) (answer, bool) {
	select {
	case a := <-inv.answer:
		return a, true
	case <-ctx.Done():
		e.abandon(inv)
		return answer{}, false
	}
}

// abandon removes an invocation whose caller has left from the queue. If it is running, it
// continues, but a stream is stopped.
func (e *Emulator) abandon(inv *invocation) {
	e.mu.Lock()
	inv.abandoned = true
	if inv.stream != nil {
		inv.stream.leave(errCallerLeft)
	}
	i := slices.Index(e.queue, inv)
	if i >= 0 {
		e.queue = slices.Delete(e.queue, i, i+1)
	}
	e.mu.Unlock()
	if i >= 0 {
		e.ended(inv, Result{}, false)
	}
}

// take hands out the oldest invocation to an environment, and waits for one if necessary. It
// returns nil when ctx ends.
func (e *Emulator) take(ctx context.Context, env *environment) *invocation {
	e.mu.Lock()
	env.polls++
	e.mu.Unlock()
	var inv *invocation
	for inv == nil {
		var expired *invocation
		if !e.waitUntil(ctx, func() bool {
			if expired = e.takeExpired(); expired == nil {
				inv = e.handOut(env)
			}
			return inv != nil || expired != nil
		}) {
			break
		}
		if expired != nil {
			e.discard(expired, eventAgeExceeded, nil)
		}
	}
	if inv == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.endPoll(env)
		return nil
	}
	e.logStart(inv)
	return inv
}

// endPoll ends a poll of an environment. That may be the turn of another one. The lock is held.
func (e *Emulator) endPoll(env *environment) {
	env.polls--
	if len(e.environments) > 1 && len(e.queue) > 0 {
		e.wake()
	}
}

// handOut starts the oldest invocation and its timeout. It returns nil if the queue is empty,
// the gate is closed or another environment has its turn. The lock is held.
func (e *Emulator) handOut(env *environment) *invocation {
	if len(e.queue) == 0 || e.gate != open || !e.hasTurn(env) {
		return nil
	}
	inv := e.queue[0]
	e.queue = slices.Delete(e.queue, 0, 1)
	e.turns++
	env.lastTurn = e.turns
	e.endPoll(env)
	e.running[inv.id] = inv
	inv.environment = env
	inv.handOutID = uuid.NewString()
	inv.started = time.Now()
	inv.deadline = inv.started.Add(inv.timeout)
	inv.timer = time.AfterFunc(inv.timeout, func() { e.timeOut(inv) })
	return inv
}

// hasTurn reports whether no other environment that waits has been idle for longer. So all of them
// serve alternately, and each can be seen to work; Lambda prefers those that have just served. The
// lock is held.
func (e *Emulator) hasTurn(env *environment) bool {
	for _, other := range e.environments {
		idler := other.lastTurn < env.lastTurn || other.lastTurn == env.lastTurn && other.number < env.number
		if other.polls > 0 && idler {
			return false
		}
	}
	return true
}

// waitUntil calls condition with the lock held, now and after each wake, until it returns
// true. It returns false as soon as ctx has ended, even if the condition would be true: a
// runtime that has left must not take an event.
func (e *Emulator) waitUntil(ctx context.Context, condition func() bool) bool {
	for ctx.Err() == nil {
		e.mu.Lock()
		ok, changed := condition(), e.changed
		e.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

// wake makes every waitUntil check its condition again. The lock is held.
func (e *Emulator) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}
