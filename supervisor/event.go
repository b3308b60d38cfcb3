package supervisor

import (
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// An EventKind is what happened.
type EventKind int

const (
	WorkerReady        EventKind = iota // it was spawned, and takes its place
	WorkerLost                          // it died or was killed, and is replaced
	WorkerRecycled                      // it has served long enough, and is replaced
	InvocationReported                  // its result or its error was posted, or could not be
)

// An Event is something that happened in a slot, for Config.Observe.
type Event struct {
	Kind   EventKind
	Slot   int
	Worker Worker // which it happened to, or which ran the invocation

	// Of InvocationReported.
	Invocation *runtimeapi.Invocation
	Error      *runtimeapi.ErrorReport // nil: there was none

	// Took is how long the spawn took, of WorkerReady, and how long the invocation,
	// of InvocationReported: from when it came until it was reported.
	Took time.Duration

	// RTime is how long R worked on it, of InvocationReported; 0 if unknown.
	RTime time.Duration
}

// observe tells whoever wants to know.
func (s *slot) observe(e Event) {
	if s.Observe != nil {
		e.Slot = s.number
		s.Observe(e)
	}
}
