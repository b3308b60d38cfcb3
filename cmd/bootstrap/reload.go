package main

import (
	"context"
	"log/slog"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/supervisor"
)

// A reloader is what bootstrap local --watch runs in place of one supervisor: a new one
// after each change of an R file.
type reloader struct {
	supervisor func() (*supervisor.Supervisor, error) // makes one
	pool       *pool                                  // of its workers
	emu        *emulator.Emulator
	api        supervisor.RuntimeAPI
	files      *watcher
	log        *slog.Logger
}

// run serves until ctx ends, when it returns nil.
func (r *reloader) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	changes := r.files.changes(watching)
	defer func() {
		stop()
		for range changes { // until it is closed
		}
	}()
	for ctx.Err() == nil {
		s, err := r.supervisor()
		if err != nil {
			return err
		}
		r.serve(ctx, s, changes)
		r.pool.forget()
		r.emu.Restart()
	}
	return nil
}

// serve runs a supervisor until a file changes, or ctx ends.
func (r *reloader) serve(ctx context.Context, s *supervisor.Supervisor, changes <-chan string) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }() // both cases below wait for it
	select {
	case err := <-ended:
		if ctx.Err() == nil {
			r.awaitMending(err, changes)
		}
	case file, ok := <-changes:
		if ok {
			r.log.Info("reloading", "changed", file)
			if n := r.emu.Running(); n > 0 {
				r.log.Info("the reload waits for invocations that run", "running", n)
			}
			r.emu.Pause(ctx)
		}
		stop()
		<-ended // an error of code that is no more does not matter
	}
}

// awaitMending tells everybody why the function cannot be served, until a file changes.
func (r *reloader) awaitMending(failed error, changes <-chan string) {
	r.log.Error("not ready: " + describe(failed))
	// The supervisor has reported it where it was an init error. Where it gave up later,
	// this is what callers would hear of the next environment's init.
	r.emu.Restart()
	if err := supervisor.ReportInit(r.api, failed); err != nil {
		r.log.Error("init error not reported", "error", err)
	}
	r.log.Info("waiting for a change of an R file", "folder", r.files.root)
	if file, ok := <-changes; ok {
		r.log.Info("reloading", "changed", file)
	}
}
