package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/pflag"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
)

const (
	defaultLocalAddr = "127.0.0.1:9000"
	maxConcurrency   = 1000
	maxRestores      = 100
)

// localOptions are the flags of bootstrap local.
type localOptions struct {
	addr        string
	concurrency int
	queue       int
	timeout     time.Duration
	memory      int    // MB
	http        string // an front.Format, or ""
	cors        []string
	onFailure   string    // a path, or ""
	failures    io.Writer // the file of onFailure, or nil
	skipTime    bool
	data        string // a folder, or ""
	watch       bool
	strict      bool
	snapStart   bool
	record      bool
	dump        bool
	restores    int // environments that are restored from the snapshot
}

// parseFlags parses args. It reports whether the command is done: with an error, or because
// the help was asked for and printed.
func parseFlags(flags *pflag.FlagSet, args []string, stdout io.Writer) (done bool, err error) {
	err = flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return true, printHelp(stdout)
	}
	if err != nil {
		return true, fmt.Errorf("%w (bootstrap help lists the flags)", err)
	}
	return false, nil
}

// localFlags returns the flags of bootstrap local and the options that parsing them fills.
func localFlags() (*pflag.FlagSet, *localOptions) {
	flags := pflag.NewFlagSet("bootstrap local", pflag.ContinueOnError)
	flags.Usage = func() {} // run prints the help
	o := &localOptions{}
	flags.StringVar(&o.addr, "addr", defaultLocalAddr,
		"address to listen on (LAMBDA_R_LOCAL_ADDR)")
	flags.IntVar(&o.concurrency, "concurrency", 1,
		"number of concurrent invocations, each in its own R process (LAMBDA_R_WORKERS)")
	flags.IntVar(&o.queue, "queue", 1000,
		"number of invocations that may wait for a worker; further ones get status 429")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second,
		"time limit of an invocation")
	flags.IntVar(&o.memory, "memory", 512,
		"memory size of the function, in MB; a warning says when R used more")
	flags.StringVar(&o.http, "http", "",
		"pass HTTP requests of any path to the function, as events of this `format`: "+
			"url (function URL), rest (API Gateway REST API), alb (load balancer) or lattice (VPC Lattice)")
	flags.Lookup("http").NoOptDefVal = string(front.FunctionURL)
	flags.StringArrayVar(&o.cors, "cors", nil,
		"let pages of this `origin` (https://example.com, or * for all) call the function, as the setting AllowOrigins "+
			"of a function URL does; may be repeated; needs --http")
	flags.StringVar(&o.onFailure, "on-failure", "",
		"append a record to this `file` for each Event invocation that fails three times, "+
			"as Lambda sends it to a failure destination (JSON lines; they contain the events)")
	flags.BoolVar(&o.record, "record", true,
		"record the last 20 events in ~/.cache/lambda-r-runtime, readable by you only, for replay() of bootstrap debug; "+
			"only on a loopback address")
	flags.BoolVar(&o.dump, "dump", false,
		"dump the frames of failed invocations, the last 5, for debugger(); the log has the call that opens them")
	flags.BoolVar(&o.skipTime, "skip-time", false,
		"let the waits of durable executions end at once, except while a callback is open")
	flags.StringVar(&o.data, "data", "",
		"keep durable executions in this `folder`, readable by you only, so that they continue after a restart")
	flags.BoolVar(&o.watch, "watch", false,
		"reload the function when one of its R files changes")
	flags.BoolVar(&o.strict, "strict", false,
		"enforce --memory, and make all folders but /tmp read-only as in Lambda, "+
			"where this machine allows it (root on Linux)")
	flags.BoolVar(&o.snapStart, "snapstart", false,
		"serve the function from a snapshot, as SnapStart does: a real one where CRIU works (root on Linux), "+
			"otherwise an imitation that breaks what a restore breaks")
	flags.IntVar(&o.restores, "restores", 1,
		"number of environments that --snapstart restores from the snapshot, side by side; "+
			"fail if two of them draw the same random numbers or temporary names")
	return flags, o
}

// complete takes options that are not on the command line from the environment, and sets the
// function's timeout in s. Its error joins one error for each invalid option.
func (o *localOptions) complete(flags *pflag.FlagSet, s *settings, getenv func(string) string) error {
	if s.command != nil && o.http == "" {
		o.http = string(front.FunctionURL) // a web server has no other callers
	}
	var invalid []error
	check := func(ok bool, name, value, want string) {
		if !ok {
			invalid = append(invalid, &settingError{name, value, want})
		}
	}
	if addr := getenv("LAMBDA_R_LOCAL_ADDR"); addr != "" && !flags.Changed("addr") {
		_, _, err := net.SplitHostPort(addr)
		check(err == nil, "LAMBDA_R_LOCAL_ADDR", addr, "host:port, for example "+defaultLocalAddr)
		o.addr = addr
	}
	if !flags.Changed("concurrency") {
		o.concurrency = max(1, s.workers, s.maxConcurrency)
	}
	check(o.concurrency >= 1 && o.concurrency <= maxConcurrency,
		"--concurrency", fmt.Sprint(o.concurrency), "a whole number from 1 to 1000")
	check(o.queue >= 0, "--queue", fmt.Sprint(o.queue), "a whole number of at least 0")
	check(o.timeout > 0, "--timeout", o.timeout.String(), "a duration above 0, for example 30s")
	check(o.memory >= 1, "--memory", fmt.Sprint(o.memory), "a number of MB above 0")
	check(o.http == "" || front.Format(o.http).Valid(), "--http", o.http, "url, rest, alb or lattice")
	if err := emulator.CORS(o.cors).Check(); err != nil {
		invalid = append(invalid, fmt.Errorf("--cors: %w", err))
	}
	if len(o.cors) > 0 && front.Format(o.http) != front.FunctionURL {
		invalid = append(invalid, errors.New("--cors needs --http or --http=url: only a function URL has this setting"))
	}
	s.timeout = o.timeout
	check(o.restores >= 1 && o.restores <= maxRestores, "--restores", fmt.Sprint(o.restores), "a whole number from 1 to 100")
	if flags.Changed("restores") && !o.snapStart {
		invalid = append(invalid, errors.New("--restores needs --snapstart"))
	}
	if o.snapStart && o.watch {
		invalid = append(invalid, errors.New("--watch cannot be used with --snapstart: a snapshot has the files that it was made of"))
	}
	if o.snapStart && (o.skipTime || o.data != "") {
		invalid = append(invalid, errors.New("--skip-time and --data cannot be used with --snapstart: it runs no durable executions"))
	}
	if o.dump && (o.snapStart || o.strict) {
		invalid = append(invalid, errors.New("--dump cannot be used with --snapstart or --strict"))
	}
	if o.snapStart && o.strict {
		invalid = append(invalid, errors.New("--strict cannot be used with --snapstart: test the limits without a snapshot"))
	}
	return errors.Join(invalid...)
}
