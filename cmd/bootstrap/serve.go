package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/supervisor"
)

// hardExit is how long a whole shutdown may take before the process exits anyway. The
// kernel then kills the R processes.
const hardExit = 2 * time.Second

// newSupervisor returns a supervisor of the pool's workers, which writes metrics to out if
// they are enabled.
func newSupervisor(p *pool, api supervisor.RuntimeAPI, out *lambdalog.Output) (*supervisor.Supervisor, error) {
	c := supervisor.Config{
		API:         api,
		Spawn:       p.spawn,
		Slots:       p.slots,
		InitTimeout: p.settings.initLimit(),
		Margin:      p.settings.margin,
		Log:         p.log,
		SnapStart:   p.settings.snapStart,
		Probe:       p.settings.probe,
		Durable:     p.durable,
	}
	c.Observe = p.observe
	if p.settings.metrics {
		metrics := lambdalog.NewMetrics(out, p.settings.function, p.log)
		c.Observe = func(t supervisor.Transition) {
			metrics.Observe(t)
			if p.observe != nil {
				p.observe(t)
			}
		}
	}
	if p.settings.maxInvocations > 0 || p.settings.maxRSS > 0 {
		c.Recycle = p.recycle
	}
	return supervisor.New(c)
}

// addSupervisor adds the actor that runs the supervisor. The returned channel is closed
// when the last invocation has been reported.
func addSupervisor(g *oklog.Group, run func(context.Context) error) <-chan struct{} {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	g.Add(func() error {
		defer close(served)
		return run(ctx)
	}, func(error) { cancel() })
	return served
}

// addSignals adds the actor that ends the group on SIGINT, SIGTERM or SIGHUP: the first
// signal starts an orderly shutdown, a second one ends the process.
func addSignals(ctx context.Context, g *oklog.Group, log *slog.Logger) {
	// A log without a reader must not kill the process, so SIGPIPE is caught and dropped.
	// R and its children would inherit an ignored SIGPIPE, but not a caught one.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	execute, interrupt := oklog.SignalHandler(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	g.Add(func() error {
		err := execute()
		if signal, ok := errors.AsType[*oklog.SignalError](err); ok {
			log.Info("shutting down", "signal", signal.Signal.String())
		}
		return err
	}, func(err error) {
		interrupt(err) // restores the default action of the signals
		time.AfterFunc(hardExit, func() { os.Exit(1) })
	})
}

// runGroup runs the actors. It returns nil if a signal ended them.
func runGroup(g *oklog.Group) error {
	err := g.Run()
	if errors.Is(err, oklog.ErrSignal) {
		return nil
	}
	return err
}
