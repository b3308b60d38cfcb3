package durable

import (
	"encoding/json"
	"errors"
	"path"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxAnswer is the size of the largest answer, in bytes, that Lambda's own SDKs send. Larger results are
// stored with a checkpoint.
const maxAnswer = 6<<20 - 50

// Again reports whether the handler, which was suspended, should run once more at once: something that it
// waits for has ended.
func (x *Execution) Again() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.flush()
	if x.stopped == nil && !x.news() && !x.waits() {
		x.store(nil) // everything may have ended since the last checkpoint
	}
	return x.stopped == nil && x.news()
}

// news reports whether something has ended of which the handler knows that it waits. The lock is held.
func (x *Execution) news() bool {
	for id := range x.waiting {
		if !x.operations[id].Waits() {
			return true
		}
	}
	return false
}

// waits reports whether the execution may be suspended. The lock is held.
func (x *Execution) waits() bool {
	for _, o := range x.operations {
		if o.Waits() {
			return true
		}
	}
	return false
}

// Suspended returns the answer to an invocation whose handler waits or was stopped. An error means that
// Lambda must invoke the function again; report it.
func (x *Execution) Suspended() (Answer, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.flush()
	if x.stopped == nil && !x.waits() {
		x.stopped = final(runtimeapi.ErrorNothingPending, "the handler was suspended, and the execution waits for nothing")
	}
	if x.stopped == nil || errors.Is(x.stopped, errOver) {
		return Answer{Status: StatusPending}, nil
	}
	return x.refusal()
}

// refusal returns the answer that stopped stands for. The lock is held.
func (x *Execution) refusal() (Answer, error) {
	if f, ok := errors.AsType[*failure](x.stopped); ok {
		return Answer{Status: StatusFailed, Error: &ErrorObject{ErrorType: f.typ, ErrorMessage: f.text}}, nil
	}
	return Answer{}, x.stopped
}

// Succeeded returns the answer to an invocation whose handler has returned a result. An error is as in
// Suspended.
func (x *Execution) Succeeded(result []byte) (Answer, error) {
	return x.end(Answer{Status: StatusSucceeded, Result: text(result)}, Update{Action: ActionSucceed, Payload: text(result)})
}

// Failed returns the answer to an invocation whose handler has failed. An error is as in Suspended.
func (x *Execution) Failed(e ErrorObject) (Answer, error) {
	return x.end(Answer{Status: StatusFailed, Error: &e}, Update{Action: ActionFail, Error: &e})
}

// end returns the answer a, or one without its content if that is too large: then u stores it.
func (x *Execution) end(a Answer, u Update) (Answer, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.flush()
	if x.stopped == nil && len(a.Encode()) > maxAnswer {
		u.ID, u.Type = path.Base(x.arn), TypeExecution
		x.store([]Update{u})
		a = Answer{Status: a.Status}
		if a.Status == StatusSucceeded {
			empty := ""
			a.Result = &empty
		}
	}
	if x.stopped != nil && !errors.Is(x.stopped, errOver) {
		return x.refusal()
	}
	return a, nil
}

// Encode returns the JSON of the answer.
func (a Answer) Encode() []byte {
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings cannot fail
	}
	return body
}
