package supervisor

import (
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A Transition is something that happened to a slot: a change of its state, or a step of
// an invocation. The types below are all there are. They hold facts and no live objects,
// so an observer may keep them.
//
// Each transition is emitted once, first to Config.Log and then to Config.Observe, by the
// goroutine that owns the slot, which waits for both. So the transitions of one slot are
// delivered one at a time in the order in which they happened. Those of different slots
// are delivered concurrently and in no order.
//
// Every invocation that a slot received ends with one Reported, preceded by one Failed if
// it failed, whether or not R saw it. A retry of a call to the Runtime API is only logged:
// it changes nothing.
type Transition interface {
	record() record
}

// At is where and when a transition happened.
type At struct {
	Time  time.Time
	Slot  int
	State State // of the slot from then on
}

// An Invocation is what transitions say about an invocation: not its event.
type Invocation struct {
	ID         string
	TenantID   string
	EventBytes int
	Deadline   time.Time // zero if it has none
	Received   time.Time // when /next returned it
}

// The life of a worker.
type (
	// Spawning reports that the slot starts a worker, once the one before is reaped.
	Spawning struct {
		At
		Failures  int  // in a row before this spawn, see restarts
		Successor bool // of a worker that still serves and is due for recycling
	}

	// SpawnFailed reports a worker that did not become ready.
	SpawnFailed struct {
		At
		Err       error
		Attempts  int  // that failed in a row; 0 for a successor
		Successor bool // the worker that it was to replace goes on
		Init      bool // no worker was ready before: Run returns the error
		Took      time.Duration
	}

	// Ready reports that a worker became ready and takes its place.
	Ready struct {
		At
		Stats protocol.WorkerStats
		Took  time.Duration
	}

	// PrimingFailed reports a failed priming that the function's setting makes a warning.
	PrimingFailed struct {
		At
		PID int
		Err error
	}

	// Fragile reports something that the worker made during its init and that a restore breaks or
	// repeats.
	Fragile struct {
		At
		PID     int
		Finding protocol.Finding
	}

	// Prepared reports that a worker is ready for the snapshot and waits for the restore.
	Prepared struct {
		At
		PID    int
		Primed bool
		Took   time.Duration // priming and the hooks of on_snapshot()
	}

	// Restored reports that a worker from before the snapshot was renewed and its hooks of
	// on_restore() have run.
	Restored struct {
		At
		PID   int
		Took  time.Duration
		Draws map[string]string // what R would draw next, if Config.Probe is set
	}

	// Lost reports a worker that died, or was killed because it cannot be used again.
	Lost struct {
		At
		PID    int
		Reason error // nil if it had answered in time, and an interrupt may still reach it
		Idle   bool  // it had no invocation
	}

	// Recycled reports a worker that has served long enough and is asked to exit.
	Recycled struct {
		At
		Stats  protocol.WorkerStats
		Served int  // invocations that it answered
		Room   bool // its successor was spawned beside it
	}

	// BackingOff reports that the slot pauses before it spawns again. Callers may wait for it.
	BackingOff struct {
		At
		Failures int // in a row
		Pause    time.Duration
	}

	// GaveUp reports that so many spawns in a row failed that the slot no longer expects one
	// to succeed. It keeps trying for as long as another slot has not given up.
	GaveUp struct {
		At
		Attempts int
		Err      error // of the last one
	}

	// Draining reports that the slot takes no more invocations, because of a shutdown or a
	// fatal error.
	Draining struct {
		At
	}
)

// The steps of an invocation.
type (
	// Polling reports that the slot asks /next for an invocation.
	Polling struct {
		At
	}

	// Received reports that /next returned an invocation.
	Received struct {
		At
		Invocation Invocation
	}

	// Dispatched reports that the invocation is given to the worker.
	Dispatched struct {
		At
		Invocation Invocation
		PID        int
	}

	// NotSent reports a worker that was found unusable before anything was sent to it. The
	// slot holds the invocation for the next worker.
	NotSent struct {
		At
		Invocation Invocation
		PID        int
		Err        error
	}

	// Answered reports that R answered, with a result, a stream or an error. If the worker
	// cannot be used again, Lost follows.
	Answered struct {
		At
		Invocation Invocation
		PID        int
		Bytes      int // of the result; 0 if it was streamed
		RTime      time.Duration
		Steps      *protocol.Steps // the parts of RTime; nil if unknown
		Took       time.Duration   // since it was dispatched

		// Interrupted is set for a result that came after the deadline's interrupt. Either
		// the handler was done in that moment, or its code has caught the interrupt, and the
		// result may be incomplete.
		Interrupted bool
	}

	// Failed reports why the invocation failed, before that is posted.
	Failed struct {
		At
		Invocation Invocation
		Report     *runtimeapi.ErrorReport
	}

	// Reported reports that the invocation is over: its one report was posted, or could not be.
	Reported struct {
		At
		Invocation Invocation
		Kind       ReportKind
		Failure    *runtimeapi.ErrorReport // why the invocation failed; nil if it succeeded
		Err        error                   // why the report was not accepted; nil if it was
		Fatal      bool                    // Run returns Err

		PID      int           // of the worker that ran it; 0 if none did
		RSS      int64         // of that worker, in bytes; 0 if it is gone, or Observe is nil
		RTime    time.Duration // how long R worked on it; 0 if unknown
		PostTook time.Duration // how long the post took, or the end of the stream
		Took     time.Duration // since it was received
	}
)

// A ReportKind is how an invocation is reported to the Runtime API.
type ReportKind string

const (
	ReportResponse ReportKind = "response"
	ReportError    ReportKind = "error"
	ReportStream   ReportKind = "stream"
)
