package protocol

import (
	"fmt"
	"strings"
)

// The types of control frames; see the package comment.
const (
	TypeHello     = "hello"
	TypeInvoke    = "invoke"
	TypeShutdown  = "shutdown"
	TypeReady     = "ready"
	TypeInitError = "init_error"
	TypeResult    = "result"
	TypeError     = "error"
	TypeChunk     = "chunk"
	TypeEnd       = "end"
	TypeAck       = "ack"

	TypePrime    = "prime"
	TypeSnapshot = "snapshot"
	TypeRestore  = "restore"
	TypeEntered  = "entered"
)

// Hello is the first message to an R process: what to load.
type Hello struct {
	Type    string `json:"type"`
	Handler string `json:"handler"`
	Timing  bool   `json:"timing,omitempty"` // log how long each library() and source() call takes
	Hints   bool   `json:"hints,omitempty"`  // log hints for the function's developer, and report Reply.Steps

	Dumps string `json:"dumps,omitempty"` // the folder where R dumps the frames of failed invocations

	LogTag   string `json:"log_tag"`   // begins each log record: a control character and secret text
	LogLevel string `json:"log_level"` // R sends no records below this level
}

// NewHello returns the hello for handler, with the log level info.
func NewHello(handler string) Hello {
	return Hello{Type: TypeHello, Handler: handler, LogLevel: "info"}
}

// Invoke begins an invocation; its payload is the event. The fields are the headers of the
// Runtime API's /next; a missing header is an empty field.
type Invoke struct {
	Type          string `json:"type"`
	ID            string `json:"id"`                    // valid UTF-8, because R sends it back
	DeadlineMs    int64  `json:"deadline_ms,omitempty"` // Unix time in milliseconds; 0 if there is none
	FunctionARN   string `json:"invoked_function_arn,omitempty"`
	TraceID       string `json:"trace_id,omitempty"`
	ClientContext string `json:"client_context,omitempty"` // JSON text
	Identity      string `json:"identity,omitempty"`       // JSON text
	TenantID      string `json:"tenant_id,omitempty"`

	Durable *Execution `json:"durable,omitempty"` // nil if the invocation belongs to no execution

	// Operate is called for each operation frame, with its payload or nil. It returns the outcome and
	// its payload. It must be set if Durable is.
	Operate func(Operation, []byte) (Outcome, []byte) `json:"-"`

	Env map[string]string `json:"env,omitempty"` // variables that R sets first: renewed credentials

	Decoded bool `json:"decoded,omitempty"` // the decoded event follows, see Writer.WriteInvoke
}

// Ack acknowledges a chunk.
type Ack struct {
	Type string `json:"type"`
	Gone string `json:"gone,omitempty"` // why the chunk was dropped, and later ones will be; empty if it was not
}

// NewAck returns the acknowledgement of a chunk. If err is not nil, it is why the chunk was
// dropped.
func NewAck(err error) Ack {
	ack := Ack{Type: TypeAck}
	if err != nil {
		ack.Gone = err.Error()
	}
	return ack
}

// Shutdown makes R run its shutdown hooks and exit.
type Shutdown struct {
	Type string `json:"type"`
}

// NewShutdown returns the shutdown message.
func NewShutdown() Shutdown { return Shutdown{Type: TypeShutdown} }

// Phase makes R enter a phase of SnapStart: prime runs the handler on the function's sample events,
// snapshot runs the hooks of on_snapshot(), and restore renews what must differ between restored
// copies and runs the hooks of on_restore().
type Phase struct {
	Type       string            `json:"type"`                  // TypePrime, TypeSnapshot or TypeRestore
	DeadlineMs int64             `json:"deadline_ms,omitempty"` // Unix time in milliseconds by which R must have answered
	Env        map[string]string `json:"env,omitempty"`         // restore: variables that R sets first, such as credentials
	Probe      bool              `json:"probe,omitempty"`       // restore: R also returns Entered.Draws
}

// Entered is R's answer to a Phase that it has been through.
type Entered struct {
	Findings []Finding `json:"findings"` // snapshot: what a restore breaks or repeats

	// Draws are the random values that R would draw next: runif, tempfile, tempdir and, if the
	// openssl package is loaded, rand_bytes. They are set if Phase.Probe was.
	Draws map[string]string `json:"draws"`
}

// A Finding is something that was made during the init and is dead after a restore, or the same in
// every restored copy.
type Finding struct {
	Kind string `json:"kind"` // socket, dbi, curl, seed, file, …
	What string `json:"what"` // as a user knows it: "con, a connection of class SQLiteConnection"
	Fix  string `json:"fix"`  // an imperative: "close it in on_snapshot(), open it in on_restore()"
}

// Reply is any control frame that R sends; which fields are set depends on Type.
type Reply struct {
	Type string `json:"type"`
	ID   string `json:"id"`

	Ready                    // ready
	StreamHead               // chunk, the first one
	Entered                  // entered
	Born                     // born
	Operation  *Operation    `json:"operation"`   // operation
	HasPayload bool          `json:"has_payload"` // operation: the payload frame is one
	Error      *HandlerError `json:"error"`       // error, init_error, end, result: the handler failed
	RMs        float64       `json:"r_ms"`        // result, error, end: how long R worked, in milliseconds
	Tables     bool          `json:"tables"`      // result: the payload is serialized pieces of JSON and data frames
	Steps      *Steps        `json:"steps"`       // the same frames, if Hello.Hints was set: how long the steps took

	// Size is the length of the control frame in bytes, set by the Reader.
	Size int `json:"-"`
}

// Steps says how long the steps of an invocation took in R, in milliseconds. A step that it did not
// reach is 0.
type Steps struct {
	Decode  float64 `json:"decode"`  // of the event
	Handler float64 `json:"handler"` // with the matching of its arguments, and a stream
	Encode  float64 `json:"encode"`  // of the result
}

// Ready describes R and the handler that it has loaded.
type Ready struct {
	RVersion string   `json:"r_version"`
	Required []string `json:"required"` // the handler's arguments that have no default
	Hooks    bool     `json:"hooks"`    // R has shutdown hooks
	Durable  bool     `json:"durable"`  // the handler was made by durable()
	OnFork   bool     `json:"on_fork"`  // R has hooks of on_fork()
	Prime    string   `json:"prime"`    // PrimeStop or PrimeContinue if the handler is to be primed, or ""
	Arrays   string   `json:"arrays"`   // ArraysSimplified or ArraysLists if R can take decoded events, or ""
	Bodies   bool     `json:"bodies"`   // the bodies of requests may be decoded, too

	InitMs  float64       `json:"init_ms"` // how long the handler's file or package took to load, in milliseconds
	Slowest []PackageLoad `json:"slowest"` // the calls that took the most of it, the slowest first
}

// The values of Ready.Prime: whether a failed priming fails the init, or is a warning.
const (
	PrimeStop     = "stop"
	PrimeContinue = "continue"
)

// The values of Ready.Arrays: what the arrays of events become in R. These are vectors, matrices and
// data frames, or only lists.
const (
	ArraysSimplified = "simplified"
	ArraysLists      = "lists"
)

// A PackageLoad is a call in the handler's file that loaded packages.
type PackageLoad struct {
	Package string  `json:"package"` // or several, as in "dplyr, tidyr"
	Ms      float64 `json:"ms"`
}

// StreamHead precedes a streamed response.
type StreamHead struct {
	ContentType string   `json:"content_type"` // if there is no prelude
	Prelude     *Prelude `json:"prelude"`      // if the event came from HTTP
}

// Prelude is the head of an HTTP response.
type Prelude struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Cookies    []string          `json:"cookies"` // whole Set-Cookie values
}

// check returns an error if R may not send the reply. The decoder has already refused fields of
// a wrong type, such as an array for a string, which R code confuses easily.
func (r *Reply) check() error {
	switch r.Type {
	case TypeReady:
		if r.Prime != "" && r.Prime != PrimeStop && r.Prime != PrimeContinue {
			return &ProtocolError{Reason: fmt.Sprintf("ready with the priming %.40q", r.Prime)}
		}
		return nil
	case TypeEntered, TypeForked:
		return nil
	case TypeBorn:
		return r.checkBorn()
	case TypeOperation:
		return r.checkOperation()
	case TypeResult, TypeEnd, TypeSuspend:
		if r.ID == "" {
			return &ProtocolError{Reason: r.Type + " without an id"}
		}
		return nil
	case TypeChunk:
		if r.ID == "" {
			return &ProtocolError{Reason: "chunk without an id"}
		}
		// net/http would refuse it, too, but too late for another answer.
		if strings.ContainsFunc(r.ContentType, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return &ProtocolError{Reason: fmt.Sprintf("chunk with the content type %.80q", r.ContentType)}
		}
		return nil
	case TypeError, TypeInitError:
		if r.Error == nil {
			return &ProtocolError{Reason: r.Type + " without an error"}
		}
		return nil
	default:
		return &ProtocolError{Reason: fmt.Sprintf("unknown frame type %.40q", r.Type)}
	}
}
