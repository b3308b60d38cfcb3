package main

import (
	"log/slog"
	"math"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker/process"
)

// A recycler decides when a worker has served long enough. Each worker has its own limits,
// somewhat below the settings, so that workers of the same age are not recycled together.
type recycler struct {
	maxInvocations int   // 0 if unlimited
	maxRSS         int64 // bytes; 0 if unlimited
	ready          int64 // bytes that the worker used when it was ready
}

// spread is how far below the setting a worker's limit may be, as a share of it.
const spread = 0.2

// newRecycler returns the recycler of a worker that uses rss bytes when it is ready. A worker that
// is over the limit then would be recycled after each invocation, and so would its successors: it
// is not recycled for its size.
func newRecycler(s settings, rss int64) recycler {
	share := 1 - spread*random.Float64()
	r := recycler{maxRSS: int64(share * float64(s.maxRSS)), ready: rss}
	switch {
	case rss >= s.maxRSS:
		r.maxRSS = 0
	case rss >= r.maxRSS:
		r.maxRSS = s.maxRSS
	}
	if s.maxInvocations > 0 {
		r.maxInvocations = int(math.Ceil(share * float64(s.maxInvocations)))
	}
	return r
}

// due reports whether to recycle a worker that uses rss bytes and has answered served invocations.
func (r recycler) due(rss int64, served int) bool {
	return r.maxInvocations > 0 && served >= r.maxInvocations || r.tooLarge(rss)
}

func (r recycler) tooLarge(rss int64) bool { return r.maxRSS > 0 && rss >= r.maxRSS }

// A sizeWatch warns, at most once, about a LAMBDA_R_MAX_RSS that cannot work.
type sizeWatch struct {
	warned bool
	short  int // workers in a row that reached the limit in their first invocation
}

// shortLived is how many such workers show that the next ones will do the same.
const shortLived = 3

// ready is called with the size of each new worker.
func (w *sizeWatch) ready(log *slog.Logger, rss, limit int64) {
	if limit > 0 && rss >= limit {
		w.warn(log, "LAMBDA_R_MAX_RSS is below what R uses once the handler is loaded, so it is ignored", rss, limit)
	}
}

// recycled is called with the size of each worker that is recycled for it.
func (w *sizeWatch) recycled(log *slog.Logger, rss, limit int64, served int) {
	w.short++
	if served > 1 {
		w.short = 0
	}
	if w.short >= shortLived {
		w.warn(log, "LAMBDA_R_MAX_RSS is reached in each worker's first invocation, so that every invocation costs a worker", rss, limit)
	}
}

func (w *sizeWatch) warn(log *slog.Logger, text string, rss, limit int64) {
	if !w.warned {
		w.warned = true
		log.Warn(text, "used_mb", rss>>20, "limit_mb", limit>>20)
	}
}

// recycle is the supervisor's Recycle. With LAMBDA_R_MAX_INVOCATIONS=1 no process serves two
// invocations, whatever that costs.
func (p *pool) recycle(slot, served int) supervisor.Recycling {
	switch {
	case !p.due(slot, served):
		return supervisor.Keep
	case !p.room():
		return supervisor.ReplaceAfter
	case p.settings.isolated():
		return supervisor.ReplaceNow
	}
	return supervisor.ReplaceBeside
}

// due reports whether to recycle the slot's worker.
func (p *pool) due(slot, served int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.workers[slot]
	rss := w.RSS()
	if w.recycler.tooLarge(rss) {
		p.sizes.recycled(p.log, rss, p.settings.maxRSS, served)
	}
	return w.recycler.due(rss, served)
}

// room reports whether the function's memory has room for one more worker as large as the
// largest. Without a known limit there is room.
func (p *pool) room() bool {
	limit := p.memoryLimit()
	if limit == 0 {
		return true
	}
	workers := p.processes()
	return fits(workers, rProcess.RSS, limit) ||
		// Forked workers share memory, which PSS counts once. It takes longer to read.
		fits(workers, rProcess.PSS, limit)
}

// fits reports whether the limit has room for the memory of these workers, and for one more as large
// as the largest.
func fits(workers []rProcess, size func(rProcess) int64, limit int64) bool {
	var sum, largest int64
	for _, w := range workers {
		sum += size(w)
		largest = max(largest, w.RSS())
	}
	return sum+largest <= limit
}

// processes returns the workers of all slots, and the template.
func (p *pool) processes() []rProcess {
	p.mu.Lock()
	defer p.mu.Unlock()
	var workers []rProcess
	for _, w := range p.workers {
		workers = append(workers, w.rProcess)
	}
	if p.forks != nil {
		for _, w := range p.forks.living() {
			workers = append(workers, w)
		}
	}
	return workers
}

// memoryLimit returns the memory that this program and its children may use, in bytes; 0 if it is
// unlimited or unknown.
func (p *pool) memoryLimit() int64 {
	limit := process.MemoryLimit()
	if p.memory > 0 && (limit == 0 || p.memory < limit) {
		return p.memory
	}
	return limit
}
