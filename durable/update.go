package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// wireID returns the id of an operation as Lambda accepts it.
func wireID(id string) string {
	if len(id) <= MaxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// check returns why an operation must not be stored: it fails the execution, because no retry can
// correct it.
func check(op protocol.Operation, label string, stored *Operation, payload []byte) error {
	if different := difference(stored, op); different != "" {
		return final("NonDeterministicExecution", different)
	}
	invalid := func(format string, a ...any) error {
		return final(runtimeapi.ErrorInvalidOperation, label+": "+fmt.Sprintf(format, a...))
	}
	switch {
	case !ValidName(op.Name):
		return invalid("the name must be 1 to %d printable ASCII characters", MaxName)
	case op.TooLarge != nil:
		return tooLarge(label, op.TooLarge.Size)
	case len(payload) > MaxPayload:
		return tooLarge(label, int64(len(payload)))
	case op.Action != protocol.ActionStart:
	case op.Type == TypeWait && (op.WaitSeconds < MinWait || op.WaitSeconds > MaxWait):
		return invalid("it waits for %v seconds, and Lambda waits from 1 second to 366 days", op.WaitSeconds)
	case op.Type == TypeChainedInvoke && op.FunctionName == "":
		return invalid("the name of the function is empty")
	}
	return nil
}

func tooLarge(label string, size int64) error {
	return final(runtimeapi.ErrorPayloadTooLarge, fmt.Sprintf(
		"%s: the payload has %d bytes, and Lambda stores at most %d: keep it in S3 and pass the key", label, size, MaxPayload))
}

// update returns what stores an operation.
func update(op protocol.Operation, payload []byte) Update {
	u := Update{
		ID: op.ID, ParentID: op.Parent, Name: op.Name, Type: op.Type, SubType: op.SubType, Action: strings.ToUpper(op.Action),
		Payload: text(payload), Error: errorObject(op.Error),
	}
	seconds := func(s float64) int { return int(math.Ceil(s)) }
	switch {
	case op.Action == protocol.ActionRetry:
		u.StepOptions = &StepOptions{max(1, seconds(op.DelaySeconds))}
	case op.Type == TypeContext && op.ReplayChildren:
		u.ContextOptions = &ContextOptions{ReplayChildren: true}
	case op.Action != protocol.ActionStart:
	case op.Type == TypeWait:
		u.WaitOptions = &WaitOptions{seconds(op.WaitSeconds)}
	case op.Type == TypeCallback && (op.TimeoutSeconds > 0 || op.HeartbeatSeconds > 0):
		u.CallbackOptions = &CallbackOptions{seconds(op.TimeoutSeconds), seconds(op.HeartbeatSeconds)}
	case op.Type == TypeChainedInvoke:
		u.ChainedInvokeOptions = &ChainedInvokeOptions{op.FunctionName, op.TenantID}
	}
	return u
}

func text(payload []byte) *string {
	if payload == nil {
		return nil
	}
	s := string(payload)
	return &s
}

func errorObject(e *protocol.ExecutionError) *ErrorObject {
	if e == nil {
		return nil
	}
	return &ErrorObject{ErrorType: e.Type, ErrorMessage: e.Message, ErrorData: e.Data, StackTrace: e.Stack}
}
