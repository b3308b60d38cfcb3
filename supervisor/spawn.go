package supervisor

import (
	"context"
	"fmt"
	"time"

	"lambda-r-runtime/protocol"
)

// A spawnResult is a new worker, or why there is none.
type spawnResult struct {
	worker Worker
	err    error
	took   time.Duration

	// With SnapStart, before the restore.
	primed      bool
	unprimed    error // why priming failed, if that is only a warning
	unprimedPID int   // of the worker that it failed in
	findings    []protocol.Finding
	prepareTook time.Duration
}

// maybeSpawn starts a worker if the slot needs one and may have it: it has none and does
// not pause, or the one it has is due for recycling. No other place decides that.
func (s *slot) maybeSpawn(ctx context.Context) {
	vacant := s.worker == nil && s.retry == nil
	if ctx.Err() != nil || s.spawned != nil || !vacant && !s.due {
		return
	}
	at := s.here()
	if vacant {
		at = s.enter(StateSpawning)
	}
	s.emit(Spawning{At: at, Failures: s.restarts.failures, Successor: !vacant})
	spawned := make(chan spawnResult, 1)
	s.spawned = spawned
	ctx, s.stopSpawn = context.WithCancelCause(ctx)
	complete, before := s.completion(), s.predecessors()
	go func(stop context.CancelCauseFunc) { // loop, restore or free receives its result
		defer stop(nil)
		for _, reaped := range before {
			<-reaped
		}
		start := time.Now()
		limit := s.config.InitTimeout
		ctx, cancel := context.WithTimeoutCause(ctx, limit, &InitTimeoutError{limit})
		defer cancel()
		w, err := s.config.Spawn(ctx, s.number)
		r := spawnResult{worker: w, err: err, took: time.Since(start)}
		if err == nil {
			r = complete(ctx, r)
		}
		spawned <- r
	}(s.stopSpawn)
}

// spawnEnded takes in a new worker, or a failure to start one. An error ends the
// supervisor.
func (s *slot) spawnEnded(ctx context.Context, r spawnResult) error {
	switch {
	case r.err == nil:
		s.install(r)
		return nil
	case ctx.Err() != nil:
		return nil // the shutdown ended it
	case !s.sup.wasReady.Load() || s.failedPhase(r.err):
		s.emit(SpawnFailed{At: s.enter(StateReaped), Err: r.err, Init: true, Took: r.took})
		s.sup.initFailed.Store(true)
		return r.err
	}
	s.endTurn()
	if s.worker != nil {
		s.emit(SpawnFailed{At: s.here(), Err: r.err, Successor: true, Took: r.took})
		s.served, s.due = 0, false // it goes on, and is asked about again in due time
		return nil
	}
	pause, gaveUp := s.restarts.spawnFailed()
	attempts := s.restarts.failedSpawns
	s.emit(SpawnFailed{At: s.enter(StateReaped), Err: r.err, Attempts: attempts, Took: r.took})
	if gaveUp && (s.giveUp(r.err) == s.config.Slots || s.restored != nil) {
		return s.unrestorable(fmt.Errorf("%w: %d attempts in a row failed, the last with: %w", ErrGaveUp, attempts, r.err))
	}
	s.backOff(pause)
	return nil
}

// install makes a new worker the slot's, in place of the one that it succeeds.
func (s *slot) install(r spawnResult) {
	if s.worker != nil {
		s.emit(Recycled{At: s.here(), Stats: s.worker.Stats(), Served: s.served, Room: true})
		s.retire()
	}
	stats := r.worker.Stats()
	s.worker, s.pid, s.served, s.due = r.worker, stats.PID, 0, false
	s.restarts.ready()
	s.sup.wasReady.Store(true)
	s.endTurn()
	if s.gaveUp {
		s.gaveUp = false
		s.sup.gaveUp.Add(-1)
	}
	if s.restored != nil {
		s.emit(Ready{At: s.enter(StatePrepared), Stats: stats, Took: r.took})
		s.await(r)
		return
	}
	s.emit(Ready{At: s.enter(StateReady), Stats: stats, Took: r.took})
}

// giveUp counts this slot among those that have given up, and returns how many have.
func (s *slot) giveUp(last error) int {
	if s.gaveUp {
		return int(s.sup.gaveUp.Load())
	}
	s.gaveUp = true
	s.emit(GaveUp{At: s.here(), Attempts: s.restarts.failedSpawns, Err: last})
	return int(s.sup.gaveUp.Add(1))
}
