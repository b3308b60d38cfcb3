package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// startDelay is how long the start of a step or child context waits for what follows it. An operation
// that ends earlier costs one call instead of two.
const startDelay = 50 * time.Millisecond

// Recognise reports whether event is that of a durable execution. It looks at the first bytes only: the
// ARN is the first member of the event, and a plain function must not pay for this.
func Recognise(event []byte) bool {
	head := event[:min(len(event), 512)]
	return bytes.Contains(head, []byte(`"DurableExecutionArn"`))
}

// An Execution is one invocation of a durable execution. It is safe for concurrent use.
type Execution struct {
	client *Client
	log    *slog.Logger
	ctx    context.Context // ends at the deadline
	cancel context.CancelFunc
	arn    string

	mu         sync.Mutex
	token      string // of the next checkpoint; "" if there can be none
	operations map[string]*Operation
	order      []string // their ids
	input      []byte
	started    Timestamp
	buffer     []Update
	timer      *time.Timer     // sends the buffer
	waiting    map[string]bool // ids of the operations of which the handler knows that they wait
	stopped    error           // why nothing more can be stored
}

// errOver stops an execution that accepts no further checkpoints.
var errOver = errors.New("the execution accepts no further checkpoints")

// errDeadline is about a call that had not succeeded when the invocation's deadline was near.
var errDeadline = errors.New("the invocation's deadline is near")

// Begin reads the event of an invocation, and the state of its execution. What goes wrong is the result
// of Suspended. The context and the deadline, if not zero, bound all calls. The caller must call Close.
func Begin(ctx context.Context, deadline time.Time, c *Client, event []byte, log *slog.Logger) *Execution {
	x := &Execution{client: c, log: log, operations: map[string]*Operation{}, waiting: map[string]bool{}}
	if deadline.IsZero() {
		x.ctx, x.cancel = context.WithCancel(ctx)
	} else {
		x.ctx, x.cancel = context.WithDeadline(ctx, deadline)
	}
	var e Event
	if err := json.Unmarshal(event, &e); err != nil {
		x.stopped = final(runtimeapi.ErrorInvalidDurableEvent, "the event of the durable execution cannot be read: "+err.Error())
		return x
	}
	x.arn, x.token = e.DurableExecutionArn, e.CheckpointToken
	if x.arn == "" || x.token == "" {
		x.stopped = final(runtimeapi.ErrorInvalidDurableEvent, "the event of the durable execution has no DurableExecutionArn or no CheckpointToken")
		return x
	}
	x.log = log.With("execution", x.arn)
	x.stopped = x.merge(e.InitialExecutionState)
	return x
}

// Close frees what the execution holds.
func (x *Execution) Close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.disarm()
	x.cancel()
}

// Flush stores what is not stored yet.
func (x *Execution) Flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped == nil {
		x.flush()
	}
}

// Stopped reports whether the handler must not run, or not go on.
func (x *Execution) Stopped() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stopped != nil
}

// Input returns the payload with which the execution was started.
func (x *Execution) Input() []byte { return x.input }

// Frame returns the part of an invoke frame that describes the execution.
func (x *Execution) Frame() *protocol.Execution {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.waiting)
	return &protocol.Execution{ARN: x.arn, StartedMs: int64(x.started), Known: append([]string{}, x.order...)}
}

// merge takes operations, and those of further pages, into the state. The lock is held, or not needed
// yet.
func (x *Execution) merge(page State) error {
	for {
		for i := range page.Operations {
			x.take(&page.Operations[i])
		}
		if page.NextMarker == "" {
			return nil
		}
		marker := page.NextMarker
		page = State{}
		err := x.retry("state", func() (err error) {
			page, err = x.client.state(x.ctx, x.arn, x.token, marker)
			return err
		})
		if err != nil {
			return err
		}
	}
}

func (x *Execution) take(o *Operation) {
	if o.Type == TypeExecution {
		if o.ExecutionDetails != nil && o.ExecutionDetails.InputPayload != nil {
			x.input = []byte(*o.ExecutionDetails.InputPayload)
		}
		if o.StartTimestamp != 0 {
			x.started = o.StartTimestamp
		}
		return
	}
	if x.operations[o.ID] == nil {
		x.order = append(x.order, o.ID)
	}
	x.operations[o.ID] = o
}

// Operate looks up an operation, or stores it. It returns the outcome and its payload.
func (x *Execution) Operate(op protocol.Operation, payload []byte) (protocol.Outcome, []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	stop := protocol.Outcome{Stop: true}
	if x.stopped != nil {
		return stop, nil
	}
	label := op.Label()
	op.ID, op.Parent = wireID(op.ID), wireID(op.Parent)
	stored := x.operations[op.ID]
	if err := check(op, label, stored, payload); err != nil {
		x.stopped = err
		return stop, nil
	}
	before, beforePayload := outcomeOf(stored)
	switch {
	case op.Action == protocol.ActionGet:
	case op.Action == protocol.ActionStart && stored != nil && stored.Status != StatusReady:
		// nothing is stored
	default:
		lasting := op.Type == TypeStep || op.Type == TypeContext
		x.note(op, payload)
		x.buffer = append(x.buffer, update(op, payload))
		if op.Action == protocol.ActionStart && lasting && !op.Await {
			x.arm()
			return before, beforePayload
		}
		if x.flush(); x.stopped != nil {
			return stop, nil
		}
		if op.Action == protocol.ActionStart && lasting {
			return before, beforePayload
		}
		before, beforePayload = outcomeOf(x.operations[op.ID])
	}
	if o := x.operations[op.ID]; o != nil && o.Waits() {
		x.waiting[op.ID] = true
	}
	return before, beforePayload
}

// note changes the state as the update of an operation will. The lock is held.
func (x *Execution) note(op protocol.Operation, payload []byte) {
	o := x.operations[op.ID]
	if o == nil {
		o = &Operation{ID: op.ID, ParentID: op.Parent, Name: op.Name, Type: op.Type, SubType: op.SubType}
		x.take(o)
	}
	switch op.Action {
	case protocol.ActionStart:
		o.Status = StatusStarted
		return
	case protocol.ActionSucceed:
		o.Status = StatusSucceeded
	case protocol.ActionFail:
		o.Status = StatusFailed
	case protocol.ActionRetry:
		o.Status = StatusPending
	}
	switch op.Type {
	case TypeStep:
		attempt := 1
		if o.StepDetails != nil {
			attempt += o.StepDetails.Attempt
		}
		o.StepDetails = &StepDetails{Attempt: attempt, Result: text(payload), Error: errorObject(op.Error)}
	case TypeContext:
		o.ContextDetails = &ContextDetails{ReplayChildren: op.ReplayChildren, Result: text(payload), Error: errorObject(op.Error)}
	}
}

// arm makes the buffer be sent after startDelay. The lock is held.
func (x *Execution) arm() {
	if x.timer != nil {
		return
	}
	x.timer = time.AfterFunc(startDelay, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.timer != nil && x.stopped == nil {
			x.flush()
		}
	})
}

// disarm ends the timer of arm. The lock is held.
func (x *Execution) disarm() {
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
}

// outcomeOf returns what is stored of an operation, which may be nil, and its payload.
func outcomeOf(o *Operation) (outcome protocol.Outcome, payload []byte) {
	if o == nil {
		return outcome, nil
	}
	outcome.Status = o.Status
	result, failure := o.Result()
	if result != nil {
		payload = []byte(*result)
	}
	if failure != nil {
		outcome.Error = &protocol.ExecutionError{
			Type: failure.ErrorType, Message: failure.ErrorMessage, Data: failure.ErrorData, Stack: append([]string{}, failure.StackTrace...),
		}
	}
	switch {
	case o.StepDetails != nil:
		outcome.Attempt = o.StepDetails.Attempt
	case o.CallbackDetails != nil:
		outcome.CallbackID = o.CallbackDetails.CallbackID
	case o.ContextDetails != nil:
		outcome.ReplayChildren = o.ContextDetails.ReplayChildren
	}
	return outcome, payload
}

// difference returns how an operation differs from the one that is stored in its place, or "".
func difference(stored *Operation, op protocol.Operation) string {
	if stored == nil || stored.Type == op.Type && stored.SubType == op.SubType && stored.Name == op.Name {
		return ""
	}
	was := protocol.Operation{ID: stored.ID, SubType: stored.SubType, Name: stored.Name}
	if was.SubType == "" {
		was.SubType = stored.Type
	}
	return fmt.Sprintf("operation %s was %s and is now %s: the handler must call the same operations in the same order "+
		"in each replay. Put what it decides by into a step", stored.ID, was.Label(), op.Label())
}
