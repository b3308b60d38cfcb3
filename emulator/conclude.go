package emulator

import (
	"fmt"
	"net/http"

	"lambda-r-runtime/protocol/runtimeapi"
)

// An invocation ends once: with a report of the runtime or at its deadline, whichever claims
// it first. conclude then answers the caller.

// report ends the invocation that r reports with an answer. It returns false if no invocation
// waits for this report.
func (e *Emulator) report(r *http.Request, a answer) bool {
	e.flush(r.PathValue("id"))
	e.mu.Lock()
	inv := e.running[r.PathValue("id")]
	waits := inv != nil && inv.stream == nil && inv.echoed(r)
	if waits {
		e.remove(inv, http.StatusForbidden)
	}
	e.mu.Unlock()
	if waits {
		e.conclude(inv, a)
	}
	return waits
}

// echoed reports whether r belongs to this hand-out of the invocation. A report that does not
// echo the id is accepted: runtimes need not send it. The lock is held.
func (i *invocation) echoed(r *http.Request) bool {
	id := r.Header.Get(runtimeapi.HeaderInvocationID)
	return id == "" || id == i.handOutID
}

// claim removes a running invocation. Only one of several callers gets true. Later reports
// are refused with the given status.
func (e *Emulator) claim(inv *invocation, status int) bool {
	e.flush(inv.id)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[inv.id] != inv {
		return false
	}
	e.remove(inv, status)
	return true
}

// flush passes what was logged for a running invocation to its tail.
func (e *Emulator) flush(id string) {
	if e.config.Flush == nil {
		return
	}
	e.mu.Lock()
	inv := e.running[id]
	e.mu.Unlock()
	if inv != nil {
		e.config.Flush(inv.environment.number)
	}
}

// remove is claim for an invocation that is known to be running. The lock is held.
func (e *Emulator) remove(inv *invocation, status int) {
	inv.timer.Stop()
	delete(e.running, inv.id)
	e.past.add(inv.id, status)
	if e.gate == paused && len(e.running) == 0 {
		e.wake()
	}
}

// refusal returns the status for a report that has no effect: 403 if there was a report or a
// stream has begun, 410 if the deadline has passed, 400 if the invocation is unknown or the
// report echoes another hand-out.
func (e *Emulator) refusal(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if inv := e.running[id]; inv != nil && inv.stream != nil {
		return http.StatusForbidden
	}
	if status, ok := e.past.status[id]; ok {
		return status
	}
	return http.StatusBadRequest
}

// conclude logs the end of a claimed invocation and answers its caller.
func (e *Emulator) conclude(inv *invocation, a answer) {
	e.logEnd(inv, a)
	if inv.asynchronous {
		if inv.stream != nil {
			inv.stream.close(a)
		}
		e.settle(inv, a)
		return
	}
	e.mu.Lock()
	a.tail = inv.tail
	e.mu.Unlock()
	e.answered(inv, a)
	if inv.stream != nil {
		inv.stream.close(a)
		return
	}
	inv.answer <- a
}

// timedOutError is the type of the error of an invocation that missed its deadline.
const timedOutError = "Sandbox.Timedout"

// timeOut ends an invocation at its deadline.
func (e *Emulator) timeOut(inv *invocation) {
	if !e.claim(inv, http.StatusGone) {
		return // the report came first
	}
	if inv.stream != nil {
		inv.stream.stop(errTimedOut)
	}
	text := fmt.Sprintf("Task timed out after %.2f seconds", inv.timeout.Seconds())
	e.logNote(inv, text+"\n")
	e.conclude(inv, failed(timedOutError, "RequestId: "+inv.id+" Error: "+text))
}
