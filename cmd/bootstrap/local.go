package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	oklog "github.com/oklog/run"
	"github.com/spf13/pflag"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

const defaultLocalAddr = "127.0.0.1:9000"

// localOptions are the flags of bootstrap local.
type localOptions struct {
	addr        string
	concurrency int
	queue       int
	timeout     time.Duration
	memory      int
	http        string // a front.Format, or ""
	watch       bool
}

func localFlags() (*pflag.FlagSet, *localOptions) {
	flags := pflag.NewFlagSet("bootstrap local", pflag.ContinueOnError)
	flags.Usage = func() {}
	o := &localOptions{}
	flags.StringVar(&o.addr, "addr", defaultLocalAddr, "address to listen on (LAMBDA_R_LOCAL_ADDR)")
	flags.IntVar(&o.concurrency, "concurrency", 1, "how many invocations run at once, each in an R of its own (LAMBDA_R_WORKERS)")
	flags.IntVar(&o.queue, "queue", 1000, "how many invocations may wait for one of those; more are refused with status 429, TooManyRequestsException")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long an invocation may take")
	flags.IntVar(&o.memory, "memory", 512, "memory that the function is told it has, in MB (not enforced)")
	flags.StringVar(&o.http, "http", "", "hand HTTP requests of any path to the function, in the `format` of a function URL (url), of an API Gateway REST API (rest) or of a load balancer (alb)")
	flags.Lookup("http").NoOptDefVal = string(front.FunctionURL)
	flags.BoolVar(&o.watch, "watch", false, "load the R files anew when one of them changes")
	return flags, o
}

// complete fills in from the environment what the command line does not say.
func (o *localOptions) complete(flags *pflag.FlagSet, c config, getenv func(string) string) error {
	if addr := getenv("LAMBDA_R_LOCAL_ADDR"); addr != "" && !flags.Changed("addr") {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return &settingError{"LAMBDA_R_LOCAL_ADDR", addr, "host:port, for example " + defaultLocalAddr}
		}
		o.addr = addr
	}
	if !flags.Changed("concurrency") {
		o.concurrency = max(1, c.workers, c.maxConcurrency)
	}
	switch {
	case o.concurrency < 1 || o.concurrency > 1000:
		return &settingError{"--concurrency", fmt.Sprint(o.concurrency), "a whole number from 1 to 1000"}
	case o.queue < 0:
		return &settingError{"--queue", fmt.Sprint(o.queue), "a whole number of at least 0"}
	case o.timeout <= 0:
		return &settingError{"--timeout", o.timeout.String(), "a duration above 0, for example 30s"}
	case o.memory < 1:
		return &settingError{"--memory", fmt.Sprint(o.memory), "a number of MB above 0"}
	case o.http != "" && !front.Format(o.http).Valid():
		return &settingError{"--http", o.http, "url, rest or alb"}
	}
	return nil
}

// runLocal serves the handler behind the emulator, until a signal comes.
func runLocal(ctx context.Context, flags *pflag.FlagSet, o *localOptions, getenv func(string) string, stdout io.Writer) error {
	c, err := readConfig(flags.Args(), getenv)
	if err != nil {
		return err
	}
	if err := o.complete(flags, c, getenv); err != nil {
		return err
	}
	out := &logOutput{w: stdout}
	log := newLogger(out, c.logLevel, c.logJSON, isTerminal(stdout))
	p, err := newPool(c, o.concurrency, getenv, o.functionEnv(c), log)
	if err != nil {
		return err
	}
	defer p.close()
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --addr or LAMBDA_R_LOCAL_ADDR", err)
	}
	log.Debug("listening", "address", reachable(listener.Addr()))
	var served atomic.Bool
	emu := emulator.New(emulator.Config{
		Timeout:    o.timeout,
		MemoryMB:   o.memory,
		Limit:      o.concurrency + o.queue,
		PeakMemory: p.peakMemory,
		HTTP:       front.Format(o.http),
		Log:        out,
		OnReady: func() {
			if served.Swap(true) {
				log.Info("ready again", "handler", c.handler)
				return
			}
			fmt.Fprint(out, banner(c, o, listener.Addr(), p.firstReady()))
		},
	})
	out.tail = emu.AppendLog
	api, err := runtimeapi.NewClient(reachable(listener.Addr()), version, o.concurrency)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer api.Close()

	var g oklog.Group
	addSignals(ctx, &g, log)
	supervise := func() (*supervisor.Supervisor, error) {
		return newSupervisor(c, o.concurrency, api, p, newObserver(c, getenv, out, log), log)
	}
	run := func(ctx context.Context) error {
		s, err := supervise()
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}
	if o.watch {
		p.spawned = emu.Resume
		run = (&reloader{supervise, p, emu, api, newWatcher(c.taskRoot), log}).run
	}
	addEmulator(&g, emu, listener, addSupervisor(&g, run))
	return runGroup(&g)
}

// functionEnv is what Lambda tells a function of itself.
func (o *localOptions) functionEnv(c config) []string {
	return []string{
		"_HANDLER=" + c.handler,
		"AWS_LAMBDA_FUNCTION_NAME=function",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", o.memory),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/function",
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
	}
}

// addEmulator adds the actor that serves the emulator. It stays up while the
// supervisor still reports.
func addEmulator(g *oklog.Group, emu *emulator.Emulator, listener net.Listener, served <-chan struct{}) {
	server := &http.Server{Handler: emu, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	stop := make(chan struct{})
	g.Add(func() error {
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }() // ends with Close below
		select {
		case err := <-failed:
			return err
		case <-stop:
			<-served
			// Callers get the answers that are there; those who still wait have none to get.
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			_ = server.Shutdown(ctx) // what it could not end, Close does
			return server.Close()
		}
	}, func(error) { close(stop) })
}

// reachable is the address at which a listener on addr can be called.
func reachable(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr) // net.Listen("tcp") makes no other
	if tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return tcp.String()
}

// banner says what is served, and how to call it.
func banner(c config, o *localOptions, addr net.Addr, ready protocol.Ready) string {
	args := make([]string, len(ready.Required))
	for i, name := range ready.Required {
		args[i] = fmt.Sprintf("%q: 1", name)
	}
	workers := "1 worker"
	if o.concurrency > 1 {
		workers = fmt.Sprintf("%d workers", o.concurrency)
	}
	front := ""
	if o.http != "" {
		front = fmt.Sprintf("  curl 'http://%s/%s'\n", reachable(addr), queryString(ready.Required))
	}
	return fmt.Sprintf(`
%s is served on http://%s (R %s, %s, timeout %s, memory %d MB)
Try it:
  curl -d '{%s}' http://%s/2015-03-31/functions/function/invocations
%sStop it with Ctrl-C.

`, c.handler, reachable(addr), ready.RVersion, workers, o.timeout, o.memory, strings.Join(args, ", "), reachable(addr), front)
}

// queryString is that of a request which gives the function what it requires.
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
