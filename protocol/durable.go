package protocol

import "fmt"

// The types of the frames of durable executions.
const (
	TypeOperation = "operation"
	TypeOutcome   = "outcome"
	TypeSuspend   = "suspend"
)

// Execution describes, in an invoke frame, the durable execution to which the invocation belongs.
type Execution struct {
	ARN       string   `json:"arn"`
	StartedMs int64    `json:"started_ms"` // Unix time in milliseconds; 0 if unknown
	Known     []string `json:"known"`      // the ids of the operations that are stored
}

// The actions of an Operation. ActionGet stores nothing. A start of an operation that is stored, and
// not READY, stores nothing either.
const (
	ActionGet     = "get"
	ActionStart   = "start"
	ActionSucceed = "succeed"
	ActionFail    = "fail"
	ActionRetry   = "retry"
)

// An Operation stores something of a durable execution, and looks up what is stored of it.
type Operation struct {
	ID      string `json:"id"`     // the operation's place, such as "2-1"
	Parent  string `json:"parent"` // the id of a CONTEXT, or ""
	Type    string `json:"type"`   // STEP, CONTEXT, WAIT, CALLBACK or CHAINED_INVOKE
	SubType string `json:"subtype"`
	Name    string `json:"name"` // "" if it has none
	Action  string `json:"action"`
	Await   bool   `json:"await"` // start: answer only when it is stored

	Error            *ExecutionError `json:"error"`             // fail, retry
	DelaySeconds     float64         `json:"delay_seconds"`     // retry
	WaitSeconds      float64         `json:"wait_seconds"`      // start of a WAIT
	TimeoutSeconds   float64         `json:"timeout_seconds"`   // start of a CALLBACK; 0 is no limit
	HeartbeatSeconds float64         `json:"heartbeat_seconds"` // likewise
	FunctionName     string          `json:"function_name"`     // start of a CHAINED_INVOKE
	TenantID         string          `json:"tenant_id"`         // likewise
	ReplayChildren   bool            `json:"replay_children"`   // succeed: the value is too large to be stored

	TooLarge *FrameTooLargeError `json:"-"` // the payload's size, if the worker has dropped it for that
}

// Label names the operation in error messages.
func (o Operation) Label() string {
	if o.Name == "" {
		return fmt.Sprintf("%s %s", o.SubType, o.ID)
	}
	return fmt.Sprintf("%s %q", o.SubType, o.Name)
}

// An ExecutionError is the error of an operation.
type ExecutionError struct {
	Type    string   `json:"type"`
	Message string   `json:"message"`
	Data    string   `json:"data,omitempty"`
	Stack   []string `json:"stack"`
}

// An Outcome is the answer to an operation: what is stored of it. For the start of a STEP or a CONTEXT
// that is what was stored before.
type Outcome struct {
	Type           string          `json:"type"`
	Status         string          `json:"status,omitempty"`  // "" if nothing is stored
	Attempt        int             `json:"attempt,omitempty"` // how many attempts have ended
	Error          *ExecutionError `json:"error,omitempty"`
	CallbackID     string          `json:"callback_id,omitempty"`
	ReplayChildren bool            `json:"replay_children,omitempty"`
	HasPayload     bool            `json:"has_payload"`
	Stop           bool            `json:"stop,omitempty"` // nothing more can be stored: the handler must end
}

// checkOperation returns an error if R may not send the operation.
func (r *Reply) checkOperation() error {
	switch o := r.Operation; {
	case r.ID == "":
		return &ProtocolError{Reason: "operation without an id"}
	case o == nil || o.ID == "" || o.Type == "" || o.SubType == "":
		return &ProtocolError{Reason: "operation frame without an operation"}
	case o.Action == ActionGet, o.Action == ActionStart, o.Action == ActionSucceed, o.Action == ActionRetry:
		return nil
	case o.Action == ActionFail && o.Error != nil:
		return nil
	default:
		return &ProtocolError{Reason: fmt.Sprintf("operation with the action %.40q", o.Action)}
	}
}
