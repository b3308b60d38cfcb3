package durable

import (
	"encoding/json"
	"strconv"

	wire "lambda-r-runtime/durable"
)

// event returns the event of the next invocation, and makes its token. The lock is held.
func (x *execution) event() []byte {
	x.Tokens++
	x.Delivered = x.Changes
	body, err := json.Marshal(wire.Event{
		DurableExecutionArn: x.ARN, CheckpointToken: x.token(x.Tokens), InitialExecutionState: x.page(0, 0),
	})
	if err != nil {
		panic(err) // strings and numbers cannot fail
	}
	return body
}

// operations returns what the handler sees of the execution: the EXECUTION first, and no children of
// contexts that have ended, unless they replay these. The lock is held.
func (x *execution) operations() []wire.Operation {
	all := []wire.Operation{{
		ID: x.ID, Name: x.Name, Type: wire.TypeExecution, Status: wire.StatusStarted, StartTimestamp: wire.At(x.Start),
		ExecutionDetails: &wire.ExecutionDetails{InputPayload: &x.Input},
	}}
	for _, r := range x.Records {
		if !x.hidden(r) {
			all = append(all, r.Operation)
		}
	}
	return all
}

// hidden reports whether a record is in a context that has ended. The lock is held.
func (x *execution) hidden(r *record) bool {
	for parent := x.byID[r.Operation.ParentID]; parent != nil; parent = x.byID[parent.Operation.ParentID] {
		d := parent.Operation.ContextDetails
		if d != nil && !d.ReplayChildren {
			return true
		}
	}
	return false
}

// page returns the operations from number start on: at most max of them, if that is not 0, and about as
// many bytes as a page has. The lock is held.
func (x *execution) page(start, max int) wire.State {
	all := x.operations()
	page := wire.State{Operations: []wire.Operation{}}
	size := 0
	for i := min(start, len(all)); i < len(all); i++ {
		size += sizeOf(&all[i])
		if n := len(page.Operations); n > 0 && (size > x.backend.config.PageSize || max > 0 && n == max) {
			page.NextMarker = strconv.Itoa(i)
			break
		}
		page.Operations = append(page.Operations, all[i])
	}
	return page
}

// sizeOf is about the size of an operation in bytes.
func sizeOf(o *wire.Operation) int {
	n := 300 + len(o.Name)
	result, failure := o.Result()
	if o.ExecutionDetails != nil {
		result = o.ExecutionDetails.InputPayload
	}
	if result != nil {
		n += len(*result)
	}
	if failure != nil {
		n += len(failure.ErrorMessage) + len(failure.ErrorData)
	}
	return n
}
