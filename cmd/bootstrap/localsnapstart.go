package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/lambdalog"
)

// endTime is how long the environments have to shut down. It is below hardExit.
const endTime = 1500 * time.Millisecond

// A snapLocal is bootstrap local --snapstart. It starts the function as Lambda does when a version
// is published, takes a snapshot, restores it in all environments, and serves it.
//
// Where CRIU works, the snapshot is a real one. Otherwise there is a stand-in: each environment
// does its own init, continues, and loses what a restore would break.
type snapLocal struct {
	settings settings
	options  *localOptions
	getenv   func(string) string
	out      *lambdalog.Output
	log      *slog.Logger

	server      *localServer
	emulator    *emulator.Emulator
	credentials *localCredentials
	token       string // for the credentials
	dir         string // holds all temporary files
	keepLogs    bool   // set by run

	prepared []chan time.Duration // by number; receives how long the init took
	restored chan time.Duration   // receives how long each restore took
	ended    chan *localEnvironment

	mu           sync.Mutex
	environments map[int]*localEnvironment
	beginning    int        // environments that begin
	begun        *sync.Cond // signals that one has begun
	watches      sync.WaitGroup
}

// serveSnapStart serves the handler from a snapshot until a signal arrives.
func serveSnapStart(
	ctx context.Context, s settings, o *localOptions, getenv func(string) string, out *lambdalog.Output, log *slog.Logger,
) error {
	server, err := listenLocal(o.addr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(tempDir(getenv), "lambda-r-snapstart-")
	if err != nil {
		return errors.Join(err, server.close())
	}
	l := &snapLocal{
		settings: s, options: o, getenv: getenv, out: out, log: log,
		server: server, dir: dir, token: random.Text(), credentials: newLocalCredentials(getenv),
		prepared: make([]chan time.Duration, o.restores), restored: make(chan time.Duration, o.restores),
		ended: make(chan *localEnvironment, o.restores), environments: map[int]*localEnvironment{},
	}
	for number := range l.prepared {
		l.prepared[number] = make(chan time.Duration, 1)
	}
	l.begun = sync.NewCond(&l.mu)
	l.emulator = l.newEmulator()
	defer l.removeFiles()
	var g oklog.Group
	addSignals(ctx, &g, log)
	api := newServer(http.HandlerFunc(l.serveRuntimeAPI))
	api.ConnContext = l.connContext
	server.serveRuntime(&g, l.emulator, api, addSupervisor(&g, l.run))
	defer warnOfLost(l.emulator, log)
	return runGroup(&g)
}

func (l *snapLocal) newEmulator() *emulator.Emulator {
	o := l.options
	return emulator.New(emulator.Config{
		Timeout:    o.timeout,
		MemoryMB:   o.memory,
		Limit:      o.restores*o.concurrency + o.queue,
		PeakMemory: func(number int) int64 { return l.get(number).peakMemory() },
		Flush:      func(number int) { l.get(number).process.Flush() },
		HTTP:       front.Format(o.http),
		CORS:       o.cors,
		OnFailure:  o.failures,
		Log:        l.out,
		JSON:       l.settings.logJSON,
		SnapStart: &emulator.SnapStart{
			Environments: o.restores,
			OnPrepared:   func(number int, took time.Duration) { l.prepared[number] <- took },
			OnRestored: func(number int, took time.Duration) {
				l.get(number).peakMemory() // counts an R that dies in its first invocation
				l.restored <- took
			},
			Credentials: l.credentials.get,
			Token:       l.token,
		},
	})
}

// connContext is the ConnContext of the server of the Runtime API.
func (l *snapLocal) connContext(ctx context.Context, c net.Conn) context.Context {
	return l.identify(ctx, c.RemoteAddr().String())
}

// serveRuntimeAPI serves the Runtime API of the environment that r comes from.
func (l *snapLocal) serveRuntimeAPI(w http.ResponseWriter, r *http.Request) {
	number, ok := r.Context().Value(connectionKey{}).(clientOf)()
	if !ok {
		http.Error(w, "this Runtime API is for the environments of bootstrap local only", http.StatusForbidden)
		return
	}
	l.emulator.Environment(number).ServeHTTP(w, r)
}

// run starts the environments and serves until ctx ends or an environment does.
func (l *snapLocal) run(ctx context.Context) error {
	defer l.end()
	took, err := l.startEnvironments(ctx)
	var draws [][]slotDraws
	if err == nil {
		draws, err = l.readDraws()
	}
	if err == nil {
		err = findRepeated(draws)
	}
	if err != nil {
		return l.explain(ctx, err)
	}
	fmt.Fprint(l.out, banner(l.settings.handler, l.options, reachable(l.server.callers.Addr()), readyOf(draws), took.String()))
	l.emulator.Resume()
	select {
	case e := <-l.ended:
		return l.explain(ctx, &environmentError{e})
	case <-ctx.Done():
		return nil
	}
}

// watch reports the end of an environment. end waits for the goroutine.
func (l *snapLocal) watch(e *localEnvironment) {
	l.watches.Go(func() {
		<-e.process.Done()
		l.ended <- e
	})
}

// readDraws returns what the workers of each environment would draw.
func (l *snapLocal) readDraws() ([][]slotDraws, error) {
	all := make([][]slotDraws, l.options.restores)
	for number := range all {
		var err error
		if all[number], err = readDraws(l.get(number).tempDir); err != nil {
			return nil, fmt.Errorf("read what environment %d would draw: %w", number+1, err)
		}
		if len(all[number]) == 0 && len(all) > 1 {
			l.log.Warn("environment not compared with the others, its R was replaced at the restore", "environment", number+1)
		}
	}
	return all, nil
}

// end shuts all environments down and waits for them.
func (l *snapLocal) end() {
	l.mu.Lock()
	var left []*localEnvironment
	for _, e := range l.environments {
		left = append(left, e)
	}
	l.mu.Unlock()
	for _, e := range left {
		e.terminate()
	}
	limit := time.AfterFunc(endTime, func() {
		for _, e := range left {
			e.process.Kill("it did not shut down in time")
		}
	})
	defer limit.Stop()
	for _, e := range left {
		e.process.Wait()
	}
	l.watches.Wait()
}

// removeFiles removes the temporary files. If CRIU failed, its logs stay, because the error names
// one, but not the memory of the processes, which may hold secrets.
func (l *snapLocal) removeFiles() {
	remove := os.RemoveAll
	if l.keepLogs {
		remove = removeAllButLogs
	}
	if err := remove(l.dir); err != nil {
		l.log.Warn("temporary files not removed", "error", err)
	}
}

// removeAllButLogs removes all files below dir but those whose name ends with .log.
func removeAllButLogs(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".log" {
			return err
		}
		return os.Remove(path)
	})
}

// An environmentError reports an environment that ended although nothing asked it to.
type environmentError struct{ environment *localEnvironment }

func (e *environmentError) Error() string {
	text := fmt.Sprintf("environment %d ended, see its log", e.environment.number+1)
	if exit := e.environment.process.Wait(); exit.Code != 0 || exit.Signal != 0 { // a copy always has status 0
		text += ": it " + exit.Reason()
	}
	return text
}

// explain returns err for main, or nil if ctx has ended: then the environments end, too. A failure
// that an environment has reported is in the log.
func (l *snapLocal) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	_, l.keepLogs = errors.AsType[*checkpoint.Error](err)
	if ended, ok := errors.AsType[*environmentError](err); ok && l.emulator.Failed(ended.environment.number) {
		return errors.Join(errReported, err)
	}
	return err
}
