package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// A ForkCase describes an R that has loaded a handler, and how many workers are wanted.
type ForkCase struct {
	Workers int
	Init    time.Duration      // from the start of R until it was ready
	RSS     int64              // of R, in bytes
	Memory  int64              // the limit of all processes together, in bytes; 0 if there is none
	Hazards []protocol.Finding // see worker.Worker.Hazards
}

// fork reports whether workers can be forked from w, which became ready after init, and whether they
// would be. C is w's configuration. If a fork is tried, w has ended afterwards.
func (e *examination) fork(ctx context.Context, c worker.Config, w *worker.Worker, init time.Duration) {
	hazards, err := w.Hazards(ctx)
	if err != nil {
		e.fail("fork", "the search for what forked workers cannot use failed: %s", e.Explain(err))
		return
	}
	memory, _ := e.limit()
	of := ForkCase{Init: init, RSS: w.RSS(), Memory: memory, Hazards: hazards}
	if len(hazards) > 0 || e.SnapStart || e.tryFork(ctx, c, w) {
		e.decideFork(of)
	}
}

// tryFork forks two workers from w, one after the other, and reports whether that works. Only the
// second is timed: the first fork touches memory that the second does not have to.
func (e *examination) tryFork(ctx context.Context, c worker.Config, w *worker.Worker) bool {
	t, err := worker.NewTemplate(ctx, w, false)
	if err != nil {
		e.warn("fork", "workers would be spawned: %v", err)
		return false
	}
	defer t.Shutdown()
	var took time.Duration
	for range 2 {
		if took, err = timeFork(ctx, t, c); err != nil {
			e.forkFailed(err)
			return false
		}
	}
	e.ok("fork", "a worker was forked, and was ready after %s", duration(took))
	return true
}

// timeFork forks a worker, ends it, and returns how long it took to become ready.
func timeFork(ctx context.Context, t *worker.Template, c worker.Config) (time.Duration, error) {
	forking, cancel := context.WithTimeoutCause(ctx, worker.ForkLimit, worker.SlowForkError{})
	defer cancel()
	started := time.Now()
	w, err := t.Fork(forking, c)
	took := time.Since(started)
	if err == nil {
		stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), supervisor.DrainLimit)
		defer stop()
		w.Shutdown(stopping)
	}
	return took, err
}

// forkFailed reports why a fork failed. If it is a hook's error, no worker can become ready.
func (e *examination) forkFailed(err error) {
	_, noProcess := errors.AsType[*worker.ForkError](err)
	_, answered := errors.AsType[*protocol.HandlerError](err)
	if answered && !noProcess {
		e.fail("fork", "%s", e.Explain(err))
		return
	}
	e.warn("fork", "workers would be spawned, because a fork has failed: %v", err)
}

// decideFork reports whether one worker and several would be forked. What they could not use is a
// warning if they would share it, or are not forked because of it.
func (e *examination) decideFork(c ForkCase) {
	level := OK
	var decisions []string
	for _, workers := range []int{1, max(2, e.Workers)} {
		c.Workers = workers
		fork, reason := e.Fork(c)
		without := c
		without.Hazards = nil
		if wanted, _ := e.Fork(without); wanted {
			level = Warn
		}
		decisions = append(decisions, decision(workers, fork)+": "+reason)
	}
	for _, f := range c.Hazards {
		e.report(level, "fork", "forked workers cannot use what the handler's file has made: %s: %s", []any{f.What, f.Fix})
	}
	for _, text := range decisions {
		e.ok("fork", "%s", text)
	}
}

func decision(workers int, fork bool) string {
	noun, verb := "workers", "spawned"
	if workers == 1 {
		noun = "worker"
	}
	if fork {
		verb = "forked"
	}
	return fmt.Sprintf("%d %s would be %s", workers, noun, verb)
}
