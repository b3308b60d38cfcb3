package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lambda-r-runtime/doctor"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

// A forkMode is the setting LAMBDA_R_FORK.
type forkMode string

const (
	forkAuto   forkMode = "auto"
	forkAlways forkMode = "always"
	forkNever  forkMode = "never"
)

func (s *settings) parseFork(value string) bool {
	switch mode := forkMode(value); mode {
	case forkAuto, forkAlways, forkNever:
		s.fork = mode
		return true
	}
	return false
}

// worthForking is the init from which a template is worth its memory for a single slot. A spawned
// worker takes as long again after each crash, a forked one some 20 ms.
const worthForking = 500 * time.Millisecond

// A forkCase is what decides whether workers are forked.
type forkCase struct {
	mode     forkMode
	slots    int
	isolated bool          // each invocation gets a worker of its own
	init     time.Duration // from the start of R until it was ready
	rss      int64         // of R, in bytes
	memory   int64         // the limit of all processes together, in bytes; 0 if there is none
}

// useless returns why forking is not worth its memory, or "".
func (c forkCase) useless() string {
	if c.slots > 1 || c.isolated || c.init >= worthForking {
		return ""
	}
	return fmt.Sprintf("the init takes %d ms, less than %d ms, and there is one worker",
		c.init.Milliseconds(), worthForking.Milliseconds())
}

// unaffordable returns why the memory has no room for a template, or "". A forked worker shares some
// of its memory with the template, but a collection of R's garbage can end that. And what handlers
// compute needs memory too: as much as one R is left for that.
func (c forkCase) unaffordable() string {
	need := int64(c.slots+2) * c.rss
	if c.memory == 0 || need <= c.memory {
		return ""
	}
	return fmt.Sprintf("%d times the memory of R, for workers, the R to fork from and what handlers compute, is %d MB of %d MB",
		c.slots+2, need>>20, c.memory>>20)
}

// A forkDecision is whether workers are forked, and why.
type forkDecision struct {
	fork    bool
	reason  string
	hazards []protocol.Finding // the user should know of them
}

// decide decides. Hazards are what workers would share or miss. They are asked for only if they can make
// a difference.
func (c forkCase) decide(hazards func() ([]protocol.Finding, error)) (forkDecision, error) {
	if c.mode == forkNever {
		return forkDecision{reason: "LAMBDA_R_FORK is never"}, nil
	}
	if c.mode == forkAuto {
		for _, reason := range []string{c.useless(), c.unaffordable()} {
			if reason != "" {
				return forkDecision{reason: reason}, nil
			}
		}
	}
	found, err := hazards()
	if failed, ok := errors.AsType[*protocol.HandlerError](err); ok {
		reason := "the search for what forked workers would share failed: " + failed.Error()
		return forkDecision{fork: c.mode == forkAlways, reason: reason}, nil
	}
	if err != nil {
		return forkDecision{}, err
	}
	switch {
	case c.mode == forkAlways:
		return forkDecision{fork: true, reason: "LAMBDA_R_FORK is always", hazards: found}, nil
	case len(found) > 0:
		f := found[0]
		return forkDecision{reason: fmt.Sprintf("the handler's file has made %s; to fork, %s", f.What, f.Fix)}, nil
	}
	return forkDecision{fork: true, reason: "forking is worth its memory, and nothing was found that forked workers cannot use"}, nil
}

// forkAdvice is the decision for the doctor.
func (s *settings) forkAdvice(c doctor.ForkCase) (fork bool, reason string) {
	d, _ := forkCase{
		mode:     s.fork,
		slots:    c.Workers,
		isolated: s.isolated(),
		init:     c.Init,
		rss:      c.RSS,
		memory:   c.Memory,
	}.decide(func() ([]protocol.Finding, error) { return c.Hazards, nil }) // the only source of an error
	return d.fork, d.reason
}

// canFork decides whether workers are forked from w, which became ready after init.
func (p *pool) canFork(ctx context.Context, log *slog.Logger, w *worker.Worker, init time.Duration) (bool, error) {
	c := forkCase{
		mode:     p.settings.fork,
		slots:    p.slots,
		isolated: p.settings.isolated(),
		init:     init,
		rss:      w.RSS(),
		memory:   p.memoryLimit(),
	}
	d, err := c.decide(func() ([]protocol.Finding, error) { return w.Hazards(ctx) })
	if err != nil {
		return false, err
	}
	log.Debug("forking decided", "fork", d.fork, "reason", d.reason)
	for _, f := range d.hazards {
		log.Warn("forked workers cannot use what the handler's file has made", "kind", f.Kind, "what", f.What, "fix", f.Fix)
	}
	return d.fork, nil
}
