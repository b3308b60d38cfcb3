package supervisor

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// DrainLimit is how long an invocation may continue after a shutdown began, and how long
// an idle R may take to exit. Lambda sends SIGKILL some 500 ms after SIGTERM.
const DrainLimit = 400 * time.Millisecond

// A slot is the place of one worker. The goroutine of run owns all fields.
type slot struct {
	sup    *Supervisor
	config *Config // of sup
	number int
	log    *slog.Logger

	state     State
	restarts  restarts
	worker    Worker                  // nil unless the slot is ready or busy
	pid       int                     // of worker
	served    int                     // invocations that worker answered
	due       bool                    // worker is due for recycling
	spawned   chan spawnResult        // non-nil while a worker is being started
	stopSpawn context.CancelCauseFunc // of that
	retry     <-chan time.Time        // non-nil during backoff
	reaping   sync.WaitGroup          // workers that are being freed
	leaving   []<-chan struct{}       // closed when they are; the next spawn waits for these
	overlap   bool                    // but not for the last one

	polled   chan pollResult        // non-nil while a poll of /next is open
	held     *runtimeapi.Invocation // received and neither run nor reported
	received time.Time              // when the last invocation was received
	expire   <-chan time.Time       // when held must be reported as failed

	// Non-nil with SnapStart until it has happened; nil channels block.
	restored <-chan struct{}  // the environment was restored
	opened   <-chan struct{}  // polls may begin
	overdue  <-chan time.Time // Lambda's limit for the restore is near, and the worker is not ready
	unprimed bool             // priming has failed, and is not tried again

	tookTurn bool // its first spawn has ended
	gaveUp   bool // it is counted in sup.gaveUp

	drainDeadline context.Context // ends when a shutdown leaves no more time
}

func newSlot(s *Supervisor, number int, drainDeadline context.Context) *slot {
	slot := &slot{
		sup:           s,
		config:        &s.config,
		number:        number,
		log:           s.config.Log.With("slot", number),
		drainDeadline: drainDeadline,
	}
	if s.snap != nil {
		slot.restored, slot.opened = s.snap.restored, s.snap.opened
	}
	return slot
}

// enter changes the state, and returns what the transition embeds.
func (s *slot) enter(state State) At {
	s.state = state
	return s.here()
}

// here returns what a transition embeds that does not change the state.
func (s *slot) here() At { return At{Time: time.Now(), Slot: s.number, State: s.state} }

// run runs the slot until ctx is cancelled, when it returns nil, or until the supervisor
// must end. Either way, every invocation is reported and the worker reaped when it returns.
func (s *slot) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.loop(ctx)
	cancel() // ends the poll and the spawn, so that they can be waited for
	s.emit(Draining{At: s.enter(StateDraining)})
	if abandonErr := s.abandon(ctx); err == nil {
		err = abandonErr
	}
	s.free()
	return err
}

// loop is the slot's event loop.
func (s *slot) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		s.maybeSpawn(ctx)
		if s.worker != nil && s.held != nil {
			if err := s.serve(ctx); err != nil {
				return err
			}
			continue
		}
		s.maybePoll(ctx)

		var died <-chan struct{}
		if s.worker != nil {
			died = s.worker.Done()
		}
		select {
		case r := <-s.spawned:
			s.spawned = nil
			if err := s.spawnEnded(ctx, r); err != nil {
				return err
			}
		case <-s.retry:
			s.retry = nil
		case p := <-s.polled:
			s.polled = nil
			if err := s.pollEnded(ctx, p); err != nil {
				return err
			}
		case <-s.expire:
			if err := s.fail(ctx, s.take(), errNoWorker); err != nil {
				return err
			}
		case <-died:
			s.lose(ctx, Lost{Reason: s.worker.Err(), Idle: true}, s.restarts.lost())
		case <-s.restored:
			s.restored = nil
			if err := s.restore(ctx); err != nil {
				return err
			}
		case <-s.opened:
			s.opened = nil
		case <-s.overdue:
			s.overdue = nil
			s.offer(ctx)
		case <-ctx.Done():
		}
	}
	return nil
}

// pollEnded takes in an invocation, or a failure to get one. An error ends the supervisor.
func (s *slot) pollEnded(ctx context.Context, p pollResult) error {
	if p.inv != nil {
		s.hold(p.inv)
	}
	switch {
	case p.err == nil || ctx.Err() != nil:
		return nil // abandon reports what a shutdown found held
	case p.inv != nil:
		return s.fail(ctx, s.take(), p.err)
	}
	return p.err
}

// lose takes a worker that cannot be used again out of the slot, and delays the next
// spawn by pause. During a shutdown, that is not a transition: no other worker follows.
func (s *slot) lose(ctx context.Context, t Lost, pause time.Duration) {
	if s.state == StatePrepared {
		s.sup.snap.count(-1)
	}
	if ctx.Err() != nil {
		s.retire()
		return
	}
	t.PID, t.At = s.pid, s.enter(StateReaped)
	succeeded := s.spawned != nil // its successor is being started already
	if succeeded {
		t.At = s.enter(StateSpawning)
	}
	s.emit(t)
	s.retire()
	if !succeeded {
		s.backOff(pause)
	}
}

// backOff delays the next spawn by pause.
func (s *slot) backOff(pause time.Duration) {
	if pause > 0 {
		s.retry = time.After(pause)
		s.emit(BackingOff{At: s.enter(StateBackoff), Failures: s.restarts.failures, Pause: pause})
	}
}

// retire takes the worker out of the slot and frees it in the background.
func (s *slot) retire() {
	w := s.worker
	s.worker, s.due = nil, false
	reaped := make(chan struct{})
	s.leaving = append(s.leaving, reaped)
	s.reaping.Go(func() { // the next spawn, or free, waits for it
		defer close(reaped)
		s.end(w)
	})
}

// end asks a worker that has left the slot to exit, and frees it.
func (s *slot) end(w Worker) {
	ctx, cancel := context.WithTimeout(s.drainDeadline, DrainLimit)
	defer cancel()
	w.Shutdown(ctx)
}

// hold keeps an invocation until the worker is ready for it, or its deadline is near.
func (s *slot) hold(inv *runtimeapi.Invocation) {
	s.held, s.received = inv, time.Now()
	if !inv.Deadline.IsZero() {
		soft, _ := s.limits(inv)
		s.expire = time.After(soft)
	}
	s.emit(Received{At: s.here(), Invocation: s.facts(inv)})
}

// take returns the held invocation, which the caller must report.
func (s *slot) take() *runtimeapi.Invocation {
	inv := s.held
	s.held, s.expire = nil, nil
	return inv
}

// facts returns what transitions say about the invocation that was received last.
func (s *slot) facts(inv *runtimeapi.Invocation) Invocation {
	return Invocation{
		ID:         textOf(inv.ID),
		TenantID:   inv.TenantID,
		EventBytes: len(inv.Event),
		Deadline:   inv.Deadline,
		Received:   s.received,
	}
}

// textOf returns a request id as the log and R get it. A header may hold any bytes, and JSON holds
// characters only. Only the path of a report has the id as it came.
func textOf(id string) string { return strings.ToValidUTF8(id, "\uFFFD") }

// abandon reports the invocation that a shutdown found waiting, if there is one.
func (s *slot) abandon(ctx context.Context) error {
	if s.polled != nil {
		if p := <-s.polled; p.inv != nil {
			s.hold(p.inv) // it came as the poll was cancelled, perhaps not whole
		}
		s.polled = nil
	}
	if s.held == nil {
		return nil
	}
	return s.fail(ctx, s.take(), errShutdown)
}

// free reaps the workers and waits for every goroutine of the slot.
func (s *slot) free() {
	if s.worker != nil {
		s.retire()
	}
	if s.spawned != nil {
		if r := <-s.spawned; r.err == nil {
			s.worker = r.worker
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
