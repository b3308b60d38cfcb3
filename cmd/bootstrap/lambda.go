package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// runLambda serves the handler inside Lambda. It logs every error that it returns. Errors
// before the first invocation are also reported to the Runtime API as the init error.
func runLambda(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	s, invalid := readSettings(args, getenv)
	s.readSnapStart(getenv)
	frames, noFrames := lambdalog.OpenTelemetry(getenv(lambdalog.TelemetryVariable))
	out := lambdalog.NewOutput(stdout, frames)
	defer out.Close() // what the reader does not take in time is lost
	log := lambdalog.New(out, lambdalog.Options{Level: s.logLevel, JSON: s.logJSON})
	if noFrames != nil {
		log.Warn("telemetry log not available, logging to standard output", "error", noFrames)
	}
	api, err := runtimeapi.NewClient(getenv("AWS_LAMBDA_RUNTIME_API"), version, s.lambdaSlots())
	if err != nil {
		return logFatal(log, err) // the error cannot be reported without a client
	}
	defer api.Close()
	if err := errors.Join(invalid, s.checkHandler()); err != nil {
		return failInit(api, log, err)
	}
	return serveLambda(ctx, s, api, getenv, out, log)
}

// serveLambda serves the handler until a signal or a fatal error.
func serveLambda(
	ctx context.Context, s settings, api *runtimeapi.Client, getenv func(string) string,
	out *lambdalog.Output, log *slog.Logger,
) error {
	limitMemory(s.lambdaSlots())
	p, err := newPool(s, s.lambdaSlots(), getenv, nil, log)
	if err != nil {
		return failInit(api, log, err)
	}
	defer p.close()
	if s.probe {
		p.observe = observeDraws(p.config.TempDir, p.lastReady, log)
	}
	ext := newExtension(api, p.hasHooks, log)
	var source supervisor.RuntimeAPI = ext
	if s.command == nil { // a server takes them from Lambda's endpoint: nothing could renew its environment
		p.credentials = newCredentials(getenv, log)
	}
	if p.credentials != nil {
		source = &refresher{ext, p.credentials}
	}
	p.durable = durable.NewClient(p.currentEnv(getenv))
	sup, err := newSupervisor(p, source, out)
	if err != nil {
		return failInit(api, log, err)
	}
	var g oklog.Group
	addSignals(ctx, &g, log)
	ext.addTo(&g)
	addSupervisor(&g, sup.Run)
	if err := runGroup(&g); err != nil {
		return logFatal(log, err)
	}
	return nil
}

// failInit reports err as the init error, logs it and returns it for main.
func failInit(api supervisor.RuntimeAPI, log *slog.Logger, err error) error {
	if reportErr := supervisor.ReportInit(api, err); reportErr != nil {
		log.Error("init error not reported", "error", reportErr)
	}
	return logFatal(log, err)
}
