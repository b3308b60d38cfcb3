package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// hardExit is how long a shutdown may take in all before the process ends anyway.
// R processes die with it.
const hardExit = 2 * time.Second

// runLambda serves the handler inside Lambda. It never returns an error that was
// not logged and, before the first event, reported as the init error.
func runLambda(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	c, err := readConfig(args, getenv)
	frames, noFrames := openTelemetryLog(getenv)
	out := &logOutput{w: stdout, frames: frames}
	log := newLogger(out, c.logLevel, c.logJSON, isTerminal(stdout))
	if noFrames != nil {
		log.Warn("the log goes to standard output", "error", noFrames)
	}
	slots := c.lambdaSlots()
	api, apiErr := runtimeapi.NewClient(getenv("AWS_LAMBDA_RUNTIME_API"), version, slots)
	if apiErr != nil {
		return logFatal(log, apiErr) // there is nobody to report it to
	}
	defer api.Close()
	var p *pool
	if err == nil {
		p, err = newPool(c, slots, getenv, nil, log)
	}
	if err != nil {
		if reportErr := supervisor.ReportInit(api, err); reportErr != nil {
			log.Error("init error not reported", "error", reportErr)
		}
		return logFatal(log, err)
	}
	defer p.close()

	var g oklog.Group
	addSignals(ctx, &g, log)
	var events supervisor.RuntimeAPI = api
	if c.sigterm {
		events = registerExtension(&g, api, log)
	}
	s, err := newSupervisor(c, slots, events, p, newObserver(c, getenv, out, log), log)
	if err != nil {
		return logFatal(log, err)
	}
	addSupervisor(&g, s.Run)
	if err := runGroup(&g); err != nil {
		return logFatal(log, err)
	}
	return nil
}

// newSupervisor makes the supervisor of slots workers out of p. Observe may be nil.
func newSupervisor(c config, slots int, api supervisor.RuntimeAPI, p *pool, observe func(supervisor.Transition), log *slog.Logger) (*supervisor.Supervisor, error) {
	supervise := supervisor.Config{
		API:         api,
		Spawn:       p.spawn,
		Slots:       slots,
		InitTimeout: c.initTimeout,
		Margin:      c.margin,
		Observe:     observe,
		Log:         log,
	}
	if c.maxInvocations > 0 || c.maxRSS > 0 {
		supervise.Recycle = p.recycle
	}
	return supervisor.New(supervise)
}

// addSupervisor adds the actor that runs the slots. The channel that it returns is
// closed when the last invocation was reported.
func addSupervisor(g *oklog.Group, run func(context.Context) error) <-chan struct{} {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	g.Add(func() error {
		defer close(served)
		return run(ctx)
	}, func(error) { cancel() })
	return served
}

// addSignals adds the actor that ends everything on SIGINT, SIGTERM or SIGHUP: at the first
// in good order, at the second at once.
func addSignals(ctx context.Context, g *oklog.Group, log *slog.Logger) {
	// A log that nobody reads any more is no reason to die, so its SIGPIPE goes nowhere.
	// (Ignored, it would be ignored in R and its children, too.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	execute, interrupt := oklog.SignalHandler(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	g.Add(func() error {
		err := execute()
		if signal, ok := errors.AsType[*oklog.SignalError](err); ok {
			log.Info("shutting down", "signal", signal.Signal.String())
		}
		return err
	}, func(err error) {
		// The default action of a second signal is to end the process.
		interrupt(err)
		time.AfterFunc(hardExit, func() { os.Exit(1) })
	})
}

// runGroup runs the actors; that a signal ended them is no error.
func runGroup(g *oklog.Group) error {
	err := g.Run()
	if errors.Is(err, oklog.ErrSignal) {
		return nil
	}
	return err
}
