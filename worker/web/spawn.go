package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"lambda-r-runtime/worker/process"
)

// Config describes the server that Spawn starts.
type Config struct {
	Command []string // the program and its arguments
	RBin    string   // the R executable; Rscript beside it is used if PATH has none
	Dir     string   // the working directory
	Env     []string // see worker.Environment
	TempDir string   // where each process gets its own TMPDIR

	// Profile returns the R profile of a server.
	Profile func(Profile) []byte

	MemoryLimit int64 // see worker.Config
	MaxResult   int   // the largest result that Invoke returns, in bytes
	Log         *slog.Logger
}

// A Profile is what the R profile of a server depends on.
type Profile struct {
	Port int
	Site string // the user's own R_PROFILE, or ""

	// Stack is the file for the stack of an interrupt, and Restored one that exists after the restore of
	// a snapshot.
	Stack, Restored string
}

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

// Spawn starts the server and waits until it listens on its port. Ctx bounds the spawn only: if it ends
// first, the process is killed.
//
// The error is a *worker.ExitError if the server ended, a *ListenError if it does not listen on the port,
// a *CommandError, or the reason why the process could not be started.
func Spawn(ctx context.Context, c Config) (*Worker, error) {
	start := time.Now()
	if err := worker.CheckDir(c.Dir); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.TempDir, 0o700); err != nil { // user code may have removed it
		return nil, fmt.Errorf("make the worker's temporary directory: %w", err)
	}
	dir, err := os.MkdirTemp(c.TempDir, "lambda-r-")
	if err != nil {
		return nil, fmt.Errorf("make the worker's temporary directory: %w", err)
	}
	w := newWorker(c, port, dir)
	if err := w.start(c); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w.goroutines.Go(w.bury) // free waits for it
	if err := w.awaitListening(ctx); err != nil {
		w.Kill("it did not become ready")
		w.free()
		return nil, err
	}
	w.process.Flush()
	w.ready = protocol.Ready{Hooks: true, InitMs: float64(time.Since(start)) / float64(time.Millisecond)}
	w.log.Debug("web server ready", "port", port, "listener", w.listener)
	return w, nil
}

// start starts the process.
func (w *Worker) start(c Config) error {
	path, err := lookPath(c)
	if err != nil {
		return &CommandError{c.Command, err}
	}
	profile := filepath.Join(w.dir, "profile.R")
	text := c.Profile(Profile{Port: w.port, Site: lookup(c.Env, "R_PROFILE"), Stack: w.stackFile(), Restored: w.restoredFile()})
	if err := os.WriteFile(profile, text, 0o600); err != nil {
		return fmt.Errorf("write the profile of the web server: %w", err)
	}
	cmd := exec.Command(path, c.Command[1:]...)
	cmd.Args[0] = c.Command[0]
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clone(c.Env), "R_PROFILE="+profile)
	for _, name := range portVariables {
		cmd.Env = append(cmd.Env, name+"="+strconv.Itoa(w.port))
	}
	cmd.Env = append(cmd.Env, "PLUMBER2_HOST="+host)
	w.process, err = process.Start(cmd, process.Options{
		Stdout:      w.logLine("stdout"),
		Stderr:      w.logLine("stderr"),
		CrashPrefix: " *** caught ",
		Marker:      "TMPDIR=" + w.dir,
		MemoryLimit: c.MemoryLimit,
	})
	if err != nil {
		return &CommandError{c.Command, err}
	}
	w.log = c.Log.With("pid", w.PID())
	close(w.named)
	w.log.Debug("web server started", "command", strings.Join(c.Command, " "), "dir", c.Dir, "port", w.port)
	return nil
}

// host is the address on which servers are called.
const host = "127.0.0.1"

// portVariables are the environment variables that servers take their port from. SHINY_PORT is not one
// of them: it means that Shiny Server has started the app.
var portVariables = []string{"PORT", "PLUMBER_PORT", "PLUMBER2_PORT"}

// lookPath returns the path of the program. Lambda's PATH may not have R's folder.
func lookPath(c Config) (string, error) {
	name := c.Command[0]
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		if strings.Contains(name, "/") && !filepath.IsAbs(name) {
			return filepath.Join(c.Dir, name), nil
		}
		return path, err
	}
	if beside := filepath.Join(filepath.Dir(c.RBin), name); c.RBin != "" && (name == "R" || name == "Rscript") {
		if _, statErr := os.Stat(beside); statErr == nil {
			return beside, nil
		}
	}
	return "", err
}

// lookup returns a variable of env. The last of several entries counts.
func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
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

// newWorker returns a worker without a process.
func newWorker(c Config, port int, dir string) *Worker {
	w := &Worker{
		port:      port,
		dir:       dir,
		env:       c.Env,
		maxResult: cmp.Or(c.MaxResult, runtimeapi.MaxResponse),
		named:     make(chan struct{}),
		done:      make(chan struct{}),
		transport: &http.Transport{
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
	}
	w.alive, w.end = context.WithCancel(context.Background())
	return w
}
