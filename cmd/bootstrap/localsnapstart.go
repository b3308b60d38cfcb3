package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	oklog "github.com/oklog/run"
	"golang.org/x/sync/errgroup"

	"lambda-r-runtime/cmd/bootstrap/internal/proctree"
	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/worker/process"
)

const (
	// restoreTime is how long a restored environment may take until it asks for its first event, as
	// in Lambda, and a little for this machine.
	restoreTime = 12 * time.Second

	// endTime is how long the environments have to shut down. It is below hardExit.
	endTime = 1500 * time.Millisecond
)

// A snapLocal is bootstrap local --snapstart. It starts the function as Lambda does when a version
// is published, takes a snapshot, restores it in all environments, and serves it.
//
// Where CRIU works, the snapshot is a real one. Otherwise there is a stand-in: each environment
// does its own init, goes on, and loses what a restore would break.
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
	keepFiles   bool   // set by run

	prepared, restored chan reached
	ended              chan *localEnvironment

	mu           sync.Mutex
	environments map[int]*localEnvironment
	beginning    int        // environments that begin
	begun        *sync.Cond // signals that one has begun
	watches      sync.WaitGroup
}

// A reached is the time that an environment took to reach a phase.
type reached struct {
	number int
	took   time.Duration
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
		prepared: make(chan reached, o.restores), restored: make(chan reached, o.restores),
		ended: make(chan *localEnvironment, o.restores), environments: map[int]*localEnvironment{},
	}
	l.begun = sync.NewCond(&l.mu)
	l.emulator = l.newEmulator()
	defer l.removeFiles()
	var g oklog.Group
	addSignals(ctx, &g, log)
	api := newServer(http.HandlerFunc(l.serveRuntimeAPI))
	api.ConnContext = l.connContext
	server.serveRuntime(&g, l.emulator, api, addSupervisor(&g, l.run))
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
		Log:        l.out,
		SnapStart: &emulator.SnapStart{
			Environments: o.restores,
			OnPrepared:   func(number int, took time.Duration) { l.prepared <- reached{number, took} },
			OnRestored: func(number int, took time.Duration) {
				l.get(number).peakMemory() // counts an R that dies in its first invocation
				l.restored <- reached{number, took}
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

// A snapTimes is how long each step took.
type snapTimes struct {
	init     time.Duration
	snapshot string // "0.18 s (CRIU 4.2)"
	restores []time.Duration
}

func (t snapTimes) String() string {
	shortest, longest := t.restores[0], t.restores[0]
	for _, took := range t.restores {
		shortest, longest = min(shortest, took), max(longest, took)
	}
	restore := seconds(longest)
	if len(t.restores) > 1 {
		restore = fmt.Sprintf("%s to %s in %d environments", seconds(shortest), seconds(longest), len(t.restores))
	}
	return fmt.Sprintf("SnapStart: init %s, snapshot %s, restore %s", seconds(t.init), t.snapshot, restore)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// startEnvironments starts the function and restores it in all environments.
func (l *snapLocal) startEnvironments(ctx context.Context) (snapTimes, error) {
	tool, err := checkpoint.Find(ctx, l.getenv)
	if ctx.Err() != nil {
		return snapTimes{}, ctx.Err()
	}
	if err != nil {
		l.log.Warn("the snapshot is a stand-in: the processes keep running, but lose what a restore breaks", "reason", err)
		return l.standIn(ctx)
	}
	return l.snapshot(ctx, tool)
}

// snapshot starts one environment, takes a snapshot of it and restores that.
func (l *snapLocal) snapshot(ctx context.Context, tool *checkpoint.Tool) (times snapTimes, err error) {
	tempDir := filepath.Join(l.dir, "tmp")
	published, err := l.start(0, tempDir, l.outputOf(-1), tool.Start) // it is all environments
	if err != nil {
		return times, err
	}
	if times.init, err = l.awaitPrepared(ctx, published); err != nil {
		return times, err
	}
	begin := time.Now()
	image, err := tool.Dump(ctx, published.process, tempDir, filepath.Join(l.dir, "snapshot"))
	if err != nil {
		return times, fmt.Errorf("%w; to use the stand-in, set %s=none", err, checkpoint.Variable)
	}
	times.snapshot = fmt.Sprintf("%s (CRIU %s)", seconds(time.Since(begin)), tool.Version)
	times.restores, err = l.restoreAll(ctx, func(ctx context.Context, number int) error {
		l.emulator.Restore(number)
		e, err := l.add(number, func() (*localEnvironment, error) {
			c, err := image.Restore(ctx, l.outputOf(number))
			if err != nil {
				return nil, err
			}
			return &localEnvironment{process: c.Process, root: c.RootPID(), tempDir: c.TempDir, terminate: c.Terminate}, nil
		})
		if err == nil {
			l.watch(e)
		}
		return err
	})
	return times, err
}

// standIn starts each environment by itself, and breaks what a restore would break.
func (l *snapLocal) standIn(ctx context.Context) (times snapTimes, err error) {
	times.snapshot = "none (stand-in)"
	for number := range l.options.restores {
		e, err := l.start(number, filepath.Join(l.dir, fmt.Sprint(number+1)), l.outputOf(number), process.Start)
		if err != nil {
			return times, err
		}
		took, err := l.awaitPrepared(ctx, e)
		if err != nil {
			return times, err
		}
		if number == 0 {
			times.init = took
		}
		l.watch(e)
	}
	times.restores, err = l.restoreAll(ctx, func(_ context.Context, number int) error {
		e := l.get(number)
		peers, err := proctree.CutConnections(e.root, "TMPDIR="+e.tempDir+"/")
		if err != nil {
			l.log.Warn("connections not cut, as a restore would", "environment", number+1, "error", err)
		}
		if len(peers) > 0 {
			l.log.Info("network connections cut, as by a restore", "environment", number+1, "peers", strings.Join(peers, ", "))
		}
		l.emulator.Restore(number)
		return nil
	})
	return times, err
}

// restoreAll calls restore for each environment, as many at once as there are CPUs, and waits until
// all of them are restored.
func (l *snapLocal) restoreAll(ctx context.Context, restore func(ctx context.Context, number int) error) ([]time.Duration, error) {
	l.credentials.restore(ctx)
	g, restoring := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.NumCPU()))
	for number := range l.options.restores {
		g.Go(func() error { return restore(restoring, number) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	limit := time.NewTimer(restoreTime)
	defer limit.Stop()
	var all []time.Duration
	for len(all) < l.options.restores {
		select {
		case r := <-l.restored:
			all = append(all, r.took)
		case e := <-l.ended:
			return nil, &environmentError{e}
		case <-limit.C:
			return nil, fmt.Errorf("the restore took over %v, Lambda's limit is 10 s: shorten the hooks of on_restore()", restoreTime)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return all, nil
}

// awaitPrepared waits until an environment waits for its restore.
func (l *snapLocal) awaitPrepared(ctx context.Context, e *localEnvironment) (time.Duration, error) {
	select {
	case r := <-l.prepared:
		return r.took, nil
	case <-e.process.Done():
		return 0, &environmentError{e}
	case earlier := <-l.ended:
		return 0, &environmentError{earlier}
	case <-ctx.Done():
		return 0, ctx.Err()
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

// removeFiles removes the temporary files, unless one of them explains an error.
func (l *snapLocal) removeFiles() {
	if l.keepFiles {
		return
	}
	if err := os.RemoveAll(l.dir); err != nil {
		l.log.Warn("temporary files not removed", "error", err)
	}
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
	_, l.keepFiles = errors.AsType[*checkpoint.Error](err)
	if ended, ok := errors.AsType[*environmentError](err); ok && l.emulator.Failed(ended.environment.number) {
		return errors.Join(errReported, err)
	}
	return err
}
