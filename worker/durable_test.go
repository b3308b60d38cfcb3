package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

func init() {
	// The answer is the outcome of an operation and its payload; the event is the payload that it sends.
	roles["operate"] = func(f *fake) {
		f.Start()
		for {
			id, event := f.Next()
			f.Operation(id, protocol.Operation{ID: "1", Type: "STEP", SubType: "Step", Action: protocol.ActionSucceed}, event)
			var outcome protocol.Outcome
			faker.Check(json.Unmarshal(f.Receive(), &outcome))
			payload := f.Receive()
			if outcome.Stop {
				f.Send(protocol.Reply{Type: protocol.TypeSuspend, ID: id})
				continue
			}
			f.Result(id, fmt.Appendf(nil, `"%s %s"`, outcome.Status, payload))
		}
	}
}

func TestOperations(t *testing.T) {
	w, _ := spawnFake(t, "operate")
	got := ""
	inv := protocol.Invoke{Type: protocol.TypeInvoke, ID: "1", Durable: &protocol.Execution{ARN: "a"}}
	inv.Operate = func(op protocol.Operation, payload []byte) (protocol.Outcome, []byte) {
		got = op.ID + " " + op.Action + " " + string(payload)
		return protocol.Outcome{Status: "SUCCEEDED"}, []byte("6")
	}
	answer, err := w.Invoke(inv, []byte("5"), nil)
	if err != nil || string(answer.Payload) != `"SUCCEEDED 6"` || answer.Suspend || got != "1 succeed 5" {
		t.Errorf("answer %s, %v, operation %q", answer.Payload, err, got)
	}
	inv.Operate = func(protocol.Operation, []byte) (protocol.Outcome, []byte) { return protocol.Outcome{Stop: true}, nil }
	if answer, err = w.Invoke(inv, []byte("5"), nil); err != nil || !answer.Suspend || answer.Payload != nil {
		t.Errorf("answer %+v, %v, want a suspend", answer, err)
	}
}

// R must not send operations if the invocation belongs to no execution.
func TestOperationWithoutExecution(t *testing.T) {
	w, _ := spawnFake(t, "operate")
	_, err := w.Invoke(protocol.Invoke{Type: protocol.TypeInvoke, ID: "1"}, []byte("5"), nil)
	if _, ok := errors.AsType[*protocol.ProtocolError](err); !ok {
		t.Errorf("error %v, want a protocol error", err)
	}
}
