package doctor

import (
	"context"
	"time"

	"lambda-r-runtime/worker"
)

// fork reports whether workers are forked from w, which took init to load the handler, and what
// forked workers could not use.
func (e *examination) fork(ctx context.Context, w *worker.Worker, init time.Duration) {
	if e.Fork == nil {
		e.ok("fork", "workers are spawned, not forked: LAMBDA_R_FORK is never")
		return
	}
	decision, hazards, err := e.Fork(ctx, w, init)
	if err != nil {
		e.fail("fork", "R ended while it looked for what forked workers would share: %s", e.Explain(err))
		return
	}
	e.ok("fork", "%s", decision)
	for _, f := range hazards {
		e.ok("fork", "forked workers cannot use %s: %s", f.What, f.Fix)
	}
}
