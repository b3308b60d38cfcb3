package protocol

import "fmt"

// The types of the frames with which R forks workers.
const (
	TypeFork   = "fork"
	TypeForked = "forked"
	TypeBorn   = "born"

	TypeCheck    = "check"
	TypeThreads  = "threads"
	TypeTemplate = "template"
	TypeListen   = "listen"
)

// Fork makes a template fork a worker. The paths are those of the worker's ends of its pipes, which bootstrap
// keeps open until the worker was born.
type Fork struct {
	Type     string            `json:"type"`
	Requests string            `json:"requests"`
	Replies  string            `json:"replies"`
	Stdout   string            `json:"stdout"`
	Stderr   string            `json:"stderr"`
	TempDir  string            `json:"temp_dir"`          // the worker's TMPDIR
	Env      map[string]string `json:"env,omitempty"`     // variables that R sets first, such as credentials
	Threads  map[string]string `json:"threads,omitempty"` // by the variable that sets the number
}

// Check makes R look for what forked workers would share. R answers with entered, whose findings are
// those of a snapshot.
type Check struct {
	Type string `json:"type"`
}

// NewCheck returns the check message.
func NewCheck() Check { return Check{Type: TypeCheck} }

// Template makes an R that has loaded the handler and served nothing a template: it prepares for
// forks. R answers with entered, or with an error if it cannot fork.
type Template struct {
	Type    string `json:"type"`
	Collect bool   `json:"collect,omitempty"` // collect garbage first, so that workers share more memory
}

// Threads sets the numbers of threads of an R that has loaded the handler with one. R answers with
// entered.
type Threads struct {
	Type    string            `json:"type"`
	Threads map[string]string `json:"threads"` // by the variable that sets the number
}

// Listen lets the R of a web server open its port.
type Listen struct {
	Type string `json:"type"`
}

// NewListen returns the listen message.
func NewListen() Listen { return Listen{Type: TypeListen} }

// Born is the first frame of a forked worker.
type Born struct {
	PID int `json:"pid"`
}

// checkBorn returns an error if the frame does not name a process.
func (r *Reply) checkBorn() error {
	if r.PID <= 0 {
		return &ProtocolError{Reason: fmt.Sprintf("born with the pid %d", r.PID)}
	}
	return nil
}
