package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Lambda invokes the function up to three times for an asynchronous event: again one minute after
// a first error, and two minutes after a second. An event that cannot be handed out because of
// throttling goes back to the queue, for up to 6 hours (AWS documentation, "How Lambda handles
// errors and retries with asynchronous invocation"). Here a second stands for each minute.
const (
	maxAttempts  = 3
	afterAttempt = time.Second     // times the number of attempts
	maxEventAge  = 6 * time.Minute // of an event that is handed out
	maxThrottle  = 5 * time.Second // between two tries to queue an event
)

// The conditions under which an asynchronous invocation is discarded.
const (
	retriesExhausted = "RetriesExhausted"
	eventAgeExceeded = "EventAgeExceeded"
)

// again returns the invocation for another attempt.
func (i *invocation) again() *invocation {
	return &invocation{
		id: i.id, traceID: i.traceID, function: i.function, event: i.event, header: i.header, limit: i.limit,
		timeout: i.timeout, asynchronous: true, received: i.received, attempts: i.attempts + 1,
	}
}

// tooOld reports whether an invocation may not be handed out after a further delay.
func (i *invocation) tooOld(delay time.Duration) bool {
	return i.asynchronous && time.Since(i.received)+delay > maxEventAge
}

// settle ends an attempt of an asynchronous invocation, and begins the wait for the next one if
// there is one.
func (e *Emulator) settle(inv *invocation, a answer) {
	next := inv.again()
	delay := afterAttempt * time.Duration(next.attempts)
	switch {
	case !a.functionError:
		e.answered(inv, a)
	case next.attempts == maxAttempts:
		e.discard(next, retriesExhausted, &a)
	case next.tooOld(delay):
		e.discard(next, eventAgeExceeded, &a)
	default:
		e.logNote(inv, fmt.Sprintf("asynchronous invocation failed, attempt %d of %d, retrying in %v (in Lambda: %v)",
			next.attempts, maxAttempts, delay, 60*delay))
		e.requeue(next, delay, 0)
	}
}

// requeue queues an invocation again after a delay. If the queue is full then, it tries again.
func (e *Emulator) requeue(inv *invocation, delay time.Duration, throttles int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		e.lost++
		return
	}
	e.retries[inv] = time.AfterFunc(delay, func() {
		e.mu.Lock()
		delete(e.retries, inv)
		closed, failure := e.closed, e.failure()
		if closed {
			e.lost++
		}
		queued := !closed && failure == nil && e.enqueue(inv)
		e.mu.Unlock()
		wait := min(time.Second<<min(throttles, 10), maxThrottle)
		switch {
		case queued || closed:
		case failure != nil:
			e.answerUnseen(inv, failure)
		case inv.tooOld(wait):
			e.discard(inv, eventAgeExceeded, nil)
		default:
			e.requeue(inv, wait, throttles+1)
		}
	})
}

// tooManyRetries reports whether no more asynchronous invocations are accepted, because those that
// wait for another attempt occupy too much. The lock is held.
func (e *Emulator) tooManyRetries() bool {
	bytes := 0
	for inv := range e.retries {
		bytes += len(inv.event)
	}
	return len(e.retries) >= e.config.Limit || bytes > maxWaiting
}

// takeExpired removes the oldest invocation from the queue and returns it, if it must not be handed
// out any more. The lock is held.
func (e *Emulator) takeExpired() *invocation {
	if e.gate != open || len(e.queue) == 0 || !e.queue[0].tooOld(0) {
		return nil
	}
	inv := e.queue[0]
	e.queue = slices.Delete(e.queue, 0, 1)
	return inv
}

// Close drops the asynchronous invocations that wait, also for another attempt, and returns how
// many there were. Callers that wait are not affected.
func (e *Emulator) Close() (lost int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for inv, timer := range e.retries {
		if timer.Stop() {
			delete(e.retries, inv)
			e.lost++
		}
	}
	for _, inv := range e.queue {
		if inv.asynchronous {
			e.lost++
		}
	}
	return e.lost
}

// A failureRecord is what Lambda sends to the failure destination of a function (AWS documentation,
// "Capturing records of Lambda asynchronous invocations").
type failureRecord struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// discard gives up an asynchronous invocation, after attempts of which a is the last answer, or nil.
func (e *Emulator) discard(inv *invocation, condition string, a *answer) {
	e.logNote(inv, fmt.Sprintf("asynchronous invocation discarded after %d attempts: %s", inv.attempts, condition))
	record := failureRecord{
		Version: "1.0", Timestamp: time.Now().UTC().Format(timestamp),
		RequestContext: requestContext{inv.id, FunctionARN(inv.function) + ":" + e.version(), condition, inv.attempts},
		RequestPayload: asJSON(inv.event),
	}
	if a != nil {
		record.ResponseContext = &responseContext{200, e.version(), "Unhandled"}
		record.ResponsePayload = asJSON(a.body)
		e.ended(inv, a.result(), true)
	} else {
		e.ended(inv, Result{}, false)
	}
	if e.config.OnFailure == nil {
		return
	}
	line, err := json.Marshal(record)
	if err != nil {
		panic(err) // the payloads are JSON, the rest cannot fail
	}
	e.failureMu.Lock()
	_, err = e.config.OnFailure.Write(append(line, '\n'))
	e.failureMu.Unlock()
	if err != nil {
		e.logNote(inv, "failure record not written: "+err.Error())
	}
}

// asJSON returns text as it is if it is JSON, or else as a JSON string.
func asJSON(text []byte) json.RawMessage {
	if json.Valid(text) {
		return text
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		panic(err) // a string cannot fail
	}
	return quoted
}
