package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/internal/credentials"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/rscripts"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
	"lambda-r-runtime/worker/web"
)

// A pool spawns the workers and remembers the newest of each slot, to sum up their memory
// and to recycle them.
type pool struct {
	settings settings
	slots    int
	memory   int64 // the function's, in bytes; 0 if unlimited or unknown
	config   worker.Config
	log      *slog.Logger
	forks    *forks                      // nil if workers are never forked
	spawned  func()                      // if not nil, called for each ready worker
	observe  func(supervisor.Transition) // if not nil, called for each transition

	credentials *credentials.Store // nil if R needs none
	durable     *durable.Client    // stores the operations of durable executions; nil if nothing does
	restored    sync.Once          // see restore

	mu      sync.Mutex
	workers map[int]*pooled // by slot
	peak    int64           // see peakMemory
	ready   protocol.Ready  // what the last ready worker reported
	sizes   sizeWatch
}

// newPool finds R and prepares the configuration of one worker for each slot. Extra has
// defaults for R's environment.
func newPool(s settings, slots int, getenv func(string) string, extra []string, log *slog.Logger) (*pool, error) {
	bin, err := worker.FindR(getenv)
	if err != nil {
		return nil, err
	}
	script, err := worker.NewScript(rscripts.Loader(), rscripts.Files())
	if err != nil {
		return nil, fmt.Errorf("prepare the R script: %w", err)
	}
	env := append(extra, os.Environ()...) // the last of two entries with one name counts
	var memory int64
	if inLambda(getenv) { // elsewhere nothing enforces the limit
		memory = s.memory
	}
	p := &pool{
		config: worker.Config{
			Bin:     bin,
			Script:  script,
			Handler: s.handler,
			Dir:     s.taskRoot,
			Env:     worker.Environment(env, runtime.NumCPU()/slots),
			TempDir: tempDir(getenv),
			Timing:  log.Enabled(context.Background(), slog.LevelDebug),

			MemoryLimit: memory,
			MaxResult:   runtimeapi.MaxResponse,
		},
		settings: s,
		slots:    slots,
		memory:   memory,
		log:      log,
		workers:  map[int]*pooled{},
	}
	forking := s.fork == forkAuto || s.fork == forkAlways
	if s.command != nil {
		p.config = web.Configure(p.config, s.command, rscripts.WebProfile(), forking)
	}
	if forking {
		p.forks = newForks(p)
	}
	return p, nil
}

// tempDir returns the folder for the workers' temporary directories.
func tempDir(getenv func(string) string) string {
	if dir := getenv("TMPDIR"); dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "/tmp"
}

// close ends the template and frees the R script. Spawn no workers afterwards.
func (p *pool) close() {
	if p.forks != nil {
		p.forks.reset()
		process.EndWatchdog()
	}
	_ = p.config.Script.Close() // nothing was written to it since NewScript
}

// bear makes a worker.
func (p *pool) bear(ctx context.Context, c worker.Config) (rProcess, error) {
	start := p.start
	if p.forks != nil {
		start = p.forks.spawn
	}
	if p.settings.command != nil {
		return asProcess(web.Spawn(ctx, c, start))
	}
	return asProcess(start(ctx, c))
}

// start starts a process that serves or from which others are forked.
func (p *pool) start(ctx context.Context, c worker.Config) (*worker.Worker, error) {
	if p.settings.command != nil {
		return web.Start(ctx, c)
	}
	return worker.Spawn(ctx, c)
}

// asProcess returns w as an rProcess, which is nil if there is an error.
func asProcess[W rProcess](w W, err error) (rProcess, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}

// spawn is the supervisor's Spawn.
func (p *pool) spawn(ctx context.Context, slot int) (supervisor.Worker, error) {
	c := p.config
	c.Log = p.log.With("slot", slot)
	own := share{store: p.credentials}
	c.OwnEnv = own.environ(ctx)
	w, err := p.bear(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.spawned != nil {
		p.spawned()
	}
	p.peakMemory() // counts the worker that this one replaces
	p.mu.Lock()
	defer p.mu.Unlock()
	rss := w.RSS()
	p.sizes.ready(p.log, rss, p.settings.maxRSS)
	worker := &pooled{w, p, own, newRecycler(p.settings, rss)}
	p.workers[slot] = worker
	p.ready = w.Info()
	c.Log.Debug("handler loaded", "took_ms", p.ready.InitMs, "slowest", p.ready.Slowest)
	return worker, nil
}

// tempDir returns the temporary folder of the slot's worker, or "" if the slot has none.
func (p *pool) tempDir(slot int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.workers[slot]; w != nil {
		return w.TempDir()
	}
	return ""
}

// forget removes all workers, which must have ended, and the template.
func (p *pool) forget() {
	if p.forks != nil {
		p.forks.reset()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.workers)
	p.peak = 0
}

// peakMemory returns an upper bound of the memory, in bytes, that the R processes have
// used at once: the sum of their peaks.
func (p *pool) peakMemory() int64 {
	p.mu.Lock()
	workers := slices.Collect(maps.Values(p.workers))
	p.mu.Unlock()
	var sum int64
	for _, w := range workers {
		sum += w.PeakRSS() // waits for a worker that is dying, and no slot may wait with it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peak = max(p.peak, sum)
	return p.peak
}

// lastReady returns what the last ready worker reported of R and the handler.
func (p *pool) lastReady() protocol.Ready {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready
}

// hasHooks reports whether the last ready worker has shutdown hooks.
func (p *pool) hasHooks() bool { return p.lastReady().Hooks }
