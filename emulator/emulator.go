package emulator

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"lambda-r-runtime/protocol/runtimeapi"
)

// Config describes the function. The zero value of each field is replaced by what
// its comment says.
type Config struct {
	Function string        // its name: "function"
	Timeout  time.Duration // 3 s, as Lambda's own default
	MemoryMB int           // what the REPORT line says it has: 128
	Queue    int           // how many invocations may wait: 1000; below 0: none

	// Concurrency is how many invocations the runtime takes at once. Those for which it
	// has a worker do not count as waiting, even before they are handed out. 0: not known.
	Concurrency int

	// HTTP makes every path that is not one of the two APIs' an HTTP request to the
	// function, as the front that it names hands it on. "": they are not found.
	HTTP HTTPFormat

	// PeakMemory returns the most memory that the function has used, in bytes.
	// nil: the REPORT lines do not say.
	PeakMemory func() int64

	// OnReady is called when a runtime asks for its first event and before it gets
	// one: once, and once more after each Restart. nil: nothing is.
	OnReady func()

	// Log gets the START, END and REPORT lines. nil: nobody does.
	Log io.Writer
}

// maxTail is how much log an invocation that asks for it gets, as in Lambda.
const maxTail = 4 << 10

// An Emulator is one function's Runtime API and Invoke API. It starts no goroutine
// of its own but one timer for each running invocation.
type Emulator struct {
	config Config
	mux    *http.ServeMux
	front  *front // or nil

	mu        sync.Mutex
	start     time.Time
	queue     []*invocation          // waiting, oldest first
	changed   chan struct{}          // closed and made anew by wake
	pollers   []chan struct{}        // of those who wait in take, the last to come last
	paused    bool                   // nothing is handed out
	restarted bool                   // until Resume
	running   map[string]*invocation // handed out, by request id
	past      past                   // those that have ended
	polled    bool                   // the runtime has asked for its first event
	initTook  time.Duration          // from New or Restart to then
	reported  bool                   // the init duration was told in a REPORT line
	initError []byte                 // what the runtime posted, or nil

	logMu sync.Mutex // one line at a time
}

// An invocation is one event on its way. Its fields are guarded by Emulator.mu,
// except those set at its birth.
type invocation struct {
	id            string
	function      string
	event         []byte
	contentType   string
	clientContext string // JSON
	traceID       string
	tenantID      string
	limit         int64       // of a response that is streamed, in bytes
	unattended    bool        // nobody waits for the answer
	answer        chan answer // gets exactly one, and has room for it

	handOut  string // an id of its own, which reports are to echo
	started  time.Time
	deadline time.Time
	timer    *time.Timer
	tail     []byte
	stream   *stream // the response, once the runtime streams one
	gone     bool    // the caller waits no more
}

// An answer is what the caller gets: a stream, which ends with another answer, or
// all the rest.
type answer struct {
	stream        *stream
	contentType   string
	body          []byte
	functionError bool
	errorType     string // of an error that the runtime did not report with /error
	tail          []byte
}

// failed is the answer to a caller whose invocation has an error that the runtime did not
// report with /error.
func failed(errorType, message string) answer {
	return answer{body: errorBody(errorType, message), functionError: true, errorType: errorType}
}

// tooLarge is the answer where the response is over a limit in bytes.
func tooLarge(limit int64) answer {
	return failed("Function.ResponseSizeTooLarge",
		fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit))
}

// New returns an emulator that has seen no runtime yet.
func New(c Config) *Emulator {
	if c.Function == "" {
		c.Function = "function"
	}
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.MemoryMB == 0 {
		c.MemoryMB = 128
	}
	if c.Queue == 0 {
		c.Queue = 1000
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	e := &Emulator{
		config:  c,
		mux:     http.NewServeMux(),
		front:   fronts[c.HTTP],
		start:   time.Now(),
		changed: make(chan struct{}),
		running: map[string]*invocation{},
	}
	e.routeRuntimeAPI()
	e.routeInvokeAPI()
	return e
}

// ServeHTTP serves both APIs, and the function where Config.HTTP says so.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.front != nil && !ownPath(r.URL.Path) { // the mux would redirect a path like //a
		e.invokeByHTTP(w, r)
		return
	}
	e.mux.ServeHTTP(w, r)
}

// AppendLog gives a line of log, its end included, to the invocation that it
// belongs to, for callers that ask for the tail of the log.
func (e *Emulator) AppendLog(requestID string, line []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if inv := e.running[requestID]; inv != nil {
		inv.appendTail(line)
	}
}

func (i *invocation) appendTail(line []byte) {
	i.tail = append(i.tail, line...)
	if over := len(i.tail) - maxTail; over > 0 {
		i.tail = append(i.tail[:0], i.tail[over:]...)
	}
}

// submit puts an invocation into the queue, unless the queue is full.
func (e *Emulator) submit(inv *invocation) bool {
	if inv.id == "" {
		inv.id = uuid.NewString()
	}
	if inv.traceID == "" {
		inv.traceID = newTraceID(time.Now())
	}
	inv.answer = make(chan answer, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		inv.answer <- answer{body: e.initError, functionError: true}
		return true
	}
	idle := max(0, e.config.Concurrency-len(e.running))
	if len(e.queue) >= max(0, e.config.Queue)+idle {
		return false
	}
	e.queue = append(e.queue, inv)
	e.wakePoller()
	return true
}

// wake tells everybody in take, Pause and awaitResume to look again. The lock is held.
func (e *Emulator) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
	for len(e.pollers) > 0 {
		e.wakePoller()
	}
}

// wakePoller tells one poller in take to look again: the one that came last, whose worker
// is the warmest. The lock is held.
func (e *Emulator) wakePoller() {
	if last := len(e.pollers) - 1; last >= 0 {
		close(e.pollers[last])
		e.pollers = e.pollers[:last]
	}
}

// leave takes a poller that has gone out of take. If it was woken, another is.
func (e *Emulator) leave(poller chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.pollers, poller); i >= 0 {
		e.pollers = slices.Delete(e.pollers, i, i+1)
	} else if len(e.queue) > 0 {
		e.wakePoller()
	}
}

// await waits for the answer of a submitted invocation. It returns false when the
// caller r has gone.
func (e *Emulator) await(r *http.Request, inv *invocation) (answer, bool) {
	select {
	case a := <-inv.answer:
		return a, true
	case <-r.Context().Done():
		e.withdraw(inv)
		return answer{}, false
	}
}

// withdraw takes an invocation whose caller has gone out of the queue. One that
// runs goes on, but its response is not streamed to nobody.
func (e *Emulator) withdraw(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	inv.gone = true
	if inv.stream != nil {
		inv.stream.leave(errCallerGone)
	}
	for i, queued := range e.queue {
		if queued == inv {
			e.queue = append(e.queue[:i], e.queue[i+1:]...)
			return
		}
	}
}

// take hands out the oldest invocation, waiting for one until done is closed; then
// it returns nil.
func (e *Emulator) take(done <-chan struct{}) *invocation {
	var woken chan struct{}
	for {
		select {
		case <-done:
			e.leave(woken)
			return nil // and not with an event
		default:
		}
		e.mu.Lock()
		if len(e.queue) > 0 && !e.paused {
			inv := e.queue[0]
			e.queue = e.queue[1:]
			e.running[inv.id] = inv
			inv.handOut = uuid.NewString()
			inv.started = time.Now()
			inv.deadline = inv.started.Add(e.config.Timeout)
			inv.timer = time.AfterFunc(e.config.Timeout, func() { e.timeOut(inv) })
			e.mu.Unlock()
			e.logStart(inv)
			return inv
		}
		woken = make(chan struct{})
		e.pollers = append(e.pollers, woken)
		e.mu.Unlock()
		select {
		case <-woken:
		case <-done: // seen above
		}
	}
}

// finish gives the invocation that r reports its answer. It returns false when there
// is none that still waits for one.
func (e *Emulator) finish(r *http.Request, a answer) bool {
	e.mu.Lock()
	inv := e.running[r.PathValue("id")]
	waits := inv != nil && inv.stream == nil && inv.echoed(r)
	if waits {
		e.remove(inv, http.StatusForbidden)
	}
	e.mu.Unlock()
	if waits {
		e.conclude(inv, a)
	}
	return waits
}

// echoed reports whether a report belongs to the time that i was handed out: it says so,
// or says nothing.
func (i *invocation) echoed(r *http.Request) bool {
	id := r.Header.Get(runtimeapi.HeaderInvocationID)
	return id == "" || id == i.handOut
}

// end takes an invocation from those that run, so that one only, a report or the
// deadline, decides what it comes to; that one gets true. Later reports are refused
// with the status.
func (e *Emulator) end(inv *invocation, status int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[inv.id] != inv {
		return false
	}
	e.remove(inv, status)
	return true
}

// remove is end of one that is known to run. The lock is held.
func (e *Emulator) remove(inv *invocation, status int) {
	inv.timer.Stop()
	delete(e.running, inv.id)
	e.past.add(inv.id, status)
	if e.paused && len(e.running) == 0 {
		e.wake()
	}
}

// refusal is the status with which a report that has no effect is answered: 403 where
// there was one already, or a stream has begun, 410 where the deadline has passed, 400
// where nobody knows of the invocation, or the report echoes another hand-out.
func (e *Emulator) refusal(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if inv := e.running[id]; inv != nil && inv.stream != nil {
		return http.StatusForbidden
	}
	if status, ok := e.past.status[id]; ok {
		return status
	}
	return http.StatusBadRequest
}

// past remembers the last invocations that have ended, and how their reports are refused.
type past struct {
	ids    []string // oldest first
	status map[string]int
}

// maxPast is how many it remembers.
const maxPast = 1000

func (p *past) add(id string, status int) {
	if p.status == nil {
		p.status = map[string]int{}
	}
	if len(p.ids) == maxPast {
		delete(p.status, p.ids[0])
		p.ids = p.ids[1:]
	}
	p.ids = append(p.ids, id)
	p.status[id] = status
}

// conclude logs the end of an invocation that has ended and gives the caller its answer.
func (e *Emulator) conclude(inv *invocation, a answer) {
	e.logEnd(inv)
	e.mu.Lock()
	a.tail = inv.tail
	e.mu.Unlock()
	if inv.stream != nil {
		inv.stream.finish(a)
		return
	}
	inv.answer <- a
}

func (e *Emulator) timeOut(inv *invocation) {
	if !e.end(inv, http.StatusGone) {
		return // its report came first
	}
	if inv.stream != nil {
		inv.stream.stop(errTimedOut)
	}
	text := timedOutText(e.config.Timeout)
	e.logNote(inv, text+"\n")
	e.conclude(inv, failed("Sandbox.Timedout", "RequestId: "+inv.id+" Error: "+text))
}

// failInit keeps the runtime's init error, and answers everybody who waits with it.
// It returns false when the runtime was ready already, or has failed before.
func (e *Emulator) failInit(body []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil || e.polled {
		return false
	}
	e.initError = body
	for _, inv := range e.queue {
		inv.answer <- answer{body: body, functionError: true}
	}
	e.queue = nil
	return true
}

// noteReady notes the first /next. It returns false to a runtime whose init failed.
func (e *Emulator) noteReady() bool {
	e.mu.Lock()
	failed, first := e.initError != nil, !e.polled
	if !failed && first {
		e.polled = true
		e.initTook = time.Since(e.start)
	}
	e.mu.Unlock()
	if !failed && first && e.config.OnReady != nil {
		e.config.OnReady()
	}
	return !failed
}

func newTraceID(now time.Time) string {
	hex := strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	return "Root=1-" + hexSeconds(now) + "-" + hex[:24] + ";Parent=" + hex[24:40] + ";Sampled=0"
}
