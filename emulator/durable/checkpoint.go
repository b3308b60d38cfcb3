package durable

import (
	"encoding/base64"
	"fmt"
	"time"

	wire "lambda-r-runtime/durable"
)

// A refusal is why a call of the API fails.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func invalid(format string, a ...any) *refusal {
	return &refusal{400, "InvalidParameterValueException", fmt.Sprintf(format, a...)}
}

// checkToken refuses a token that is not the last one, and any token once the execution has ended. The
// lock is held.
func (x *execution) checkToken(token string) *refusal {
	switch {
	case x.ended():
		return invalid("the execution has ended with the status %s", x.Status)
	case token != x.token(x.Tokens) || !x.running:
		return invalid("Invalid checkpoint token: another one was issued")
	}
	return nil
}

// checkpoint stores updates and returns what has changed.
func (x *execution) checkpoint(r wire.CheckpointRequest) (*wire.CheckpointReply, *refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.ClientToken != "" && r.ClientToken == x.lastToken && r.CheckpointToken == x.lastUsed && !x.ended() {
		return x.lastReply, nil // the reply to the same call was lost
	}
	if refused := x.checkToken(r.CheckpointToken); refused != nil {
		return nil, refused
	}
	if refused := x.validate(r.Updates); refused != nil {
		return nil, refused
	}
	for i := range r.Updates {
		x.apply(&r.Updates[i])
	}
	x.completeDue()
	x.Tokens++
	reply := &wire.CheckpointReply{CheckpointToken: x.token(x.Tokens)}
	for _, rec := range x.Records {
		if rec.Change > x.Delivered {
			reply.NewExecutionState.Operations = append(reply.NewExecutionState.Operations, rec.Operation)
		}
	}
	x.Delivered = x.Changes
	x.lastToken, x.lastUsed, x.lastReply = r.ClientToken, r.CheckpointToken, reply
	x.save()
	return reply, nil
}

// apply stores an update, which is valid. The lock is held.
func (x *execution) apply(u *wire.Update) {
	if u.Type == wire.TypeExecution {
		x.Result, x.Error = u.Payload, u.Error
		return
	}
	r := x.byID[u.ID]
	if r == nil {
		r = &record{Operation: wire.Operation{
			ID: u.ID, ParentID: u.ParentID, Name: u.Name, Type: u.Type, SubType: u.SubType, StartTimestamp: wire.At(x.now()),
		}}
		x.byID[u.ID] = r
		x.Records = append(x.Records, r)
	}
	x.changed(r)
	o := &r.Operation
	switch u.Action {
	case wire.ActionStart:
		o.Status = wire.StatusStarted
	case wire.ActionSucceed:
		o.Status, o.EndTimestamp = wire.StatusSucceeded, wire.At(x.now())
	case wire.ActionFail:
		o.Status, o.EndTimestamp = wire.StatusFailed, wire.At(x.now())
	case wire.ActionRetry:
		o.Status = wire.StatusPending
	case wire.ActionCancel:
		o.Status, o.EndTimestamp = wire.StatusCancelled, wire.At(x.now())
	}
	switch o.Type {
	case wire.TypeStep:
		x.applyStep(r, u)
	case wire.TypeContext:
		x.applyContext(r, u)
	case wire.TypeWait:
		x.applyWait(r, u)
	case wire.TypeCallback:
		x.startCallback(r, u)
	case wire.TypeChainedInvoke:
		x.startChained(r, u)
	}
}

func (x *execution) applyStep(r *record, u *wire.Update) {
	o := &r.Operation
	if o.StepDetails == nil {
		o.StepDetails = &wire.StepDetails{}
	}
	d := o.StepDetails
	if u.Action == wire.ActionStart {
		x.record("StepStarted", r, nil)
		return
	}
	d.Attempt++
	d.Result, d.Error = u.Payload, u.Error
	retry := details{"CurrentAttempt": d.Attempt}
	if u.Action == wire.ActionRetry {
		delay := u.StepOptions.NextAttemptDelaySeconds
		retry["NextAttemptDelaySeconds"] = delay
		r.Due = x.now().Add(time.Duration(delay) * time.Second)
		d.NextAttemptTimestamp = wire.At(r.Due)
	}
	if u.Error != nil {
		x.record("StepFailed", r, details{"Error": errorDetails(u.Error), "RetryDetails": retry})
		return
	}
	x.record("StepSucceeded", r, details{"Result": resultDetails(u.Payload), "RetryDetails": retry})
}

func (x *execution) applyContext(r *record, u *wire.Update) {
	switch u.Action {
	case wire.ActionStart:
		x.record("ContextStarted", r, nil)
		return
	case wire.ActionSucceed:
		x.record("ContextSucceeded", r, details{"Result": resultDetails(u.Payload)})
	default:
		x.record("ContextFailed", r, details{"Error": errorDetails(u.Error)})
	}
	replay := u.ContextOptions != nil && u.ContextOptions.ReplayChildren
	r.Operation.ContextDetails = &wire.ContextDetails{ReplayChildren: replay, Result: u.Payload, Error: u.Error}
}

func (x *execution) applyWait(r *record, u *wire.Update) {
	if u.Action == wire.ActionCancel {
		x.record("WaitCancelled", r, nil)
		return
	}
	r.WaitSeconds = u.WaitOptions.WaitSeconds
	r.Due = x.now().Add(time.Duration(r.WaitSeconds) * time.Second)
	r.Operation.WaitDetails = &wire.WaitDetails{ScheduledEndTimestamp: wire.At(r.Due)}
	x.record("WaitStarted", r, details{"Duration": r.WaitSeconds, "ScheduledEndTimestamp": wire.At(r.Due)})
}

func (x *execution) startCallback(r *record, u *wire.Update) {
	id := base64.StdEncoding.EncodeToString([]byte(x.ID + " " + u.ID))
	r.Operation.CallbackDetails = &wire.CallbackDetails{CallbackID: id}
	d := details{"CallbackId": id}
	if u.CallbackOptions != nil {
		if n := u.CallbackOptions.TimeoutSeconds; n > 0 {
			r.Timeout = x.now().Add(time.Duration(n) * time.Second)
			d["Timeout"] = n
		}
		if n := u.CallbackOptions.HeartbeatTimeoutSeconds; n > 0 {
			r.BeatSeconds = n
			r.Heartbeat = x.now().Add(time.Duration(n) * time.Second)
			d["HeartbeatTimeout"] = n
		}
	}
	x.backend.mu.Lock()
	x.backend.callbacks[id] = x
	x.backend.mu.Unlock()
	x.record("CallbackStarted", r, d)
}
