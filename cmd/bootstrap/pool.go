package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/rscripts"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// pool makes the workers and remembers, for each slot, the newest: how much memory
// they have used, and what they said when they were ready.
type pool struct {
	settings config
	memory   int64 // the function's, in bytes; 0: not limited, or not known
	config   worker.Config
	log      *slog.Logger
	spawned  func() // told of each ready worker; nil: nobody is

	mu      sync.Mutex
	workers map[int]pooled
	peak    int64
	ready   protocol.Ready
}

// pooled is a worker and when it is to be recycled.
type pooled struct {
	*worker.Worker
	recycler recycler
}

// newPool finds R and prepares what every worker is made of. Extra is added to the
// environment of R, where base has none of that name.
func newPool(c config, slots int, getenv func(string) string, extra []string, log *slog.Logger) (*pool, error) {
	bin, err := worker.FindR(getenv)
	if err != nil {
		return nil, err
	}
	script, err := worker.NewScript(rscripts.Loader(), rscripts.Files())
	if err != nil {
		return nil, fmt.Errorf("keep the R script in memory: %w", err)
	}
	env := append(extra, os.Environ()...) // of two with one name, the last counts
	var memory int64
	if inLambda(getenv) { // elsewhere nothing holds the function to it
		memory = c.memory
	}
	return &pool{
		config: worker.Config{
			Bin:     bin,
			Script:  script,
			Handler: c.handler,
			Dir:     c.taskRoot,
			Env:     worker.Environment(env, runtime.NumCPU()/slots),
			TempDir: tempDir(getenv),
			Timing:  log.Enabled(context.Background(), slog.LevelDebug),

			MemoryLimit: memory,
			MaxResult:   runtimeapi.MaxResponse,
		},
		settings: c,
		memory:   memory,
		log:      log,
		workers:  map[int]pooled{},
	}, nil
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

// close frees what the pool holds, once no worker is made any more.
func (p *pool) close() { _ = p.config.Script.Close() } // nothing was written to it since NewScript

// spawn is the supervisor's Spawn.
func (p *pool) spawn(ctx context.Context, slot int) (supervisor.Worker, error) {
	c := p.config
	c.Log = p.log.With("slot", slot)
	w, err := worker.Spawn(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.spawned != nil {
		p.spawned()
	}
	p.peakMemory() // of the worker that this one replaces
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers[slot] = pooled{w, newRecycler(p.settings)}
	p.ready = w.Info()
	c.Log.Debug("handler loaded", "took_ms", p.ready.InitMs, "slowest", p.ready.Slowest)
	return w, nil
}

// forget forgets the workers so far. None of them lives any more.
func (p *pool) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.workers)
	p.peak = 0
}

// peakMemory returns the most memory, in bytes, that the R processes have had
// together, as far as it can be told from the peak of each.
func (p *pool) peakMemory() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum int64
	for _, w := range p.workers {
		sum += w.PeakRSS()
	}
	p.peak = max(p.peak, sum)
	return p.peak
}

// firstReady returns what a worker said when it was ready.
func (p *pool) firstReady() protocol.Ready {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready
}
