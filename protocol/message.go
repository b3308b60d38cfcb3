package protocol

import "fmt"

// The types of control frames, as doc.go lists them.
const (
	TypeHello     = "hello"
	TypeInvoke    = "invoke"
	TypeShutdown  = "shutdown"
	TypeReady     = "ready"
	TypeInitError = "init_error"
	TypeLog       = "log"
	TypeResult    = "result"
	TypeError     = "error"
)

// Hello tells a new R process what to load.
type Hello struct {
	Type    string `json:"type"`
	Handler string `json:"handler"`
}

// NewHello returns the hello for handler.
func NewHello(handler string) Hello {
	return Hello{Type: TypeHello, Handler: handler}
}

// Invoke announces one invocation; its event follows as the payload. The fields
// are the headers of the Runtime API's /next; an absent one is empty.
type Invoke struct {
	Type          string `json:"type"`
	ID            string `json:"id"`
	DeadlineMs    int64  `json:"deadline_ms,omitempty"` // Unix time in milliseconds; 0: none
	FunctionARN   string `json:"invoked_function_arn,omitempty"`
	TraceID       string `json:"trace_id,omitempty"`
	ClientContext string `json:"client_context,omitempty"` // JSON text
	Identity      string `json:"identity,omitempty"`       // JSON text
	TenantID      string `json:"tenant_id,omitempty"`
}

// Shutdown asks R to run its shutdown hooks and to exit.
type Shutdown struct {
	Type string `json:"type"`
}

// NewShutdown returns the shutdown message.
func NewShutdown() Shutdown { return Shutdown{Type: TypeShutdown} }

// Reply is any control frame that R sends; which fields are set depends on Type.
type Reply struct {
	Type string `json:"type"`
	ID   string `json:"id"`

	Ready                // ready
	Record               // log
	Error  *HandlerError `json:"error"` // error, init_error; result: the handler failed, and this is what its caller gets
	RMs    float64       `json:"r_ms"`  // result, error: milliseconds spent in R

	// Size is the control frame's length in bytes, set by the Reader.
	Size int `json:"-"`
}

// Ready is what R says of itself once the handler is loaded.
type Ready struct {
	RVersion string   `json:"r_version"`
	Required []string `json:"required"` // the handler's arguments that have no default
}

// Record is one log record that R code made: a warning, a message, a lambda_log.
type Record struct {
	Level   string `json:"level"` // debug, info, warn or error
	Message string `json:"message"`
	Call    string `json:"call"` // the call that it came from, or ""

	Fields map[string]any `json:"fields"` // what else lambda_log was given
}

// check refuses a reply that is not one R may send. (An R vector of length one
// and a JSON array are easily confused in R; the decoder has refused those.)
func (r *Reply) check() error {
	switch r.Type {
	case TypeReady, TypeLog:
		return nil
	case TypeResult:
		if r.ID == "" {
			return &Violation{Reason: "result without an id"}
		}
		return nil
	case TypeError, TypeInitError:
		if r.Error == nil {
			return &Violation{Reason: r.Type + " without an error"}
		}
		if r.Type == TypeError && r.ID == "" {
			return &Violation{Reason: "error without an id"}
		}
		return nil
	default:
		return &Violation{Reason: fmt.Sprintf("unknown frame type %.40q", r.Type)}
	}
}
