package doctor

import (
	"context"
	"errors"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// restoreTakes is how long Lambda's restores take, as published for other languages, whatever the
// init took. So SnapStart is worth it if it saves leastSaved or more.
const (
	restoreTakes = "0.4 to 0.7 s"
	leastSaved   = time.Second
)

// dead has the kinds of findings that do not work after a restore. Those of other kinds work, but
// are the same in all restored environments.
var dead = map[string]bool{"socket": true, "dbi": true, "pool": true, "cluster": true}

// snapStart takes w, which has loaded the handler, through the phases of SnapStart. It reports what
// fails in them, what a restore breaks, and whether SnapStart is worth it. InitCtx bounds what
// happens before the snapshot, and init is how long w took to become ready.
func (e *examination) snapStart(ctx, initCtx context.Context, w *worker.Worker, init time.Duration) {
	e.advise(init, e.phases(ctx, initCtx, w))
}

// phases takes w through the phases. It returns how much less time the first invocation takes after
// priming and the restore, if the handler is primed and nothing fails.
func (e *examination) phases(ctx, initCtx context.Context, w *worker.Worker) (saved time.Duration) {
	primed, first := w.Info().Prime != "", time.Duration(0)
	if primed {
		_, took, err := e.enter(initCtx, w, protocol.TypePrime, "priming")
		if _, alive := errors.AsType[*protocol.HandlerError](err); err != nil && !alive {
			return 0
		}
		primed, first = err == nil, took
	} else {
		e.ok("priming", "none; lambda_config(prime = ) runs the handler before the snapshot, so that it answers its first event sooner")
	}
	entered, _, err := e.enter(initCtx, w, protocol.TypeSnapshot, "snapshot")
	if err != nil {
		return 0
	}
	e.fragile(entered.Findings)

	restoring, cancel := context.WithTimeoutCause(ctx, supervisor.RestoreLimit, supervisor.ErrRestoreTimeout)
	defer cancel()
	_, took, err := e.enter(restoring, w, protocol.TypeRestore, "restore")
	if err != nil {
		return 0
	}
	e.ok("restore", "R renewed its random numbers and ran the on_restore() hooks in %s", duration(took))
	if !primed {
		return 0
	}
	return first - e.primeAgain(ctx, w, first)
}

// enter makes w enter a phase and returns R's answer and how long that took. It reports an error.
func (e *examination) enter(ctx context.Context, w *worker.Worker, phase, subject string) (protocol.Entered, time.Duration, error) {
	started := time.Now()
	entered, err := w.Enter(ctx, protocol.Phase{Type: phase})
	if err != nil {
		e.reportPhase(w, subject, &supervisor.PhaseError{Phase: phase, Err: err})
	}
	return entered, time.Since(started), err
}

// reportPhase reports a phase that failed. A failed priming that the handler's file allows is only a
// warning, unless R has ended, so that nothing else can be examined.
func (e *examination) reportPhase(w *worker.Worker, subject string, err *supervisor.PhaseError) {
	report := e.fail
	if _, alive := errors.AsType[*protocol.HandlerError](err); alive && err.Phase == protocol.TypePrime && w.Info().Prime == protocol.PrimeContinue {
		report = e.warn
	}
	report(subject, "%s", e.Explain(err))
}

// primeAgain primes a restored worker, as its first invocation. It returns how long that took, at
// most first, which is what priming took before the snapshot.
func (e *examination) primeAgain(ctx context.Context, w *worker.Worker, first time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, e.InitTimeout)
	defer cancel()
	started := time.Now()
	_, err := w.Enter(ctx, protocol.Phase{Type: protocol.TypePrime})
	took := time.Since(started)
	if err != nil {
		e.fail("restore", "the event of priming fails after the on_restore() hooks: %s", e.Explain(err))
		return first
	}
	e.ok("priming", "took %s, and %s when repeated after the restore", duration(first), duration(took))
	return min(first, took)
}

// fragile reports what R still holds after its on_snapshot() hooks.
func (e *examination) fragile(findings []protocol.Finding) {
	if len(findings) == 0 {
		e.ok("snapshot", "holds no connection, open file or seed that was found")
	}
	for _, f := range findings {
		if dead[f.Kind] {
			e.fail("snapshot", "%s: %s", f.What, f.Fix)
		} else {
			e.warn("snapshot", "%s: %s", f.What, f.Fix)
		}
	}
}

// advise reports whether SnapStart is worth it, if it saves an init of this length and so much of
// the first invocation.
func (e *examination) advise(init, saved time.Duration) {
	text := "an init of " + duration(init)
	if saved > 0 {
		text += " and " + duration(saved) + " of the first invocation"
	}
	if init+saved < leastSaved {
		e.warn("SnapStart", "is not worth it: it would save %s, but a restore takes %s", text, restoreTakes)
		return
	}
	e.ok("SnapStart", "is worth it: it saves %s, and a restore takes %s; Lambda bills each restore, and each published version while it exists",
		text, restoreTakes)
}
