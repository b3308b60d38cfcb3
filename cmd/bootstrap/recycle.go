package main

import (
	"math"
	"math/rand/v2"

	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

// A recycler decides when a worker has served long enough. Each worker has its own limits,
// somewhat below the settings, so that workers of the same age are not recycled together.
type recycler struct {
	maxInvocations int   // 0 if unlimited
	maxRSS         int64 // bytes; 0 if unlimited
}

// spread is how far below the setting a worker's limit may be, as a share of it.
const spread = 0.2

func newRecycler(s settings) recycler {
	share := 1 - spread*rand.Float64()
	r := recycler{maxRSS: int64(share * float64(s.maxRSS))}
	if s.maxInvocations > 0 {
		r.maxInvocations = int(math.Ceil(share * float64(s.maxInvocations)))
	}
	return r
}

// due reports whether to recycle w, which has answered served invocations.
func (r recycler) due(w *worker.Worker, served int) bool {
	return r.maxInvocations > 0 && served >= r.maxInvocations ||
		r.maxRSS > 0 && w.RSS() >= r.maxRSS
}

// recycle is the supervisor's Recycle.
func (p *pool) recycle(slot, served int) (due, room bool) {
	p.mu.Lock()
	w := p.workers[slot]
	p.mu.Unlock()
	if !w.recycler.due(w.Worker, served) {
		return false, false
	}
	return true, p.room()
}

// room reports whether the function's memory has room for one more worker as large as the
// largest. Without a known limit there is room.
func (p *pool) room() bool {
	limit := process.MemoryLimit()
	if p.memory > 0 && (limit == 0 || p.memory < limit) {
		limit = p.memory
	}
	if limit == 0 {
		return true
	}
	var sum, largest int64
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		rss := w.RSS()
		sum += rss
		largest = max(largest, rss)
	}
	return sum+largest <= limit
}
