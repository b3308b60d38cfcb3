package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker"
)

// A CommandError reports a command that cannot be started.
type CommandError struct {
	Command []string
	Err     error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("cannot start the web server %q: %v; to serve a function, give one word, file.function", strings.Join(e.Command, " "), e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *CommandError) ErrorType() string { return runtimeapi.ErrorInvalidEntrypoint }

// Variables of the profile of R, see rscripts/web.
const (
	variableSite  = "LAMBDA_R_SITE_PROFILE" // the user's own R_PROFILE
	variableTalks = "LAMBDA_R_SERVER_TALKS" // R takes part in the handshake, so that it can be forked
)

// Configure returns c, of a function, as that of a web server. With talks, R that runs it takes part in
// the handshake before it listens.
func Configure(c worker.Config, command []string, profile []byte, talks bool) worker.Config {
	c.Args, c.Profile = command, profile
	c.Env = slices.Clone(c.Env)
	if site := worker.Lookup(c.Env, "R_PROFILE"); site != "" {
		c.Env = append(c.Env, variableSite+"="+site)
	}
	if talks {
		c.Env = append(c.Env, variableTalks+"=1")
	}
	return c
}

// maxPorts is how many ports a server is given, one after the other, if other processes take them before
// it listens.
const maxPorts = 3

// Spawn makes a process with start, which is Start or forks one, and waits until it listens on its port.
// Ctx bounds the spawn only: if it ends first, the process is killed.
//
// The error is one of start, a *worker.ExitError if the server ended, or a *ListenError if it does not
// listen on the port.
func Spawn(ctx context.Context, c worker.Config, start func(context.Context, worker.Config) (*worker.Worker, error)) (*Worker, error) {
	return spawnOn(ctx, c, start, freePort)
}

// spawnOn is Spawn with the source of ports.
func spawnOn(
	ctx context.Context, c worker.Config,
	start func(context.Context, worker.Config) (*worker.Worker, error), choose func() (int, error),
) (w *Worker, err error) {
	for range maxPorts {
		port, failed := choose()
		if failed != nil {
			return nil, failed
		}
		if w, err = spawn(ctx, c, start, port); !errors.Is(err, errPortTaken) {
			return w, err
		}
		c.Log.Debug("port taken by another process", "port", port)
	}
	return nil, err
}

// spawn is Spawn on a port.
func spawn(
	ctx context.Context, c worker.Config,
	start func(context.Context, worker.Config) (*worker.Worker, error), port int,
) (*Worker, error) {
	begin := time.Now()
	c.OwnEnv = withPort(c.OwnEnv, port)
	r, err := start(ctx, c)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, r, port)
	if err != nil {
		r.Kill("it did not become ready")
		r.Shutdown(ctx)
		return nil, err
	}
	r.Process().Flush()
	w := newWorker(c, r, port, listener)
	w.ready = protocol.Ready{Hooks: true, InitMs: float64(time.Since(begin)) / float64(time.Millisecond)}
	w.Log().Debug("web server ready", "port", port, "listener", w.listener)
	return w, nil
}

// Start starts the process of a server. It waits until the server listens, or until R that runs it takes
// part in the handshake.
func Start(ctx context.Context, c worker.Config) (*worker.Worker, error) {
	path, err := lookPath(c)
	if err != nil {
		return nil, &CommandError{c.Args, err}
	}
	c.Bin = path
	port := serverPort(c.OwnEnv)
	if port == 0 { // others are to be forked from R: it will not listen
		if port, err = freePort(); err != nil {
			return nil, err
		}
		c.OwnEnv = withPort(c.OwnEnv, port)
	}
	w, err := worker.StartServer(c)
	if _, isDir := errors.AsType[*worker.DirError](err); err != nil && !isDir {
		err = &CommandError{c.Args, err}
	}
	if err != nil {
		return nil, err
	}
	if err := load(ctx, w, c, port); err != nil {
		return nil, err
	}
	return w, nil
}

// withPort returns env with a port.
func withPort(env []string, port int) []string {
	env = append(slices.Clone(env), "PLUMBER2_HOST="+host)
	for _, name := range portVariables {
		env = append(env, name+"="+strconv.Itoa(port))
	}
	return env
}

// serverPort returns the port of an environment; 0 if it has none.
func serverPort(env []string) int {
	port, _ := strconv.Atoi(worker.Lookup(env, portVariables[0]))
	return port
}

// host is the address on which servers are called.
const host = "127.0.0.1"

// portVariables are the environment variables that servers take their port from. SHINY_PORT is not one
// of them: it means that Shiny Server has started the app.
var portVariables = []string{"PORT", "PLUMBER_PORT", "PLUMBER2_PORT"}

// lookPath returns the path of the program. Lambda's PATH may not have R's folder.
func lookPath(c worker.Config) (string, error) {
	name := c.Args[0]
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		if strings.Contains(name, "/") && !filepath.IsAbs(name) {
			return filepath.Join(c.Dir, name), nil
		}
		return path, err
	}
	if beside := filepath.Join(filepath.Dir(c.Bin), name); c.Bin != "" && (name == "R" || name == "Rscript") {
		if _, statErr := os.Stat(beside); statErr == nil {
			return beside, nil
		}
	}
	return "", err
}

// Ports of servers are below those that the kernel gives to connections: one of them could take the port
// before the server does.
const firstPort, lastPort = 20_000, 32_000

// freePort returns a port on which nothing listens.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := firstPort + int(random.Float64()*(lastPort-firstPort))
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port for the web server: %w", last)
}

// newWorker returns the worker of a server that listens.
func newWorker(c worker.Config, r *worker.Worker, port, listener int) *Worker {
	w := &Worker{
		Worker:    r,
		port:      port,
		listener:  listener,
		function:  newEnvConfig(c.Env),
		maxResult: cmp.Or(c.MaxResult, runtimeapi.MaxResponse),
		transport: &http.Transport{
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
	}
	w.alive, w.end = context.WithCancel(context.Background())
	w.ending.Go(func() { // Shutdown waits for it
		<-r.Done()
		w.end()
	})
	return w
}
