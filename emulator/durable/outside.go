package durable

import (
	"cmp"
	"fmt"
	"time"

	wire "lambda-r-runtime/durable"
	"lambda-r-runtime/emulator"
)

// answer ends the callback id: with an error if that is not nil, or else with a result.
func (b *Backend) answer(id string, result *string, e *wire.ErrorObject) *refusal {
	x, r, refused := b.callback(id)
	if refused != nil {
		return refused
	}
	defer x.mu.Unlock()
	o := &r.Operation
	x.changed(r)
	o.EndTimestamp = wire.At(x.now())
	if e != nil {
		o.Status, o.CallbackDetails.Error = wire.StatusFailed, e
		x.record("CallbackFailed", r, details{"Error": errorDetails(e)})
	} else {
		o.Status, o.CallbackDetails.Result = wire.StatusSucceeded, result
		x.record("CallbackSucceeded", r, details{"Result": resultDetails(result)})
	}
	x.kick()
	x.save()
	return nil
}

// heartbeat begins the heartbeat interval of the callback id again.
func (b *Backend) heartbeat(id string) *refusal {
	x, r, refused := b.callback(id)
	if refused != nil {
		return refused
	}
	defer x.mu.Unlock()
	if r.BeatSeconds > 0 {
		r.Heartbeat = x.now().Add(time.Duration(r.BeatSeconds) * time.Second)
		x.schedule()
	}
	x.save()
	return nil
}

// callback returns an open callback, with the lock of its execution held.
func (b *Backend) callback(id string) (*execution, *record, *refusal) {
	b.mu.Lock()
	x := b.callbacks[id]
	b.mu.Unlock()
	if x == nil {
		return nil, nil, &refusal{404, "ResourceNotFoundException", "there is no callback with this id"}
	}
	x.mu.Lock()
	if x.completeDue() {
		x.kick()
	}
	for _, r := range x.Records {
		if d := r.Operation.CallbackDetails; d != nil && d.CallbackID == id && r.Operation.Status == wire.StatusStarted && !x.ended() {
			return x, r, nil
		}
	}
	x.mu.Unlock()
	return nil, nil, &refusal{400, "CallbackTimeoutException", "the callback was answered before, or has timed out"}
}

// Skip lets a wait or a pause end now.
func (x *execution) skip(id string) *refusal {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.byID[id]
	if r == nil || r.due().IsZero() || x.ended() {
		return invalid("operation %.64q waits for no time", id)
	}
	x.complete(r)
	x.kick()
	x.save()
	return nil
}

// startChained invokes another function. The lock is held.
func (x *execution) startChained(r *record, u *wire.Update) {
	if u.Action == wire.ActionCancel {
		return
	}
	r.FunctionName = u.ChainedInvokeOptions.FunctionName
	if u.Payload != nil {
		r.FunctionInput = *u.Payload
	}
	r.Operation.ChainedInvokeDetails = &wire.ChainedInvokeDetails{}
	d := details{
		"FunctionName": r.FunctionName, "Input": details{"Payload": r.FunctionInput, "Truncated": false},
		"ExecutedVersion": "$LATEST", "DurableExecutionArn": x.ARN,
	}
	if u.ChainedInvokeOptions.TenantID != "" {
		d["TenantId"] = u.ChainedInvokeOptions.TenantID
	}
	x.record("ChainedInvokeStarted", r, d)
	x.chain(r)
}

// maxDepth is how many executions may wait for one another, each for the next. Lambda's detection of
// recursive loops also stops functions after about 16 invocations in a row.
const maxDepth = 16

// chain runs the function of a chained invoke. The lock is held.
func (x *execution) chain(r *record) {
	x.chained++
	function, input, name := emulator.FunctionName(r.FunctionName), r.FunctionInput, x.ID+"-"+r.Operation.ID
	b, depth := x.backend, x.Depth+1
	b.spawn(func() {
		o := b.call(function, name, []byte(input), depth)
		if b.ctx.Err() != nil {
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		// Lambda takes a moment to invoke a function. Here its end is recorded after the invocation that
		// has asked for it.
		if x.running {
			x.deferred = append(x.deferred, func() { x.endChained(r, o) })
			return
		}
		x.endChained(r, o)
		x.save()
	})
}

// A chainedEnd is how a function that an execution has invoked ended.
type chainedEnd struct {
	status  string
	result  *string
	failure *wire.ErrorObject
}

// endChained records the end of a chained invoke, and invokes the function. The lock is held.
func (x *execution) endChained(r *record, end chainedEnd) {
	x.chained--
	if x.ended() {
		return
	}
	o := &r.Operation
	x.changed(r)
	o.Status, o.EndTimestamp = end.status, wire.At(x.now())
	o.ChainedInvokeDetails.Result, o.ChainedInvokeDetails.Error = end.result, end.failure
	switch end.status {
	case wire.StatusSucceeded:
		x.record("ChainedInvokeSucceeded", r, details{"Result": resultDetails(end.result)})
	case wire.StatusTimedOut:
		x.record("ChainedInvokeTimedOut", r, details{"Error": errorDetails(end.failure)})
	case wire.StatusStopped:
		x.record("ChainedInvokeStopped", r, details{"Error": errorDetails(end.failure)})
	default:
		x.record("ChainedInvokeFailed", r, details{"Error": errorDetails(end.failure)})
	}
	x.kick()
}

// call invokes a function for an execution, and waits for its end.
func (b *Backend) call(function, name string, input []byte, depth int) chainedEnd {
	failed := func(errorType, message string) chainedEnd {
		return chainedEnd{wire.StatusFailed, nil, &wire.ErrorObject{ErrorType: errorType, ErrorMessage: message}}
	}
	if depth > maxDepth {
		return failed("RecursiveInvocationException", fmt.Sprintf("%d executions wait for one another, each for the next: "+
			"does %s invoke itself, or a function that invokes it?", maxDepth, function))
	}
	f, err := b.find(function)
	if err != nil {
		return failed("ResourceNotFoundException", err.Error())
	}
	if !f.Durable {
		r, err := f.Invoke(b.ctx, input)
		if err != nil {
			return failed("Lambda.Unavailable", err.Error())
		}
		if r.FunctionError {
			return chainedEnd{wire.StatusFailed, nil, functionError(r.Body)}
		}
		text := string(r.Body)
		return chainedEnd{wire.StatusSucceeded, &text, nil}
	}
	child, err := b.start(function, shorten(name), input, depth)
	if err != nil {
		return failed("InvalidParameterValueException", err.Error())
	}
	if b.await(b.ctx, child) != nil {
		return chainedEnd{} // it is invoked again when the executions continue
	}
	child.mu.Lock()
	defer child.mu.Unlock()
	failure := child.Error
	if child.Status != wire.StatusSucceeded {
		failure = cmp.Or(failure, &wire.ErrorObject{ErrorType: child.Status})
	}
	return chainedEnd{child.Status, child.Result, failure}
}

// shorten returns a name of at most 64 characters that is as unique as name.
func shorten(name string) string {
	if len(name) <= 64 {
		return name
	}
	return name[:36] + name[len(name)-28:]
}
