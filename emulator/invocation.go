package emulator

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxTail is the maximum length of an invocation's log tail in bytes, as in Lambda.
const maxTail = 4 << 10

// An invocation is one event and what becomes of it.
type invocation struct {
	// Set before submit and constant afterwards.
	id           string
	traceID      string
	function     string
	event        []byte      // nil once it was handed out, unless asynchronous
	header       http.Header // the headers of /next that come from the call
	limit        int64       // of a streamed response, in bytes
	timeout      time.Duration
	asynchronous bool        // no caller waits for the answer
	received     time.Time   // if it is asynchronous
	attempts     int         // earlier ones, if it is asynchronous
	answer       chan answer // receives exactly one answer, without blocking; nil if asynchronous

	// Guarded by Emulator.mu.
	environment *environment // that it was handed out to
	handOutID   string       // unique to this hand-out; reports echo it
	started     time.Time
	deadline    time.Time
	timer       *time.Timer
	tail        []byte
	stream      *stream // the response, once the runtime streams one
	abandoned   bool    // the caller has left
}

// newInvocation returns an invocation with an id and a trace of its own. A traceID that is
// given is kept.
func newInvocation(function, traceID string) *invocation {
	if traceID == "" {
		traceID = newTraceID(time.Now())
	}
	return &invocation{
		id:       uuid.NewString(),
		traceID:  traceID,
		function: function,
		header:   http.Header{"Content-Type": {"application/json"}},
		limit:    runtimeapi.MaxResponse,
		answer:   make(chan answer, 1),
	}
}

// pass sets a header of /next, unless value is empty.
func (i *invocation) pass(name, value string) {
	if value != "" {
		i.header.Set(name, value)
	}
}

// newTraceID returns an X-Ray trace header that does not ask for sampling.
func newTraceID(now time.Time) string {
	var random [20]byte
	_, _ = rand.Read(random[:]) // it never fails
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), random[:12], random[12:])
}

// appendTail adds log to the tail. The lock is held.
func (i *invocation) appendTail(log []byte) {
	i.tail = append(i.tail, log...)
	if over := len(i.tail) - maxTail; over > 0 {
		i.tail = append(i.tail[:0], i.tail[over:]...)
	}
}

// An answer is the response to a caller: either a stream, which ends with another answer, or
// all the other fields.
type answer struct {
	stream        *stream
	contentType   string
	body          []byte
	functionError bool
	errorType     string // of an error that the runtime did not report with /error
	tail          []byte
}

// failed returns the answer for an error that the runtime did not report itself.
func failed(errorType, message string) answer {
	return answer{body: errorBody(errorType, message), functionError: true, errorType: errorType}
}

// tooLarge returns the answer for a response that exceeds limit, in bytes.
func tooLarge(limit int64) answer {
	return failed(runtimeapi.ErrorResponseSizeTooLarge,
		fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit))
}

// errorBody returns Lambda's JSON form of an error.
func errorBody(errorType, message string) []byte {
	body, err := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message})
	if err != nil {
		panic(err) // a map of strings cannot fail
	}
	return body
}
