package durable

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The types, statuses and actions of operations, as AWS names them.
const (
	TypeExecution     = "EXECUTION"
	TypeStep          = "STEP"
	TypeContext       = "CONTEXT"
	TypeWait          = "WAIT"
	TypeCallback      = "CALLBACK"
	TypeChainedInvoke = "CHAINED_INVOKE"

	StatusStarted   = "STARTED"
	StatusPending   = "PENDING"
	StatusReady     = "READY"
	StatusSucceeded = "SUCCEEDED"
	StatusFailed    = "FAILED"
	StatusCancelled = "CANCELLED"
	StatusTimedOut  = "TIMED_OUT"
	StatusStopped   = "STOPPED"

	ActionStart   = "START"
	ActionSucceed = "SUCCEED"
	ActionFail    = "FAIL"
	ActionRetry   = "RETRY"
	ActionCancel  = "CANCEL"
)

// Lambda's limits.
const (
	MaxID         = 64      // characters of an id
	MaxName       = 256     // characters of a name
	MaxPayload    = 262_144 // bytes of the payload of an operation
	MaxOperations = 3000    // of an execution

	MinWait, MaxWait = 1, 31_622_400 // seconds of a wait
)

// ValidName reports whether Lambda accepts the name of an operation, which may be empty.
func ValidName(name string) bool {
	return len(name) <= MaxName && !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' })
}

// An Event is what Lambda invokes a durable function with.
type Event struct {
	DurableExecutionArn   string
	CheckpointToken       string
	InitialExecutionState State
}

// A State is a page of operations.
type State struct {
	Operations []Operation
	NextMarker string `json:",omitempty"`
}

// An Operation is what Lambda stores of one.
type Operation struct {
	ID       string `json:"Id"`
	ParentID string `json:"ParentId,omitempty"`
	Name     string `json:",omitempty"`
	Type     string
	SubType  string `json:",omitempty"`
	Status   string

	StartTimestamp Timestamp `json:",omitzero"`
	EndTimestamp   Timestamp `json:",omitzero"`

	ExecutionDetails     *ExecutionDetails     `json:",omitempty"`
	ContextDetails       *ContextDetails       `json:",omitempty"`
	StepDetails          *StepDetails          `json:",omitempty"`
	WaitDetails          *WaitDetails          `json:",omitempty"`
	CallbackDetails      *CallbackDetails      `json:",omitempty"`
	ChainedInvokeDetails *ChainedInvokeDetails `json:",omitempty"`
}

// The details of an operation, by its type.
type (
	ExecutionDetails struct {
		InputPayload *string `json:",omitempty"`
	}
	ContextDetails struct {
		ReplayChildren bool         `json:",omitempty"`
		Result         *string      `json:",omitempty"`
		Error          *ErrorObject `json:",omitempty"`
	}
	StepDetails struct {
		Attempt              int          `json:",omitempty"` // how many attempts have ended
		NextAttemptTimestamp Timestamp    `json:",omitzero"`
		Result               *string      `json:",omitempty"`
		Error                *ErrorObject `json:",omitempty"`
	}
	WaitDetails struct {
		ScheduledEndTimestamp Timestamp `json:",omitzero"`
	}
	CallbackDetails struct {
		CallbackID string       `json:"CallbackId"`
		Result     *string      `json:",omitempty"`
		Error      *ErrorObject `json:",omitempty"`
	}
	ChainedInvokeDetails struct {
		Result *string      `json:",omitempty"`
		Error  *ErrorObject `json:",omitempty"`
	}
)

// Result returns the payload and the error that are stored of an operation.
func (o *Operation) Result() (*string, *ErrorObject) {
	switch {
	case o.ContextDetails != nil:
		return o.ContextDetails.Result, o.ContextDetails.Error
	case o.StepDetails != nil:
		return o.StepDetails.Result, o.StepDetails.Error
	case o.CallbackDetails != nil:
		return o.CallbackDetails.Result, o.CallbackDetails.Error
	case o.ChainedInvokeDetails != nil:
		return o.ChainedInvokeDetails.Result, o.ChainedInvokeDetails.Error
	}
	return nil, nil
}

// Waits reports whether an execution may be suspended for the operation.
func (o *Operation) Waits() bool {
	switch o.Type {
	case TypeStep:
		return o.Status == StatusPending
	case TypeWait, TypeCallback, TypeChainedInvoke:
		return o.Status == StatusStarted
	}
	return false
}

// An ErrorObject is an error as Lambda stores it.
type ErrorObject struct {
	ErrorType    string   `json:",omitempty"`
	ErrorMessage string   `json:",omitempty"`
	ErrorData    string   `json:",omitempty"`
	StackTrace   []string `json:",omitempty"`
}

// An Update stores something of an operation.
type Update struct {
	ID       string `json:"Id"`
	ParentID string `json:"ParentId,omitempty"`
	Name     string `json:",omitempty"`
	Type     string
	SubType  string `json:",omitempty"`
	Action   string

	Payload *string      `json:",omitempty"`
	Error   *ErrorObject `json:",omitempty"`

	ContextOptions       *ContextOptions       `json:",omitempty"`
	StepOptions          *StepOptions          `json:",omitempty"`
	WaitOptions          *WaitOptions          `json:",omitempty"`
	CallbackOptions      *CallbackOptions      `json:",omitempty"`
	ChainedInvokeOptions *ChainedInvokeOptions `json:",omitempty"`
}

// The options of an update, by the type of its operation.
type (
	ContextOptions struct{ ReplayChildren bool }
	StepOptions    struct{ NextAttemptDelaySeconds int }
	WaitOptions    struct{ WaitSeconds int }

	CallbackOptions struct {
		TimeoutSeconds          int `json:",omitempty"`
		HeartbeatTimeoutSeconds int `json:",omitempty"`
	}
	ChainedInvokeOptions struct {
		FunctionName string
		TenantID     string `json:"TenantId,omitempty"`
	}
)

// size is about what an update adds to a request, in bytes.
func (u *Update) size() int {
	n := 400 + len(u.Name)
	if u.Payload != nil {
		n += len(*u.Payload) + len(*u.Payload)/8 // quotes and line breaks are escaped
	}
	if u.Error != nil {
		n += len(u.Error.ErrorMessage) + len(u.Error.ErrorData)
		for _, line := range u.Error.StackTrace {
			n += len(line) + 4
		}
	}
	return n
}

// A CheckpointRequest is the body of CheckpointDurableExecution.
type CheckpointRequest struct {
	CheckpointToken string
	ClientToken     string `json:",omitempty"`
	Updates         []Update
}

// A CheckpointReply is the answer to that.
type CheckpointReply struct {
	CheckpointToken   string `json:",omitempty"`
	NewExecutionState State
}

// An Answer is the result of an invocation of a durable function.
type Answer struct {
	Status string       // SUCCEEDED, FAILED or PENDING
	Result *string      `json:",omitempty"`
	Error  *ErrorObject `json:",omitempty"`
}

// A Timestamp is a Unix time in milliseconds. As JSON it is a number of seconds. It is read from a
// number of seconds or milliseconds, or from RFC 3339, because Lambda's own SDKs disagree.
type Timestamp int64

// At returns the timestamp of t.
func At(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time returns the time of the timestamp.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)) }

// MarshalJSON returns seconds with three decimals.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t)/1000, 'f', 3, 64), nil
}

// largestSeconds tells seconds from milliseconds: in seconds it is the year 5138, in milliseconds 1973.
const largestSeconds = 1e11

// UnmarshalJSON reads any of the forms.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var n float64
	if err := json.Unmarshal(text, &n); err == nil {
		if n < largestSeconds {
			n *= 1000
		}
		*t = Timestamp(n)
		return nil
	}
	var at time.Time
	if err := json.Unmarshal(text, &at); err != nil {
		return fmt.Errorf("timestamp %.40s: want a number or RFC 3339", text)
	}
	*t = At(at)
	return nil
}
