package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// maxTemplateDeaths is how many templates in a row may die before a worker was forked from them.
const maxTemplateDeaths = 3

// forks makes workers: it forks them from a template if the function can be forked, and else spawns
// them. The first R that has loaded the handler shows whether it can, and then becomes the template.
// If the template dies, workers are spawned until there is another one.
type forks struct {
	pool    *pool
	single  []string          // the environment of a template
	threads map[string]string // the numbers of threads of a worker; nil if all are 1
	log     *slog.Logger

	mu       sync.Mutex
	state    forkState
	template *worker.Template // not nil in forkReady
	trial    forkTrial
	deaths   int  // of templates in a row, since a worker was forked
	warned   bool // the death of a template was logged as a warning

	watching sync.WaitGroup // watch
	stop     context.CancelFunc
}

// A forkState says how the next worker is made.
type forkState int

const (
	forkUndecided forkState = iota // spawned; then it shows whether to fork from it
	forkWaiting                    // spawned: there is no template now
	forkReady                      // forked
	forkOver                       // spawned, as all later ones
)

// newForks returns forks for the workers of p.
func newForks(p *pool) *forks {
	f := &forks{pool: p, log: p.log, single: p.config.Env}
	if p.settings.command == nil { // a server that is not in R, or cannot be forked, keeps its threads
		f.single, f.threads = worker.SingleThreaded(p.config.Env)
	}
	return f
}

// spawn makes a worker as c describes.
func (f *forks) spawn(ctx context.Context, c worker.Config) (*worker.Worker, error) {
	switch state, t := f.next(); state {
	case forkUndecided:
		return f.first(ctx, c)
	case forkReady:
		w, err := f.fork(ctx, t, c)
		return f.orSpawn(ctx, c, w, err)
	}
	w, err := f.pool.start(ctx, c)
	if err == nil {
		f.mu.Lock()
		f.trial.ready(w.PID(), false)
		f.mu.Unlock()
	}
	return w, err
}

// next returns how to make the next worker, and the template to fork it from.
func (f *forks) next() (forkState, *worker.Template) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.state
	switch {
	case state == forkUndecided:
		f.state = forkWaiting // one decides
	case f.trial.next():
		return forkWaiting, nil
	}
	return state, f.template
}

// first spawns an R that loads the handler with one thread, and forks a worker from it or, if the
// function cannot be forked, returns it.
func (f *forks) first(ctx context.Context, c worker.Config) (*worker.Worker, error) {
	single := c
	single.Env = f.single
	start := time.Now()
	w, err := f.pool.start(ctx, single)
	if err != nil {
		f.enter(forkUndecided)
		return nil, err
	}
	if !w.Talks() {
		f.enter(forkOver)
		return w, nil
	}
	fork, err := f.pool.canFork(ctx, c.Log, w, time.Since(start))
	if err != nil {
		f.enter(forkUndecided)
		w.Shutdown(context.Background()) // R is dead or was killed
		return nil, err
	}
	if !fork {
		f.enter(forkOver)
		return f.serving(ctx, w)
	}
	t, err := worker.NewTemplate(ctx, w, f.collect())
	var forked *worker.Worker
	if err == nil {
		forked, err = f.fork(ctx, t, c)
	}
	if _, refused := errors.AsType[*worker.RefusedError](err); refused {
		f.end(c.Log, err)
		return f.serving(ctx, w)
	}
	if t == nil {
		w.Kill("it could not be made a template")
		w.Shutdown(context.Background())
		return f.orSpawn(ctx, c, nil, err)
	}
	f.install(t)
	return f.orSpawn(ctx, c, forked, err)
}

// serving makes w, which has loaded the handler with one thread, a worker that serves.
func (f *forks) serving(ctx context.Context, w *worker.Worker) (*worker.Worker, error) {
	if err := w.SetThreads(ctx, f.threads); err != nil {
		w.Kill("it cannot be used")
		w.Shutdown(context.Background())
		return nil, err
	}
	return w, nil
}

// fork forks a worker from t.
func (f *forks) fork(ctx context.Context, t *worker.Template, c worker.Config) (*worker.Worker, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, worker.ForkLimit, worker.SlowForkError{})
	defer cancel()
	c.Threads = f.threads
	w, err := t.Fork(ctx, c)
	if err == nil {
		f.mu.Lock()
		f.deaths = 0
		f.trial.ready(w.PID(), true)
		f.mu.Unlock()
	}
	return w, err
}

// orSpawn returns w and err, the result of a fork, if err is nil, the function's error or the end of
// ctx. Otherwise forking has failed: it ends, unless the template has died by itself, and a worker is
// spawned instead.
func (f *forks) orSpawn(ctx context.Context, c worker.Config, w *worker.Worker, err error) (*worker.Worker, error) {
	_, forked := errors.AsType[*worker.ForkError](err)
	_, answered := errors.AsType[*protocol.HandlerError](err)
	exit, died := errors.AsType[*worker.ExitError](err)
	switch {
	case err == nil || ctx.Err() != nil || answered && !forked:
		return w, err
	case forked && died && exit.Killed == "": // watch replaces the template
	default:
		f.end(c.Log, err)
	}
	return f.pool.start(ctx, c)
}

// enter changes the state, unless forking is over.
func (f *forks) enter(state forkState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != forkOver {
		f.state = state
	}
}

// end ends forking because it has failed. Workers that were forked live on.
func (f *forks) end(log *slog.Logger, reason error) {
	f.mu.Lock()
	over := f.state == forkOver
	f.state, f.template = forkOver, nil
	if f.stop != nil {
		f.stop() // watch ends the template
	}
	f.mu.Unlock()
	if !over {
		log.Warn("forking has failed, workers are spawned from now on", "error", reason)
	}
}

// living returns the template, if there is one.
func (f *forks) living() []*worker.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.template == nil {
		return nil
	}
	return []*worker.Worker{f.template.Worker()}
}

// install makes t the template, and watches it.
func (f *forks) install(t *worker.Template) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	if f.stop = stop; f.state == forkOver {
		stop()
	} else {
		f.state, f.template = forkReady, t
	}
	f.watching.Go(func() { f.watch(ctx, t) }) // reset waits for it
}

// reset ends the template, and lets the next R decide again.
func (f *forks) reset() {
	f.mu.Lock()
	if f.stop != nil {
		f.stop()
	}
	f.mu.Unlock()
	f.watching.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.template, f.deaths, f.stop = forkUndecided, nil, 0, nil
	f.trial = forkTrial{}
}

// watch frees t when it has ended, and replaces it, until ctx ends.
func (f *forks) watch(ctx context.Context, t *worker.Template) {
	for t != nil {
		select {
		case <-t.Done():
		case <-ctx.Done():
		}
		reason := t.Err()
		t.Shutdown()
		if ctx.Err() != nil {
			return
		}
		t = f.replace(ctx, reason)
	}
}

// replace makes a new template after one that has died. It returns nil if forking ends, or ctx does.
func (f *forks) replace(ctx context.Context, reason error) *worker.Template {
	f.died(reason)
	for ctx.Err() == nil {
		f.mu.Lock()
		deaths := f.deaths
		f.mu.Unlock()
		if deaths >= maxTemplateDeaths {
			f.end(f.log, fmt.Errorf("%d templates in a row have died, the last one: %w", deaths, reason))
			return nil
		}
		select {
		case <-time.After(templatePause(deaths)):
		case <-ctx.Done():
			return nil
		}
		t, err := f.load(ctx)
		if err != nil {
			reason = err
			f.mu.Lock()
			f.deaths++
			f.mu.Unlock()
			continue
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.state == forkWaiting {
			f.state, f.template = forkReady, t
		}
		return t
	}
	return nil
}

// died notes the death of the template.
func (f *forks) died(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == forkOver {
		return
	}
	f.state, f.template = forkWaiting, nil
	f.deaths++
	level := slog.LevelDebug
	// If bootstrap has killed it, either forking has failed, which is logged, or a shutdown began.
	if exit, ok := errors.AsType[*worker.ExitError](reason); !f.warned && (!ok || exit.Killed == "") {
		f.warned, level = true, slog.LevelWarn
	}
	f.log.Log(context.Background(), level, "template died, workers are spawned until it is replaced", "reason", reason)
}

// templatePause returns how long to wait before the next template is made.
func templatePause(deaths int) time.Duration {
	if deaths < 2 {
		return 0
	}
	return random.Jitter(100 * time.Millisecond << (deaths - 2))
}

// load makes a template.
func (f *forks) load(ctx context.Context) (*worker.Template, error) {
	limit := f.pool.settings.initLimit()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &supervisor.InitTimeoutError{Limit: limit})
	defer cancel()
	c := f.pool.config
	credentials := share{store: f.pool.credentials}
	c.Log, c.Env, c.OwnEnv = f.log, f.single, credentials.environ(ctx)
	w, err := f.pool.start(ctx, c)
	if err != nil {
		return nil, err
	}
	t, err := worker.NewTemplate(ctx, w, f.collect())
	if err != nil {
		w.Kill("it could not be made a template")
		w.Shutdown(context.Background())
		return nil, err
	}
	return t, nil
}

// collect reports whether a template collects garbage first. Its workers then share more memory, and
// their first collections take less time. For a single worker that serves on, the delay is not worth it.
func (f *forks) collect() bool { return f.pool.slots > 1 || f.pool.settings.isolated() }
