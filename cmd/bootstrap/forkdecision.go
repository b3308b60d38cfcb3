package main

import (
	"context"

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

// canFork decides whether workers are forked from w.
func (p *pool) canFork(_ context.Context, w *worker.Worker) bool {
	return p.settings.fork == forkAlways
}
