package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/cmd/bootstrap/internal/watch"
	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// localFunction is the function's name outside Lambda.
const localFunction = "function"

// runLocal serves the handler behind the emulator until a signal arrives.
func runLocal(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags, o := localFlags()
	if done, err := parseFlags(flags, args, stdout); done {
		return err
	}
	s, invalid := readSettings(flags.Args(), getenv)
	if err := errors.Join(invalid, o.complete(flags, &s, getenv), s.checkHandler()); err != nil {
		return err
	}
	out := lambdalog.NewOutput(stdout, nil)
	defer out.Close() // what the reader does not take in time is lost
	log := lambdalog.New(out, lambdalog.Options{Level: s.logLevel, JSON: s.logJSON})
	closeFailures, err := o.openFailures()
	if err != nil {
		return err
	}
	defer closeFailures()
	if o.snapStart {
		return serveSnapStart(ctx, s, o, getenv, out, log)
	}
	con := newLocalConsole(s, o)
	log = slog.New(con.Tee(log.Handler()))
	if o.strict {
		defer enforceLimits(s, o, tempDir(getenv), log)()
	}
	p, err := newPool(s, o.concurrency, getenv, o.functionEnv(s.handler), log)
	if err != nil {
		return err
	}
	defer p.close()
	p.config.Hints = true
	if p.config.Dumps, err = o.dumpDir(s, getenv); err != nil {
		return err
	}
	con.pool = p
	checks := newLocalChecks(p, o)
	p.observe = func(t supervisor.Transition) {
		con.Observe(t)
		checks.observe(t)
	}
	server, err := listenLocal(o.addr)
	if err != nil {
		return err
	}
	addr := reachable(server.callers.Addr())
	log.Debug("listening", "address", addr)
	watching := observers{con}
	if r := o.newRecorder(s, getenv, server.callers.Addr(), log); r != nil {
		defer r.close()
		watching = append(watching, r)
	}
	functions := &localFunctions{settings: s, options: o, getenv: getenv, out: out, log: log, running: map[string]*localChained{}}
	dur := &localDurable{pool: p, functions: functions}
	emu := newEmulator(p, o, addr, out, watching, dur)
	con.emulator, con.durable, server.console, server.durable = emu, dur, con.Console, dur
	if err := dur.start(emu, o, server.runtime.Addr().String(), log); err != nil {
		return errors.Join(err, server.close())
	}
	defer dur.close()
	api, err := runtimeapi.NewClient(server.runtime.Addr().String(), version, o.concurrency)
	if err != nil {
		return errors.Join(err, server.close())
	}
	defer api.Close()

	supervise := func() (*supervisor.Supervisor, error) {
		return newSupervisor(p, api, out)
	}
	run := func(ctx context.Context) error {
		sup, err := supervise()
		if err != nil {
			return err
		}
		return sup.Run(ctx)
	}
	if o.watch {
		p.spawned = emu.Resume
		r := &reloader{
			newSupervisor: supervise, pool: p, emu: emu, functions: functions, api: api,
			files: watch.New(s.taskRoot), log: log, console: consoleURL(addr),
		}
		run = r.run
	}
	var g oklog.Group
	addSignals(ctx, &g, log)
	server.serve(&g, emu, addSupervisor(&g, run))
	defer warnOfLost(emu, log)
	return runGroup(&g)
}

// functionEnv returns the variables that Lambda sets for a function.
func (o *localOptions) functionEnv(handler string) []string {
	return []string{
		"_HANDLER=" + handler,
		"AWS_LAMBDA_FUNCTION_NAME=" + localFunction,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", o.memory),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + localFunction,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
	}
}

// newEmulator returns the emulator that serves the function on addr. It prints the banner
// when the function is first ready.
func newEmulator(
	p *pool, o *localOptions, addr string, out *lambdalog.Output, observer emulator.Observer, dur *localDurable,
) *emulator.Emulator {
	handler := p.settings.handler
	var served atomic.Bool
	emu := emulator.New(emulator.Config{
		Timeout:    o.timeout,
		MemoryMB:   o.memory,
		Limit:      o.concurrency + o.queue,
		PeakMemory: func(int) int64 { return p.peakMemory() },
		HTTP:       front.Format(o.http),
		Execute:    dur.execute,
		CORS:       o.cors,
		OnFailure:  o.failures,
		Log:        out,
		Observer:   observer,
		JSON:       p.settings.logJSON,
		OnReady: func() {
			if served.Swap(true) {
				p.log.Info("ready again", "handler", handler)
				return
			}
			fmt.Fprint(out, banner(handler, o, addr, p.lastReady(), ""))
			dur.resume()
		},
	})
	out.Tail = emu.AppendLog
	return emu
}

// reachable returns the address at which clients on this machine reach a listener.
func reachable(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr) // net.Listen("tcp") returns no other type
	if tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return tcp.String()
}

// banner returns the text that says what is served and how to call it. Started, if not empty, is a
// line about how it has started.
func banner(handler string, o *localOptions, addr string, ready protocol.Ready, started string) string {
	members := make([]string, len(ready.Required))
	for i, name := range ready.Required {
		members[i] = fmt.Sprintf("%q: 1", name)
	}
	workers := "1 worker"
	if o.concurrency > 1 {
		workers = fmt.Sprintf("%d workers", o.concurrency)
	}
	version := ""
	if ready.RVersion != "" {
		version = "R " + ready.RVersion + ", "
	}
	if started != "" {
		started += "\n"
	}
	consoleLine := ""
	if !o.snapStart {
		consoleLine = fmt.Sprintf("Open the console: %s\n", consoleURL(addr))
	}
	httpLine := ""
	if o.http != "" {
		httpLine = fmt.Sprintf("  curl 'http://%s/%s'\n", addr, queryString(ready.Required))
	}
	async := ""
	if ready.Durable {
		async = "-H 'X-Amz-Invocation-Type: Event' " // else curl waits for the end of the execution
	}
	return fmt.Sprintf(`
%s is served on http://%s (%s%s, timeout %s, memory %d MB)
%sTry it:
  curl %s-d '{%s}' http://%s/2015-03-31/functions/function/invocations
%s%sStop it with Ctrl-C.

`, handler, addr, version, workers, o.timeout, o.memory, started, async, strings.Join(members, ", "), addr, httpLine, consoleLine)
}

// queryString returns a query string with the function's required arguments.
func queryString(required []string) string {
	pairs := make([]string, len(required))
	for i, name := range required {
		pairs[i] = url.QueryEscape(name) + "=1"
	}
	if len(pairs) == 0 {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}
