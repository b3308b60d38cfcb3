package durable

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	wire "lambda-r-runtime/durable"
	"lambda-r-runtime/protocol/runtimeapi"
)

// The statuses of an execution, beside those of operations.
const statusRunning = "RUNNING"

// An execution is the state of one durable execution. The exported fields are kept in Config.Dir.
type execution struct {
	backend *Backend
	done    chan struct{} // closed at the end

	ARN, ID, Name, Function string
	Input                   string
	Depth                   int // how many executions wait for it, each for the next

	mu        sync.Mutex
	Status    string
	Result    *string
	Error     *wire.ErrorObject
	Start     time.Time
	End       time.Time
	Skipped   time.Duration // how far its clock is ahead
	Records   []*record     // in the order of their start
	Events    []event
	Tokens    int // how many there were; the last one is valid
	Changes   int // counts changes of operations
	Failures  int // invocations in a row that have failed
	Invoked   int
	Delivered int // the Changes that the handler has seen

	byID      map[string]*record
	running   bool
	again     bool     // something has changed that calls for an invocation
	chained   int      // chained invokes that run
	deferred  []func() // wait for the end of the invocation that runs
	timer     *time.Timer
	lastToken string // the ClientToken of the last checkpoint, its token and its reply
	lastUsed  string
	lastReply *wire.CheckpointReply
}

// A record is an operation and what the backend remembers of it.
type record struct {
	Operation wire.Operation
	Change    int // the number of its last change

	Due           time.Time `json:",omitzero"` // of a wait or a pause
	Timeout       time.Time `json:",omitzero"` // of a callback
	Heartbeat     time.Time `json:",omitzero"` // of a callback
	BeatSeconds   int       `json:",omitempty"`
	WaitSeconds   int       `json:",omitempty"`
	FunctionName  string    `json:",omitempty"` // of a chained invoke
	FunctionInput string    `json:",omitempty"`
}

func newExecution(b *Backend, function, name, input string) *execution {
	x := &execution{
		backend: b, done: make(chan struct{}), ID: uuid.NewString(), Name: name, Function: function, Input: input,
		Status: statusRunning, Start: time.Now(), byID: map[string]*record{},
	}
	x.ARN = b.config.Prefix + function + ":$LATEST/durable-execution/" + name + "/" + x.ID
	return x
}

// now returns the time by the execution's clock. The lock is held.
func (x *execution) now() time.Time { return time.Now().Add(x.Skipped) }

func (x *execution) ended() bool { return x.Status != statusRunning }

// changed marks a record as changed.
func (x *execution) changed(r *record) {
	x.Changes++
	r.Change = x.Changes
}

// kick invokes the function, now or after the invocation that runs. The lock is held.
func (x *execution) kick() {
	x.again = true
	if x.running || x.ended() {
		return
	}
	x.disarm()
	x.running, x.again = true, false
	if !x.backend.spawn(x.invoke) {
		x.running = false
	}
}

// invoke runs one invocation.
func (x *execution) invoke() {
	x.mu.Lock()
	x.completeDue()
	event := x.event()
	x.Invoked++
	started := x.now()
	x.mu.Unlock()

	result, err := x.call(event)
	if x.backend.ctx.Err() != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.save()
	x.running = false
	if x.ended() {
		x.deferred = nil
		return
	}
	x.Tokens++ // the invocation's last token is void
	failure := x.take(result, err)
	completed := details{"RequestId": result.RequestID, "StartTimestamp": wire.At(started), "EndTimestamp": wire.At(x.now())}
	if failure != nil {
		completed["Error"] = details{"Payload": failure, "Truncated": false}
	}
	x.record("InvocationCompleted", nil, completed)
	deferred := x.deferred
	x.deferred = nil
	for _, f := range deferred {
		f()
	}
	switch {
	case x.ended():
		x.recordEnd()
	case failure != nil:
		x.retry(failure)
	default:
		x.Failures = 0
		x.schedule()
	}
}

// call invokes the function.
func (x *execution) call(event []byte) (Result, error) {
	if x.Depth == 0 {
		return x.backend.config.Invoke(x.backend.ctx, x.Function, event)
	}
	f, err := x.backend.find(x.Function)
	if err != nil {
		return Result{}, err
	}
	return f.Invoke(x.backend.ctx, event)
}

// take takes the answer to an invocation. It returns why the invocation has failed. The lock is held.
func (x *execution) take(result Result, err error) *wire.ErrorObject {
	if err != nil {
		return &wire.ErrorObject{ErrorType: "Lambda.Unavailable", ErrorMessage: err.Error()}
	}
	if result.FunctionError {
		return functionError(result.Body)
	}
	var answer wire.Answer
	if err := json.Unmarshal(result.Body, &answer); err != nil {
		return invalidAnswer("Invalid Status in invocation output.")
	}
	switch answer.Status {
	case wire.StatusSucceeded:
		if answer.Error != nil {
			return invalidAnswer("Cannot provide an Error for SUCCEEDED status.")
		}
		if x.Result == nil {
			x.Result = answer.Result
		}
		x.finish(wire.StatusSucceeded)
	case wire.StatusFailed:
		if answer.Result != nil {
			return invalidAnswer("Cannot provide a Result for FAILED status.")
		}
		if x.Error == nil {
			x.Error = answer.Error
		}
		x.finish(wire.StatusFailed)
	case wire.StatusPending:
		if x.Changes > x.Delivered {
			x.again = true
			break
		}
		for _, r := range x.Records {
			if r.Operation.Waits() {
				return nil
			}
		}
		return invalidAnswer("Cannot return PENDING status with no pending operations.")
	default:
		return invalidAnswer("Invalid Status in invocation output.")
	}
	return nil
}

// functionError returns the error of the body of a failed invocation.
func functionError(body []byte) *wire.ErrorObject {
	var e struct {
		ErrorType    string   `json:"errorType"`
		ErrorMessage string   `json:"errorMessage"`
		StackTrace   []string `json:"stackTrace"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return &wire.ErrorObject{ErrorType: runtimeapi.ErrorUnknown, ErrorMessage: string(body)}
	}
	return &wire.ErrorObject{ErrorType: e.ErrorType, ErrorMessage: e.ErrorMessage, StackTrace: e.StackTrace}
}

// Lambda retries an invocation whose environment has failed up to three times at once, and others with
// pauses, for hours. Here it ends after maxFailures in a row.
const (
	maxFailures = 10
	atOnce      = 3
	maxPause    = 10 * time.Second
)

// retry begins another invocation after one that has failed. The lock is held.
func (x *execution) retry(failure *wire.ErrorObject) {
	x.Failures++
	log := x.backend.config.Log.With("execution", x.Name, "error_type", failure.ErrorType, "error", failure.ErrorMessage)
	if x.Failures >= maxFailures {
		log.Error("durable execution failed: its invocations fail", "failures", x.Failures)
		x.Error = failure
		x.finish(wire.StatusFailed)
		x.recordEnd()
		return
	}
	environment := false
	for _, prefix := range []string{"Runtime.", "Sandbox.", "Extension."} {
		environment = environment || strings.HasPrefix(failure.ErrorType, prefix)
	}
	if environment && x.Failures <= atOnce || x.backend.config.SkipTime {
		x.kick()
		return
	}
	pause := min(time.Second<<(x.Failures-1), maxPause)
	log.Warn("invocation of a durable execution failed, retrying", "in", pause)
	x.disarm()
	x.timer = time.AfterFunc(pause, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.kick()
	})
}

// finish ends the execution. The lock is held.
func (x *execution) finish(status string) {
	if x.ended() {
		return
	}
	x.Status, x.End = status, x.now()
	x.disarm()
	x.backend.config.Log.Info("durable execution ended", "execution", x.Name, "status", status, "invocations", x.Invoked)
	close(x.done)
}

// recordEnd records how the execution has ended. The lock is held.
func (x *execution) recordEnd() {
	failure := details{"Error": errorDetails(x.Error)}
	switch x.Status {
	case wire.StatusSucceeded:
		x.record("ExecutionSucceeded", nil, details{"Result": resultDetails(x.Result)})
	case wire.StatusFailed:
		x.record("ExecutionFailed", nil, failure)
	case wire.StatusStopped:
		x.record("ExecutionStopped", nil, failure)
	case wire.StatusTimedOut:
		x.record("ExecutionTimedOut", nil, failure)
	}
}

// stop ends an execution from outside. An invocation that runs continues, and its next checkpoint fails.
func (x *execution) stop(status string, e *wire.ErrorObject) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended() {
		return
	}
	x.Error = e
	x.finish(status)
	x.recordEnd()
	x.save()
}

// result returns what the caller of an execution that has ended gets.
func (x *execution) result() Result {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := Result{RequestID: x.ID}
	if x.Status == wire.StatusSucceeded {
		if x.Result != nil {
			r.Body = []byte(*x.Result)
		}
		return r
	}
	e := wire.ErrorObject{ErrorType: x.Status}
	if x.Error != nil {
		e = *x.Error
	}
	body, err := json.Marshal(map[string]any{
		"errorType": e.ErrorType, "errorMessage": e.ErrorMessage, "stackTrace": append([]string{}, e.StackTrace...),
	})
	if err != nil {
		panic(err) // strings cannot fail
	}
	return Result{RequestID: x.ID, Body: body, FunctionError: true}
}
