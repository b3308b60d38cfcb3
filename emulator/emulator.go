package emulator

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lambda-r-runtime/emulator/front"
)

// Config describes the function and its limits.
type Config struct {
	Timeout  time.Duration // of an invocation; 3 s if 0, Lambda's own default
	MemoryMB int           // the memory size in REPORT lines; 128 if 0

	// Limit is how many invocations may wait or run at once; more are refused with status
	// 429. If 0, it is 1000. The events that wait may have 128 MB in all.
	Limit int

	// HTTP, if not empty, makes every path outside the two APIs an HTTP request to the
	// function, in this format.
	HTTP front.Format

	// Execute, if not nil, runs a durable execution whose input is the event of an HTTP request. If
	// the handler is not durable, it returns false, and the function is invoked.
	Execute func(ctx context.Context, event []byte) (r Result, ok bool)

	// CORS, if not empty, makes the function's HTTP responses readable for pages of these
	// origins.
	CORS CORS

	// PeakMemory, if not nil, returns the peak memory use of an environment in bytes, for
	// REPORT lines. Without SnapStart, the one environment has the number 0.
	PeakMemory func(environment int) int64

	// OnReady, if not nil, is called when a runtime asks for its first event, before it
	// gets one: once, and once more after each Restart. It is not called after the restore
	// of a snapshot.
	OnReady func()

	// SnapStart, if not nil, makes the function start from a snapshot.
	SnapStart *SnapStart

	// Flush, if not nil, is called before an invocation ends, and returns when all lines
	// that its environment has logged were passed to AppendLog.
	Flush func(environment int)

	// Observer, if not nil, is notified of each invocation.
	Observer Observer

	// OnFailure, if not nil, receives a line of JSON for each asynchronous invocation that is
	// discarded, as Lambda sends it to a failure destination; one Write at a time.
	OnFailure io.Writer

	// Log, if not nil, receives START, END and REPORT lines, one Write at a time. With JSON,
	// they are records as in Lambda's JSON log format.
	Log  io.Writer
	JSON bool
}

// An Emulator is one function's Runtime API and Invoke API. It starts no goroutines except
// one timer for each invocation that runs or waits for another attempt.
type Emulator struct {
	config     Config
	runtimeAPI *http.ServeMux
	invokeAPI  *http.ServeMux

	mu           sync.Mutex
	environments []*environment // by number
	turns        int            // invocations handed out
	gate         gate
	queue        []*invocation               // waiting, oldest first
	running      map[string]*invocation      // handed out, by request id
	past         past                        // ended
	retries      map[*invocation]*time.Timer // wait for another attempt
	closed       bool                        // by Close
	lost         int                         // asynchronous invocations, because of Close
	changed      chan struct{}               // closed and replaced by wake

	logMu     sync.Mutex   // held while a line is written
	failureMu sync.Mutex   // held while OnFailure is written to
	reading   atomic.Int64 // bytes of the bodies that are being read
}

// New returns an emulator that waits for a runtime.
func New(c Config) *Emulator {
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.MemoryMB == 0 {
		c.MemoryMB = 128
	}
	if c.Limit == 0 {
		c.Limit = 1000
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	e := &Emulator{
		config:     c,
		runtimeAPI: http.NewServeMux(),
		invokeAPI:  http.NewServeMux(),
		running:    map[string]*invocation{},
		retries:    map[*invocation]*time.Timer{},
		changed:    make(chan struct{}),
	}
	e.begin()
	e.routeRuntimeAPI()
	if c.SnapStart != nil {
		e.gate = held
		e.routeSnapStart()
	}
	e.routeInvokeAPI()
	return e
}

// RuntimeAPI returns the handler for the runtime: the Runtime API and the Extensions API. It
// trusts its clients, who can take events and answer them.
func (e *Emulator) RuntimeAPI() http.Handler { return e.runtimeAPI }

// InvokeAPI returns the handler for callers: the Invoke API and, with Config.HTTP, the
// function at all other paths.
func (e *Emulator) InvokeAPI() http.Handler { return http.HandlerFunc(e.serveCaller) }

// ServeHTTP serves all APIs at once, for a runtime and callers that trust each other.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hasAnyPrefix(r.URL.Path, "/2018-06-01/runtime/", "/2020-01-01/extension/", PathCredentials) {
		e.runtimeAPI.ServeHTTP(w, r)
		return
	}
	e.serveCaller(w, r)
}

func (e *Emulator) serveCaller(w http.ResponseWriter, r *http.Request) {
	if e.servesHTTP(r) { // the mux would redirect a path of the function like //a
		e.config.CORS.wrap(e.handleHTTP)(w, r)
		return
	}
	e.invokeAPI.ServeHTTP(w, r)
}

// servesHTTP reports whether r is an HTTP request to the function.
func (e *Emulator) servesHTTP(r *http.Request) bool {
	return e.config.HTTP != "" && !hasAnyPrefix(r.URL.Path, "/2015-03-31/functions/", "/2021-11-15/functions/")
}

func hasAnyPrefix(path string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// version returns the version of the function that runs. Lambda takes snapshots of published
// versions only.
func (e *Emulator) version() string {
	if e.config.SnapStart != nil {
		return "1"
	}
	return "$LATEST"
}

// Running returns how many invocations have been handed out and not answered yet.
func (e *Emulator) Running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running)
}
