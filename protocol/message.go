package protocol

import (
	"fmt"
	"strings"
)

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
	TypeChunk     = "chunk"
	TypeEnd       = "end"
	TypeAck       = "ack"
)

// Hello tells a new R process what to load.
type Hello struct {
	Type    string `json:"type"`
	Handler string `json:"handler"`
	Timing  bool   `json:"timing,omitempty"` // log how long each library() and source() call takes
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

// Ack answers a log record, or a chunk of a streamed response.
type Ack struct {
	Type string `json:"type"`
	Gone string `json:"gone,omitempty"` // why nobody takes the stream any more; empty: go on
}

// NewAck returns the answer to a record that is in the log, to a chunk that was passed on,
// or, with an error, to one that was not.
func NewAck(err error) Ack {
	ack := Ack{Type: TypeAck}
	if err != nil {
		ack.Gone = err.Error()
	}
	return ack
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

	Ready                    // ready
	Record                   // log
	StreamHead               // chunk, the first one
	Error      *HandlerError `json:"error"` // error, init_error, end; result: the handler failed, and this is what its caller gets
	RMs        float64       `json:"r_ms"`  // result, error, end: milliseconds spent in R

	// Size is the control frame's length in bytes, set by the Reader.
	Size int `json:"-"`
}

// Ready is what R says of itself once the handler is loaded.
type Ready struct {
	RVersion string   `json:"r_version"`
	Required []string `json:"required"` // the handler's arguments that have no default

	InitMs  float64       `json:"init_ms"` // milliseconds that the handler's file took, or its package
	Slowest []PackageLoad `json:"slowest"` // what took most of them, the slowest first
}

// A PackageLoad is a call in the handler's file that loaded packages.
type PackageLoad struct {
	Package string  `json:"package"` // or several, as in "dplyr, tidyr"
	Ms      float64 `json:"ms"`
}

// Record is one log record that R code made: a warning, a message, a lambda_log.
type Record struct {
	Level   string `json:"level"` // trace, debug, info, warn, error or fatal
	Message string `json:"message"`
	Call    string `json:"call"` // the call that it came from, or ""

	Fields map[string]any `json:"fields"` // what else lambda_log was given
}

// StreamHead is what comes before a streamed response.
type StreamHead struct {
	ContentType string   `json:"content_type"` // where there is no prelude
	Prelude     *Prelude `json:"prelude"`      // on HTTP sources
}

// Prelude is the head of an HTTP response.
type Prelude struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Cookies    []string          `json:"cookies"` // whole Set-Cookie values
}

// check refuses a reply that is not one R may send. (An R vector of length one
// and a JSON array are easily confused in R; the decoder has refused those.)
func (r *Reply) check() error {
	switch r.Type {
	case TypeReady, TypeLog:
		return nil
	case TypeResult, TypeEnd:
		if r.ID == "" {
			return &ProtocolError{Reason: r.Type + " without an id"}
		}
		return nil
	case TypeChunk:
		if r.ID == "" {
			return &ProtocolError{Reason: "chunk without an id"}
		}
		// net/http would refuse it, too, but when it is too late for another answer.
		if strings.ContainsFunc(r.ContentType, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return &ProtocolError{Reason: fmt.Sprintf("chunk with the content type %.80q", r.ContentType)}
		}
		return nil
	case TypeError, TypeInitError:
		if r.Error == nil {
			return &ProtocolError{Reason: r.Type + " without an error"}
		}
		if r.Type == TypeError && r.ID == "" {
			return &ProtocolError{Reason: "error without an id"}
		}
		return nil
	default:
		return &ProtocolError{Reason: fmt.Sprintf("unknown frame type %.40q", r.Type)}
	}
}
