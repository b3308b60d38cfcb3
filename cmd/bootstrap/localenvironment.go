package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"lambda-r-runtime/cmd/bootstrap/internal/proctree"
	"lambda-r-runtime/emulator"
	"lambda-r-runtime/worker/process"
)

// A localEnvironment is an execution environment of bootstrap local --snapstart: a bootstrap that
// runs as in Lambda, and its R processes.
type localEnvironment struct {
	number  int              // from 0 on; people count from 1 on
	process *process.Process // its end is that of the environment
	root    int              // the pid of bootstrap; 0 if it has ended
	tempDir string           // what it has as TMPDIR, seen from outside

	// terminate asks bootstrap to shut down. The process ends when it has.
	terminate func()

	mu   sync.Mutex
	peak int64
}

// peakMemory returns an upper bound of the memory, in bytes, that the environment has used at once.
func (e *localEnvironment) peakMemory() int64 {
	now := proctree.PeakMemory(e.root)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peak = max(e.peak, now) // processes that have ended count
	return e.peak
}

// notInSnapStart are the variables of the developer's environment that a function with SnapStart
// does not have, or not with these values.
var notInSnapStart = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY", "LAMBDA_R_WORKERS", "_LAMBDA_TELEMETRY_LOG_FD",
}

// snapStartEnv returns the variables of a function with SnapStart, from those of this program.
func snapStartEnv(base []string, o *localOptions, handler, runtimeAPI, token, tempDir string) []string {
	env := slices.DeleteFunc(o.functionEnv(handler), isOneOf(notInSnapStart))
	env = append(env, slices.DeleteFunc(slices.Clone(base), isOneOf(notInSnapStart))...)
	env = append(env, // the last of two entries with one name counts
		"_HANDLER="+handler,
		"AWS_LAMBDA_FUNCTION_VERSION=1",
		initTypeVariable+"="+initTypeSnap,
		"AWS_LAMBDA_RUNTIME_API="+runtimeAPI,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://"+runtimeAPI+emulator.PathCredentials,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN="+token,
		"TMPDIR="+tempDir,
		probeVariable+"=1",
	)
	if o.concurrency > 1 {
		env = append(env, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", o.concurrency))
	}
	return env
}

// isOneOf returns a function that reports whether an entry of an environment sets one of names.
func isOneOf(names []string) func(entry string) bool {
	return func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	}
}

// command returns the command that runs bootstrap as in Lambda.
func (l *snapLocal) command(tempDir string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, l.settings.command...) // none for a function, which _HANDLER names
	cmd.Env = snapStartEnv(os.Environ(), l.options, l.settings.handler, l.server.runtime.Addr().String(), l.token, tempDir)
	cmd.Env = append(cmd.Env, "LAMBDA_R_INIT_TIMEOUT="+l.settings.initLimit().String()) // the child has no --timeout
	return cmd, nil
}

// outputOf returns the options that pass on what an environment logs. If there are several, its
// lines have its number, if that is not negative.
func (l *snapLocal) outputOf(number int) process.Options {
	prefix := ""
	if l.options.restores > 1 && number >= 0 {
		prefix = fmt.Sprintf("[%d] ", number+1)
	}
	pass := func(line string) {
		if id := requestID(line); id != "" {
			l.emulator.AppendLog(id, []byte(line+"\n"))
		}
		if rest, ok := strings.CutPrefix(line, `{"`); ok && prefix != "" && json.Valid([]byte(line)) {
			line = fmt.Sprintf(`{"environment":%d,"%s`, number+1, rest)
		} else {
			line = prefix + line
		}
		// Without its log the function still works.
		_, _ = l.out.Write([]byte(line + "\n"))
	}
	return process.Options{Stdout: pass, Stderr: pass}
}

// requestID returns the id of the invocation that a line of the log belongs to, or "". A line of R
// cannot name another invocation: the field is behind what R printed.
func requestID(line string) string {
	const length = 36 // of a UUID
	for _, key := range []string{` request_id=`, `"requestId":"`} {
		if i := strings.LastIndex(line, key); i >= 0 && len(line) >= i+len(key)+length {
			return line[i+len(key):][:length]
		}
	}
	return ""
}

// A starter starts a process.
type starter func(*exec.Cmd, process.Options) (*process.Process, error)

// start starts a new environment and adds it.
func (l *snapLocal) start(number int, tempDir string, output process.Options, start starter) (*localEnvironment, error) {
	if err := os.Mkdir(tempDir, 0o700); err != nil {
		return nil, err
	}
	cmd, err := l.command(tempDir)
	if err != nil {
		return nil, err
	}
	return l.add(number, func() (*localEnvironment, error) {
		p, err := start(cmd, output)
		if err != nil {
			return nil, fmt.Errorf("start an environment: %w", err)
		}
		e := &localEnvironment{process: p, root: p.PID(), tempDir: tempDir}
		e.terminate = func() { _ = p.Signal(syscall.SIGTERM) } // fails if it has ended
		return e, nil
	})
}

// add adds the environment that begin begins. A call of the Runtime API that may come from it waits
// meanwhile.
func (l *snapLocal) add(number int, begin func() (*localEnvironment, error)) (*localEnvironment, error) {
	l.mu.Lock()
	l.beginning++
	l.mu.Unlock()
	e, err := begin()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beginning--
	if err == nil {
		e.number = number
		l.environments[number] = e
	}
	l.begun.Broadcast()
	return e, err
}

// get returns an environment, or nil if it has not begun.
func (l *snapLocal) get(number int) *localEnvironment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.environments[number]
}

// environmentOf returns the number of the environment that has a connection to the Runtime API.
// All of them have the same address of it, but each has processes of its own.
func (l *snapLocal) environmentOf(client string) (number int, ok bool) {
	if l.options.restores == 1 {
		return 0, true
	}
	server := l.server.runtime.Addr().String()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for number, e := range l.environments {
			if proctree.HasConnection(e.root, client, server) {
				return number, true
			}
		}
		if l.beginning == 0 {
			return 0, false
		}
		l.begun.Wait()
	}
}

// A connectionKey is the key of the environment that a connection belongs to, in its context.
type connectionKey struct{}

// A clientOf returns the number of the environment at the other end of a connection.
type clientOf func() (number int, ok bool)

// identify remembers, for each connection, to find out once which environment it belongs to.
func (l *snapLocal) identify(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, connectionKey{}, clientOf(sync.OnceValues(func() (int, bool) {
		return l.environmentOf(client)
	})))
}
