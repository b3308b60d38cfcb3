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
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"lambda-r-runtime/doctor"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// runDoctor examines this machine or image and prints what it finds. It returns
// errReported if something keeps functions from working.
func runDoctor(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := pflag.NewFlagSet("bootstrap doctor", pflag.ContinueOnError)
	flags.Usage = func() {} // run prints the help
	snapStart := flags.Bool("snapstart", false, "")
	if done, err := parseFlags(flags, args, stdout); done {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	healthy := true
	report := func(f doctor.Finding) { fmt.Fprintln(stdout, f) }
	fail := func(subject string, err error) {
		healthy = false
		report(doctor.Finding{Level: doctor.Fail, Subject: subject, Text: describe(err)})
	}

	s, err := readSettings(flags.Args(), getenv)
	if *snapStart && s.handler == "" {
		return errors.New("--snapstart examines a handler: run bootstrap doctor --snapstart HANDLER")
	}
	noHandler := "not checked; to check one, run bootstrap doctor HANDLER"
	if err != nil {
		fail("settings", err)
		s.handler, noHandler = "", "not checked, because a setting is invalid"
	}
	_, options := localFlags()
	c := worker.Config{Dir: s.taskRoot, Env: worker.Environment(os.Environ(), runtime.NumCPU()), TempDir: tempDir(getenv)}
	env := options.functionEnv(s.handler)
	if *snapStart {
		env = append(env, initTypeVariable+"="+initTypeSnap)
	}
	p, err := newPool(s, 1, getenv, env, slog.New(slog.DiscardHandler))
	if err != nil {
		fail("R", err)
	} else {
		defer p.close()
		c = p.config
	}
	if s.command != nil {
		c.Handler, noHandler = "", "not loaded: it is the command of a web server"
	}
	if s.fork != forkNever { // as the first R loads the handler
		c.Env, c.Threads = worker.SingleThreaded(c.Env)
	}
	if !doctor.Examine(ctx, doctor.Config{
		Getenv:      getenv,
		Worker:      c,
		NoHandler:   noHandler,
		SnapStart:   *snapStart,
		Workers:     max(s.workers, s.maxConcurrency),
		Fork:        s.forkAdvice,
		InitTimeout: s.initLimit(),
		Explain:     describe,
		Report:      report,
	}) {
		healthy = false
	}
	if s.command != nil && p != nil {
		examineServer(ctx, p, report, fail)
	}
	if !healthy {
		return errReported
	}
	return nil
}

// examineServer starts the web server and reports how long that took.
func examineServer(ctx context.Context, p *pool, report func(doctor.Finding), fail func(string, error)) {
	limit := p.settings.initLimit()
	starting, cancel := context.WithTimeoutCause(ctx, limit, &supervisor.InitTimeoutError{Limit: limit})
	defer cancel()
	start := time.Now()
	c := p.config
	c.Log = p.log
	w, err := p.bear(starting, c)
	if err != nil {
		fail("web server", err)
		return
	}
	took := time.Since(start)
	report(doctor.Finding{Subject: "web server", Text: fmt.Sprintf("%s listens after %.1f s and uses %d MB; it is a web server because %s",
		strings.Join(p.settings.command, " "), took.Seconds(), w.RSS()>>20, p.settings.detected)})
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), supervisor.DrainLimit)
	defer cancel()
	w.Shutdown(stopping)
}
