package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/protocol/runtimeapi"
)

// drainLimit is how long an invocation may go on after a shutdown began, and an
// idle R may take to exit. Lambda sends SIGKILL some 500 ms after SIGTERM.
const drainLimit = 400 * time.Millisecond

// A slot is one worker's place. Its fields belong to the goroutine of run; those
// that are nil say what state it is in.
type slot struct {
	*Supervisor
	number int
	log    *slog.Logger

	worker Worker                 // not nil: ready
	born   chan birth             // not nil: spawning
	retry  <-chan time.Time       // not nil: in backoff
	polled chan poll              // not nil: a poll of /next is open
	held   *runtimeapi.Invocation // taken from /next, and not yet run
	came   time.Time              // when it was taken
	expire <-chan time.Time       // when held must be given up

	backoff      *backoff.ExponentialBackOff
	tookTurn     bool // its first spawn has ended
	served       int  // invocations that the worker has answered
	failures     int  // deaths and failed spawns since an invocation was answered
	failedSpawns int  // failed spawns since a worker was ready
	hopeless     bool // counted in givenUp
	reaping      sync.WaitGroup
	drained      context.Context // ends when a shutdown leaves no more time
}

type birth struct {
	worker Worker
	err    error
	took   time.Duration
}

type poll struct {
	inv *runtimeapi.Invocation
	err error
}

func newSlot(s *Supervisor, number int, drained context.Context) *slot {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 100 * time.Millisecond
	b.Multiplier = 2
	b.MaxInterval = 5 * time.Second
	b.MaxElapsedTime = 0 // never give up by itself: after the default 15 min it would return -1 for ever
	b.Reset()
	return &slot{Supervisor: s, number: number, log: s.Log.With("slot", number), backoff: b, drained: drained}
}

// run runs the slot until ctx is cancelled, when it returns nil, or until the
// supervisor must end. Either way every invocation is reported, and the worker
// reaped, when it returns.
func (s *slot) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.loop(ctx)
	cancel() // the poll and the spawn, so that they can be waited for
	if abandonErr := s.abandon(ctx); err == nil {
		err = abandonErr
	}
	s.close()
	return err
}

// loop is the slot's event loop.
func (s *slot) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		switch {
		case s.worker != nil && s.held != nil:
			if err := s.serve(ctx); err != nil {
				return err
			}
			continue
		case s.worker != nil && s.polled == nil && !dead(s.worker):
			s.poll(ctx)
		case s.worker == nil && s.born == nil && s.retry == nil:
			s.spawn(ctx)
		}

		var died <-chan struct{}
		if s.worker != nil {
			died = s.worker.Done()
		}
		select {
		case b := <-s.born:
			s.born = nil
			if err := s.settle(ctx, b); err != nil {
				return err
			}
		case <-s.retry:
			s.retry = nil
		case p := <-s.polled:
			s.polled = nil
			if p.err != nil && ctx.Err() != nil {
				return nil // the shutdown ended it
			}
			if p.err != nil {
				return p.err
			}
			s.hold(p.inv)
		case <-s.expire:
			if err := s.reportError(ctx, s.take(), reportOf(errNoWorker)); err != nil {
				return err
			}
		case <-died:
			s.log.Warn("worker died idle", "reason", s.worker.Err())
			s.observe(Event{Kind: WorkerLost, Worker: s.worker})
			s.retire()
			s.schedule()
		case <-ctx.Done():
		}
	}
	return nil
}

// spawn starts to bring up a worker, once the one before is reaped.
func (s *slot) spawn(ctx context.Context) {
	born := make(chan birth, 1)
	s.born = born
	go func() { // loop, or close, receives what it sends
		s.reaping.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeoutCause(ctx, s.InitTimeout, &InitTimeoutError{s.InitTimeout})
		defer cancel()
		w, err := s.Spawn(ctx, s.number)
		born <- birth{w, err, time.Since(start)}
	}()
}

// settle takes in what came of a spawn. An error ends the supervisor.
func (s *slot) settle(ctx context.Context, b birth) error {
	if b.err == nil {
		if s.worker != nil {
			s.log.Debug("worker recycled", "served", s.served)
			s.observe(Event{Kind: WorkerRecycled, Worker: s.worker})
			s.retire()
		}
		s.worker = b.worker
		s.served = 0
		s.failedSpawns = 0
		s.wasReady.Store(true)
		s.endTurn()
		s.setHopeless(false)
		s.log.Debug("worker ready", "took", b.took)
		s.observe(Event{Kind: WorkerReady, Worker: s.worker, Took: b.took})
		return nil
	}
	if ctx.Err() != nil {
		return nil // the shutdown ended it
	}
	if !s.wasReady.Load() {
		s.initFailed.Store(true)
		return b.err
	}
	s.endTurn()
	if s.worker != nil {
		s.served = 0 // it goes on, and is asked about again in due time
		s.log.Error("no successor for a worker that was to be recycled", "error", b.err)
		return nil
	}
	s.failedSpawns++
	s.log.Error("worker did not become ready", "attempt", s.failedSpawns, "error", b.err)
	if s.failedSpawns >= maxFailedSpawns && s.setHopeless(true) == s.Slots {
		return fmt.Errorf("%w: %d attempts in a row failed, the last with: %w", ErrGaveUp, s.failedSpawns, b.err)
	}
	s.schedule()
	return nil
}

// setHopeless counts this slot among those that have given up, or no longer, and
// returns how many have.
func (s *slot) setHopeless(hopeless bool) int {
	var change int32
	switch {
	case hopeless && !s.hopeless:
		change = 1
	case !hopeless && s.hopeless:
		change = -1
	}
	s.hopeless = hopeless
	return int(s.givenUp.Add(change))
}

// schedule decides when the next worker is spawned: at once after the first
// failure since an invocation was answered, and with growing pauses after more.
func (s *slot) schedule() {
	s.failures++
	if s.failures == 1 {
		s.log.Debug("restart at once")
		return
	}
	pause := s.backoff.NextBackOff()
	s.log.Debug("restart scheduled", "in", pause, "attempt", s.failures)
	s.retry = time.After(pause)
}

// answered notes that R has answered an invocation: the backoff begins anew, and the
// worker may have served its time. Its successor is spawned while it goes on serving,
// where there is room for both, and takes its place between two invocations.
func (s *slot) answered(ctx context.Context) {
	s.failures = 0
	s.backoff.Reset()
	s.served++
	if s.Recycle == nil || s.born != nil || ctx.Err() != nil || !s.Recycle(s.number, s.served) {
		return
	}
	if !s.Room() {
		s.log.Debug("worker recycled before its successor is there: no room for both", "served", s.served)
		s.observe(Event{Kind: WorkerRecycled, Worker: s.worker})
		s.retire()
	}
	s.spawn(ctx)
}

// retire takes the worker out of the slot and frees it.
func (s *slot) retire() {
	w := s.worker
	s.worker = nil
	s.reaping.Go(func() {
		ctx, cancel := context.WithTimeout(s.drained, drainLimit)
		defer cancel()
		w.Shutdown(ctx)
	})
}

// hold keeps an invocation until the worker is ready for it.
func (s *slot) hold(inv *runtimeapi.Invocation) {
	s.held, s.came = inv, time.Now()
	if !inv.Deadline.IsZero() {
		soft, _ := s.limits(inv)
		s.expire = time.After(soft)
	}
	s.log.Debug("invocation received", "request_id", inv.ID, "event_bytes", len(inv.Event), "deadline", inv.Deadline)
}

func (s *slot) take() *runtimeapi.Invocation {
	inv := s.held
	s.held, s.expire = nil, nil
	return inv
}

// abandon reports the invocation that the end found waiting, if there is one.
func (s *slot) abandon(ctx context.Context) error {
	if s.polled != nil {
		if p := <-s.polled; p.err == nil {
			s.held = p.inv // it came as the poll was cancelled
		}
		s.polled = nil
	}
	if s.held == nil {
		return nil
	}
	return s.reportError(ctx, s.take(), reportOf(errShutdown))
}

// close reaps the worker and waits for every goroutine of the slot.
func (s *slot) close() {
	if s.worker != nil {
		s.retire()
	}
	if s.born != nil {
		if b := <-s.born; b.err == nil {
			s.worker = b.worker
			s.retire()
		}
	}
	s.reaping.Wait()
}

// dead reports whether w was seen dead.
func dead(w Worker) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}
