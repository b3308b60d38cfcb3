package supervisor

import (
	"context"
	"errors"
	"time"

	"lambda-r-runtime/protocol"
)

// prepare takes a new worker through the phases before the snapshot. Prime is whether to prime the
// handler, if its file asks for that. It runs in the spawn's goroutine and within the spawn's limit.
func (s *slot) prepare(ctx context.Context, r spawnResult, prime bool) spawnResult {
	start := time.Now()
	stats := r.worker.Stats()
	setting := stats.Ready.Prime
	if prime && setting != "" {
		_, err := s.enterPhase(ctx, r.worker, protocol.TypePrime)
		_, alive := errors.AsType[*protocol.HandlerError](err)
		_, late := errors.AsType[*InitTimeoutError](err) // ctx may end a moment after that
		switch {
		case err == nil:
			r.primed = true
		case setting != protocol.PrimeContinue || late || ctx.Err() != nil:
			return s.discard(r, err)
		case !alive:
			s.end(r.worker)
			if r.worker, r.err = s.config.Spawn(ctx, s.number); r.err != nil {
				return r
			}
		}
		r.unprimed, r.unprimedPID = err, stats.PID
	}
	entered, err := s.enterPhase(ctx, r.worker, protocol.TypeSnapshot)
	if err != nil {
		return s.discard(r, err)
	}
	r.findings, r.prepareTook = entered.Findings, time.Since(start)
	return r
}

// catchUp takes a worker that was spawned after the restore through the phases that the others have
// been through, except for priming.
func (s *slot) catchUp(ctx context.Context, r spawnResult) spawnResult {
	for _, phase := range []string{protocol.TypeSnapshot, protocol.TypeRestore} {
		if _, err := s.enterPhase(ctx, r.worker, phase); err != nil {
			return s.discard(r, err)
		}
	}
	return r
}

// completion returns what a worker that is spawned now goes through before the slot gets it.
func (s *slot) completion() func(context.Context, spawnResult) spawnResult {
	switch {
	case s.sup.snap == nil:
		return func(_ context.Context, r spawnResult) spawnResult { return r }
	case s.restored == nil:
		return s.catchUp
	}
	prime := !s.unprimed
	return func(ctx context.Context, r spawnResult) spawnResult { return s.prepare(ctx, r, prime) }
}

// discard ends the worker of r, and makes r the result of a spawn that failed with err.
func (s *slot) discard(r spawnResult, err error) spawnResult {
	s.end(r.worker)
	r.worker, r.err = nil, err
	return r
}

// enterPhase makes a worker that is being started enter a phase. If a shutdown cancels ctx, R may
// still finish within the drain limit, so that its shutdown hooks can run.
func (s *slot) enterPhase(ctx context.Context, w Worker, phase string) (protocol.Entered, error) {
	deadline, _ := ctx.Deadline() // that of the spawn
	phaseCtx, cancel := context.WithDeadlineCause(s.drainDeadline, deadline, &InitTimeoutError{s.config.InitTimeout})
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errRestored) {
			cancel()
		}
	})()
	return enter(phaseCtx, w, protocol.Phase{Type: phase})
}

// enter makes w enter a phase. The error is a *PhaseError, unless w was found unusable.
func enter(ctx context.Context, w Worker, p protocol.Phase) (protocol.Entered, error) {
	entered, err := w.Enter(ctx, p)
	if err != nil && !errors.Is(err, protocol.ErrNotSent) {
		err = &PhaseError{p.Type, err}
	}
	return entered, err
}

// await makes the slot, whose worker is prepared, wait for the restore.
func (s *slot) await(r spawnResult) {
	if r.unprimed != nil {
		s.unprimed = true
		s.emit(PrimingFailed{At: s.here(), PID: r.unprimedPID, Err: r.unprimed})
	}
	for _, finding := range r.findings {
		s.emit(Fragile{At: s.here(), PID: s.pid, Finding: finding})
	}
	s.emit(Prepared{At: s.here(), PID: s.pid, Primed: r.primed, Took: r.prepareTook})
	s.sup.snap.count(1)
}

// restore is called once after the restore. It renews the slot's worker, and gives up one that is
// dead or was being started, because a new one is as good as a restored one. An error ends the
// supervisor.
func (s *slot) restore(ctx context.Context) error {
	if s.spawned != nil {
		s.stopSpawn(errRestored)
		if r := <-s.spawned; r.err == nil { // it was prepared in that moment
			r.worker.Kill(errRestored.Error())
			s.end(r.worker)
		}
		s.spawned = nil
	}
	s.retry, s.restarts = nil, restarts{} // a pause that began before the snapshot is over
	if s.worker != nil {
		if err := s.renew(ctx); err != nil {
			return err
		}
	}
	if s.worker == nil {
		s.overdue = time.After(time.Until(s.sup.snap.deadline))
	}
	s.sup.snap.pass()
	return nil
}

// renew takes the slot's worker through the phase after the restore. An error ends the supervisor.
func (s *slot) renew(ctx context.Context) error {
	start := time.Now()
	phaseCtx, cancel := context.WithDeadlineCause(s.drainDeadline, s.sup.snap.deadline, ErrRestoreTimeout)
	defer cancel()
	entered, err := enter(phaseCtx, s.worker, protocol.Phase{Type: protocol.TypeRestore, Probe: s.config.Probe})
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, protocol.ErrNotSent):
		s.lose(ctx, Lost{Reason: err, Idle: true}, 0)
		return nil
	case err != nil:
		s.sup.reportRestore(err)
		return err
	}
	s.emit(Restored{At: s.enter(StateReady), PID: s.pid, Took: time.Since(start), Draws: entered.Draws})
	return nil
}

// offer polls for an invocation before the slot's new worker is ready, if no other slot does:
// otherwise Lambda would throw the environment away. The invocation is held for that worker.
func (s *slot) offer(ctx context.Context) {
	if s.opened == nil && s.polled == nil && !s.sup.snap.polled.Load() {
		s.startPoll(ctx)
	}
}

// failedPhase reports whether err is a phase that failed before the snapshot, which must not be
// taken then.
func (s *slot) failedPhase(err error) bool {
	_, failed := errors.AsType[*PhaseError](err)
	return failed && s.restored != nil
}

// unrestorable returns err, the reason why no worker can be started, and reports it if the
// environment waits for its restore or has not polled since.
func (s *slot) unrestorable(err error) error {
	switch {
	case s.restored != nil:
		s.sup.initFailed.Store(true)
	case s.sup.snap != nil:
		s.sup.reportRestore(err)
	}
	return err
}
