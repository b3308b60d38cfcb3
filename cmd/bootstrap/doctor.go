package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"lambda-r-runtime/doctor"
	"lambda-r-runtime/worker"
)

// runDoctor prints what is wrong with this machine or image, and what to do. It returns
// an error, which says no more, when something keeps functions from working.
func runDoctor(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	healthy := true
	report := func(f doctor.Finding) { fmt.Fprintln(stdout, f) }
	failed := func(subject string, err error) {
		healthy = false
		report(doctor.Finding{Level: doctor.Fail, Subject: subject, Text: describe(err)})
	}

	c, err := readConfig(args, getenv)
	noHandler := "none given, so none was loaded: bootstrap doctor HANDLER does"
	if _, none := errors.AsType[noHandlerError](err); err != nil && !none {
		failed("settings", err)
		c.handler, noHandler = "", "none was loaded, because of the settings"
		if info, err := os.Stat(c.taskRoot); err != nil || !info.IsDir() {
			c.taskRoot = "."
		}
	}
	_, options := localFlags()
	made := worker.Config{Dir: c.taskRoot, Env: worker.Environment(os.Environ(), runtime.NumCPU()), TempDir: tempDir(getenv)}
	p, err := newPool(c, 1, getenv, options.functionEnv(c), slog.New(slog.DiscardHandler))
	if err != nil {
		failed("R", err)
	} else {
		defer p.close()
		made = p.config
	}
	if !doctor.Examine(ctx, doctor.Config{
		Getenv:      getenv,
		Worker:      made,
		NoHandler:   noHandler,
		InitTimeout: c.initTimeout,
		Explain:     describe,
		Report:      report,
	}) || !healthy {
		return errReported
	}
	return nil
}
