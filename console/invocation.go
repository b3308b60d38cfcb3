package console

import (
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
)

// The states of an invocation.
const (
	stateWaiting = "waiting" // in the queue
	stateRunning = "running"
	stateOK      = "ok"
	stateFailed  = "failed"
	stateLeft    = "left"    // its caller has left before it ran
	stateRefused = "refused" // too many wait
)

// An invocation is what every browser has of an invocation. Times are in milliseconds, those since
// 1970 are called times.
type invocation struct {
	Number      int64   `json:"n"`
	ID          string  `json:"id"`
	State       string  `json:"state"`
	Slot        int     `json:"slot"` // -1 until it has one
	PID         int     `json:"pid"`
	Called      float64 `json:"called"`     // time
	Dispatched  float64 `json:"dispatched"` // time; 0 if R never had it
	Ended       float64 `json:"ended"`      // time
	EventBytes  int     `json:"event_bytes"`
	AnswerBytes int     `json:"answer_bytes"`
	Request     string  `json:"request"` // method and path of an HTTP request, or ""
	Status      int     `json:"status"`  // of its response; 0 until it has one
	Error       string  `json:"error"`   // its type and message, shortened
	Lines       int     `json:"lines"`   // in the log

	seq    uint64
	detail *detail // nil if it is no longer kept
	size   int     // of detail, its part of Console.bytes
}

// A detail is what a browser gets of an invocation that it asks for.
type detail struct {
	event  []byte
	result *emulator.Result // nil until it has ended
	report *report          // why it failed, if it did
	lines  []line
	lost   int // log lines that are not kept

	Steps  *protocol.Steps `json:"steps"`    // the parts of RMs
	RMs    float64         `json:"r_ms"`     // how long R worked
	WaitMs float64         `json:"wait_ms"`  // in the queue, or for a worker
	AllMs  float64         `json:"all_ms"`   // since it was dispatched, with its report
	PostMs float64         `json:"post_ms"`  // how long the report took
	RSS    int64           `json:"rss"`      // of its worker at the end
	Limit  float64         `json:"limit_ms"` // its timeout
}

// Called notes a new invocation.
func (c *Console) Called(call emulator.Call) {
	request := requestOf(call.Event)
	c.mu.Lock()
	defer c.mu.Unlock()
	inv := c.invocations[call.ID]
	if inv == nil {
		c.count++
		inv = &invocation{Number: c.count, ID: call.ID}
		c.invocations[call.ID] = inv
		c.order = append(c.order, inv)
	}
	// It may be a new attempt of an invocation that has failed.
	inv.State, inv.Slot, inv.PID, inv.Error = stateWaiting, -1, 0, ""
	inv.Request, inv.Status = request, 0
	inv.Called, inv.Dispatched, inv.Ended = ms(call.Time), 0, 0
	inv.EventBytes, inv.AnswerBytes = len(call.Event), 0
	c.bytes -= inv.size
	inv.detail, inv.size = &detail{event: call.Event, Limit: milliseconds(call.Timeout)}, 0
	c.hold(inv, len(call.Event))
	inv.seq = c.change()
	for len(c.order) > maxInvocations {
		c.forget(c.order[0])
		delete(c.invocations, c.order[0].ID)
		c.order[0] = nil // the array keeps its place until it grows
		c.order = c.order[1:]
	}
}

// Ended notes what the caller of an invocation got.
func (c *Console) Ended(id string, r emulator.Result, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	inv := c.invocations[id]
	if inv == nil {
		return
	}
	switch {
	case !ok:
		inv.State, inv.Ended = stateLeft, ms(time.Now())
	default:
		c.answer(inv, r)
	}
	inv.seq = c.change()
}

// answer notes the answer of an invocation. R may not have seen it. The lock is held.
func (c *Console) answer(inv *invocation, r emulator.Result) {
	if inv.Dispatched == 0 { // otherwise, the supervisor reports the end
		inv.State = stateOK
		if r.FunctionError {
			inv.State = stateFailed
		}
		inv.Ended = ms(time.Now())
	}
	if r.Streamed && len(r.Body) == 0 && inv.detail != nil && inv.detail.result != nil {
		return // collected is before us
	}
	inv.AnswerBytes = len(r.Body)
	if inv.Request != "" {
		inv.Status = statusOf(r.Body)
	}
	if inv.detail != nil {
		inv.detail.result = &r
		c.hold(inv, len(r.Body))
	}
}

// collected notes the answer of an invocation of the console's own, which may have been a stream.
func (c *Console) collected(id string, r emulator.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	inv := c.invocations[id]
	if inv == nil || !r.Streamed || inv.detail == nil {
		return
	}
	inv.AnswerBytes = len(r.Body)
	inv.detail.result = &r
	c.hold(inv, len(r.Body))
	inv.seq = c.change()
}

// refused notes that an invocation found too many others.
func (c *Console) refused(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if inv := c.invocations[id]; inv != nil {
		inv.State, inv.seq = stateRefused, c.change()
	}
}

// observeInvocation notes a step of an invocation. If it is a failure, r is its report. The lock is
// held.
func (c *Console) observeInvocation(t supervisor.Transition, r *report) {
	switch t := t.(type) {
	case supervisor.Received:
		if inv := c.invocations[t.Invocation.ID]; inv != nil {
			inv.Slot, inv.seq = t.Slot, c.change()
		}
	case supervisor.Dispatched:
		c.busy(t.At)
		if inv := c.invocations[t.Invocation.ID]; inv != nil {
			inv.State, inv.Slot, inv.PID, inv.Dispatched = stateRunning, t.Slot, t.PID, ms(t.Time)
			inv.seq = c.change()
			if inv.detail != nil {
				inv.detail.WaitMs = max(0, inv.Dispatched-inv.Called)
			}
		}
	case supervisor.Answered:
		s := c.busy(t.At)
		s.Served++
		if inv := c.invocations[t.Invocation.ID]; inv != nil && inv.detail != nil {
			inv.detail.RMs, inv.detail.Steps = milliseconds(t.RTime), t.Steps
			inv.seq = c.change()
		}
	case supervisor.Failed:
		if inv := c.invocations[t.Invocation.ID]; inv != nil {
			inv.Error, inv.seq = r.summary(), c.change()
			if inv.detail != nil {
				inv.detail.report = r
				c.hold(inv, r.size())
			}
		}
	case supervisor.Reported:
		c.reported(t)
	}
}

// reported notes the end of an invocation.
func (c *Console) reported(t supervisor.Reported) {
	if t.PID != 0 {
		c.remember(t.Time, t.Slot, t.PID, t.RSS)
	}
	inv := c.invocations[t.Invocation.ID]
	if inv == nil {
		return
	}
	inv.State, inv.Ended = stateOK, ms(t.Time)
	if t.Failure != nil || t.Err != nil {
		inv.State = stateFailed
	}
	if inv.detail != nil {
		inv.detail.RSS, inv.detail.PostMs = t.RSS, milliseconds(t.PostTook)
		if inv.Dispatched != 0 {
			inv.detail.AllMs = inv.Ended - inv.Dispatched
		}
	}
	inv.seq = c.change()
}

// hold counts n more bytes that an invocation holds. If all hold too many, the details of the oldest
// are given up. The lock is held.
func (c *Console) hold(inv *invocation, n int) {
	inv.size += n
	c.bytes += n
	for _, old := range c.order {
		if c.bytes <= maxBytes {
			return
		}
		if old.detail != nil {
			c.forget(old)
			old.seq = c.change()
		}
	}
}

// forget gives up the details of an invocation. The lock is held.
func (c *Console) forget(inv *invocation) {
	c.bytes -= inv.size
	inv.detail, inv.size = nil, 0
}
