package durable

import (
	"time"

	wire "lambda-r-runtime/durable"
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

// chain runs the function of a chained invoke. The lock is held.
func (x *execution) chain(r *record) {
	x.chained++
	function, input, name := functionName(r.FunctionName), r.FunctionInput, x.ID+"-"+r.Operation.ID
	b := x.backend
	b.spawn(func() {
		result, failure := b.call(function, name, []byte(input))
		if b.ctx.Err() != nil {
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		// Lambda takes a moment to invoke a function. Here its end is recorded after the invocation that
		// has asked for it.
		if x.running {
			x.deferred = append(x.deferred, func() { x.endChained(r, result, failure) })
			return
		}
		x.endChained(r, result, failure)
		x.save()
	})
}

// endChained records the end of a chained invoke, and invokes the function. The lock is held.
func (x *execution) endChained(r *record, result *string, failure *wire.ErrorObject) {
	x.chained--
	if x.ended() {
		return
	}
	o := &r.Operation
	x.changed(r)
	o.EndTimestamp = wire.At(x.now())
	if failure != nil {
		o.Status, o.ChainedInvokeDetails.Error = wire.StatusFailed, failure
		x.record("ChainedInvokeFailed", r, details{"Error": errorDetails(failure)})
	} else {
		o.Status, o.ChainedInvokeDetails.Result = wire.StatusSucceeded, result
		x.record("ChainedInvokeSucceeded", r, details{"Result": resultDetails(result)})
	}
	x.kick()
}

// call invokes a function for another one, and waits for its end.
func (b *Backend) call(function, name string, input []byte) (*string, *wire.ErrorObject) {
	if b.plain(function) {
		r, err := b.config.Invoke(b.ctx, function, input)
		if err != nil {
			return nil, &wire.ErrorObject{ErrorType: "Lambda.Unavailable", ErrorMessage: err.Error()}
		}
		if r.FunctionError {
			return nil, functionError(r.Body)
		}
		text := string(r.Body)
		return &text, nil
	}
	child, err := b.start(function, shorten(name), input)
	if err != nil {
		return nil, &wire.ErrorObject{ErrorType: "InvalidParameterValueException", ErrorMessage: err.Error()}
	}
	select {
	case <-child.done:
	case <-b.ctx.Done():
		return nil, &wire.ErrorObject{ErrorMessage: b.ctx.Err().Error()}
	}
	child.mu.Lock()
	defer child.mu.Unlock()
	if child.Status != wire.StatusSucceeded {
		if child.Error == nil {
			return nil, &wire.ErrorObject{ErrorType: child.Status}
		}
		return nil, child.Error
	}
	return child.Result, nil
}

// shorten returns a name of at most 64 characters that is as unique as name.
func shorten(name string) string {
	if len(name) <= 64 {
		return name
	}
	return name[:36] + name[len(name)-28:]
}
