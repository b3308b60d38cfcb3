package supervisor

import "context"

// A Recycling is what becomes of a worker that has answered an invocation.
type Recycling int

const (
	Keep          Recycling = iota // it goes on serving
	ReplaceBeside                  // it goes on serving until its successor, spawned beside it, is ready
	ReplaceAfter                   // it exits; its successor is spawned when it is reaped
	ReplaceNow                     // it exits; its successor is spawned at once
)

// countServed notes that the worker answered an invocation, after which it may be due for recycling.
func (s *slot) countServed(ctx context.Context) {
	s.served++
	if s.config.Recycle == nil || s.spawned != nil || ctx.Err() != nil {
		return
	}
	switch r := s.config.Recycle(s.number, s.served); r {
	case ReplaceBeside:
		s.due = true
	case ReplaceAfter, ReplaceNow:
		s.emit(Recycled{At: s.enter(StateReaped), Stats: s.worker.Stats(), Served: s.served, Room: r == ReplaceNow})
		s.retire()
		s.overlap = r == ReplaceNow
	}
}

// predecessors returns the workers that must be reaped before the next one is spawned: channels that
// are closed then. These are all that have left the slot, or, if the last one and its successor may
// overlap, all but that.
func (s *slot) predecessors() []<-chan struct{} {
	wait := s.leaving
	s.leaving = nil
	if s.overlap {
		s.overlap = false
		last := len(wait) - 1
		wait, s.leaving = wait[:last:last], wait[last:]
	}
	return wait
}
