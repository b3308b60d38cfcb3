package durable

import (
	"maps"

	wire "lambda-r-runtime/durable"
)

// details are the details of an event, by AWS's names.
type details = map[string]any

// An event is an entry of the history of an execution.
type event struct {
	Type     string
	At       wire.Timestamp
	ID       string `json:",omitempty"`
	ParentID string `json:",omitempty"`
	Name     string `json:",omitempty"`
	SubType  string `json:",omitempty"`
	Details  details
}

// record adds an event, of an operation unless r is nil. The lock is held.
func (x *execution) record(typ string, r *record, d details) {
	e := event{Type: typ, At: wire.At(x.now()), Details: d}
	if r != nil {
		o := r.Operation
		e.ID, e.ParentID, e.Name, e.SubType = o.ID, o.ParentID, o.Name, o.SubType
	}
	x.Events = append(x.Events, e)
}

func resultDetails(payload *string) details {
	if payload == nil {
		return details{}
	}
	return details{"Payload": *payload, "Truncated": false}
}

func errorDetails(e *wire.ErrorObject) details {
	if e == nil {
		e = &wire.ErrorObject{}
	}
	return details{"Payload": e, "Truncated": false}
}

// view returns the event number id as the API has it. Without data, it has no payloads.
func (e event) view(id int, data bool) map[string]any {
	d := e.Details
	if !data {
		d = maps.Clone(d)
		for _, key := range []string{"Input", "Result", "Error"} {
			if _, ok := d[key]; ok {
				d[key] = details{"Truncated": true}
			}
		}
	}
	if d == nil {
		d = details{}
	}
	v := map[string]any{"EventType": e.Type, "EventId": id, "EventTimestamp": e.At, e.Type + "Details": d}
	for key, value := range map[string]string{"Id": e.ID, "ParentId": e.ParentID, "Name": e.Name, "SubType": e.SubType} {
		if value != "" {
			v[key] = value
		}
	}
	return v
}
