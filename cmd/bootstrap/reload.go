package main

import (
	"context"
	"log/slog"

	"lambda-r-runtime/cmd/bootstrap/internal/watch"
	"lambda-r-runtime/emulator"
	"lambda-r-runtime/supervisor"
)

// A reloader runs bootstrap local --watch: it replaces the supervisor after each change of
// an R file.
type reloader struct {
	newSupervisor func() (*supervisor.Supervisor, error)
	pool          *pool
	emu           *emulator.Emulator
	functions     *localFunctions
	api           supervisor.RuntimeAPI
	files         *watch.Watcher
	log           *slog.Logger
	console       string // its address
}

// run serves until ctx ends; then it returns nil.
func (r *reloader) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	changes := r.files.Changes(watching)
	defer func() {
		stop()
		for range changes { // wait until the watcher closes it
		}
	}()
	for ctx.Err() == nil {
		s, err := r.newSupervisor()
		if err != nil {
			return err
		}
		r.serve(ctx, s, changes)
		r.pool.forget()
		r.functions.restart(ctx)
		r.emu.Restart()
	}
	return nil
}

// serve runs a supervisor until a file changes or ctx ends.
func (r *reloader) serve(ctx context.Context, s *supervisor.Supervisor, changes <-chan string) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }() // both cases below wait for it
	select {
	case err := <-ended:
		if ctx.Err() == nil {
			r.reportUntilChange(err, changes)
		}
	case file, ok := <-changes:
		if ok {
			r.log.Info("reloading", "changed", file)
			if n := r.emu.Running(); n > 0 {
				r.log.Info("reload waits for running invocations", "running", n)
			}
			r.emu.Pause(ctx)
		}
		stop()
		<-ended // errors of the replaced code do not matter
	}
}

// reportUntilChange logs why the function cannot be served and returns it to callers, until
// a file changes.
func (r *reloader) reportUntilChange(failed error, changes <-chan string) {
	r.log.Error("not ready: " + describe(failed))
	// The supervisor has reported init errors, but not that it gave up later. After a restart
	// the emulator takes an init error and answers all callers with it.
	r.emu.Restart()
	if err := supervisor.ReportInit(r.api, failed); err != nil {
		r.log.Error("init error not reported", "error", err)
	}
	r.log.Info("waiting for an R file to change", "folder", r.files.Root, "console", r.console)
	if file, ok := <-changes; ok {
		r.log.Info("reloading", "changed", file)
	}
}
