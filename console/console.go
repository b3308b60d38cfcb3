package console

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

//go:embed static
var static embed.FS

// Path is the path of the page. All of the console's other paths are below it.
const Path = "/_console"

// Limits of what is kept.
const (
	maxInvocations = 1000
	maxBytes       = 32 << 20 // of events, answers, log lines and errors
	maxSpans       = 500
	maxSamples     = 2000
	maxLines       = 300 // that belong to no invocation
)

// Config describes the function and how the console acts on it.
type Config struct {
	Info    Info
	Root    string   // the task folder: the console shows lines of the R files below it
	Samples []Sample // events to start from

	// Invoke invokes the function, with a timeout of its own if that is not 0.
	Invoke func(ctx context.Context, event []byte, timeout time.Duration) (id string, r emulator.Result, err error)

	// Fault does something to the worker of a slot. It returns an error if that is not pid.
	Fault func(slot, pid int, f Fault) error

	// Memory returns the resident memory of each worker now.
	Memory func() []Memory

	// Report returns the report of an error that ends a spawn.
	Report func(error) *runtimeapi.ErrorReport
}

// Info is what the page says about the function.
type Info struct {
	Handler   string  `json:"handler"`
	Version   string  `json:"version"` // of bootstrap
	TimeoutMs float64 `json:"timeout_ms"`
	MemoryMB  int     `json:"memory_mb"`
	Slots     int     `json:"slots"`
	Watch     bool    `json:"watch"`
}

// A Sample is an event to start from.
type Sample struct {
	Source string `json:"source"` // what sends such events
	Name   string `json:"name"`
	Event  string `json:"event"`
}

// A Memory is the resident memory of one worker, in bytes.
type Memory struct {
	Slot, PID int
	RSS       int64
}

// A Fault is something that the console does to a worker.
type Fault string

const (
	FaultKill      Fault = "kill"      // kill -9
	FaultInterrupt Fault = "interrupt" // SIGINT, while it is busy
	FaultStop      Fault = "stop"      // SIGSTOP
	FaultContinue  Fault = "continue"  // SIGCONT
)

// A Console keeps what has happened, and serves the page. All methods are safe for concurrent use.
type Console struct {
	config  Config
	boot    string // differs each time that bootstrap starts
	mux     *http.ServeMux
	streams atomic.Int32
	closed  chan struct{}
	close   sync.Once

	mu      sync.Mutex
	seq     uint64        // of the last change
	wake    chan struct{} // closed at the next change; nil if nobody waits for one
	slots   map[int]*slot
	spans   []*span // oldest first
	samples []sample
	lines   []line // that belong to no invocation
	init    initFacts
	failure failure

	invocations map[string]*invocation
	order       []*invocation // oldest first
	count       int64         // invocations so far
	bytes       int           // that invocations hold
}

// New returns a Console that waits for what happens.
func New(c Config) *Console {
	con := &Console{
		config: c, boot: random.Text()[:8], closed: make(chan struct{}),
		seq:   1, // 0 is what a browser has that has nothing
		slots: map[int]*slot{}, invocations: map[string]*invocation{},
	}
	con.route()
	return con
}

// Close ends the streams of all browsers.
func (c *Console) Close() { c.close.Do(func() { close(c.closed) }) }

// change returns the number of a new change, and wakes the streams. The lock is held.
func (c *Console) change() uint64 {
	c.seq++
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
	return c.seq
}

// initFacts is what the last ready worker has reported of its init.
type initFacts struct {
	RVersion string                 `json:"r_version"`
	Ms       float64                `json:"ms"`
	Slowest  []protocol.PackageLoad `json:"slowest"`
	Took     float64                `json:"took"` // from the start of R, in milliseconds
	Required []string               `json:"required"`
	Durable  bool                   `json:"durable"`

	seq uint64
}

// A failure is why the function cannot be served; without a report, it can.
type failure struct {
	Report *report `json:"report"`
	Slot   int     `json:"slot"`
	Init   bool    `json:"init"` // no worker was ready before

	seq uint64
}

// ms returns a time in milliseconds since 1970, or 0.
func ms(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1000
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// tail returns the last n elements of a list in a slice of their own, so that the others are freed.
func tail[T any](list []T, n int) []T {
	if len(list) <= n+n/4 {
		return list
	}
	return append(make([]T, 0, n+n/4+1), list[len(list)-n:]...)
}

var _ emulator.Observer = (*Console)(nil)

// Tee returns a handler that passes records on to next, and copies them to the console.
func (c *Console) Tee(next slog.Handler) slog.Handler { return &tee{console: c, next: next} }
