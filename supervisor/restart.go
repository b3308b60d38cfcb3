package supervisor

import (
	"time"

	"lambda-r-runtime/internal/random"
)

const (
	firstPause = 100 * time.Millisecond // before the second restart in a row
	maxPause   = 5 * time.Second

	// maxFailedSpawns is how many spawns in a row may fail before a slot gives up.
	maxFailedSpawns = 5
)

// restarts is the restart policy of one slot: how long to pause before the next worker is
// spawned, and when to give up. It has no clock; the slot reports what happened.
//
// A failure is a failed spawn, or the death of a worker that did not serve. The first
// failure in a row causes no pause, the second one of 100 ms, and each further one twice
// as long, up to 5 s, all of them ± 50 %. A worker that served ends the row: it answered,
// or it ran its invocation until the deadline, so slow handlers are not a crash loop. To
// become ready is not enough, or a worker that dies whenever it is ready would be
// restarted without a pause.
type restarts struct {
	failures     int // in a row
	failedSpawns int // in a row, since a worker was ready
}

// ready notes that a worker became ready.
func (r *restarts) ready() { r.failedSpawns = 0 }

// served notes that the worker answered an invocation, or ran one until its deadline.
func (r *restarts) served() { r.failures = 0 }

// lost notes that a worker died without having served, and returns the pause before the
// next spawn.
func (r *restarts) lost() (pause time.Duration) {
	r.failures++
	return r.pause()
}

// spawnFailed notes that a worker did not become ready. It returns the pause before the
// next spawn, and whether the slot gives up.
func (r *restarts) spawnFailed() (pause time.Duration, gaveUp bool) {
	r.failures++
	r.failedSpawns++
	return r.pause(), r.failedSpawns >= maxFailedSpawns
}

func (r *restarts) pause() time.Duration {
	if r.failures < 2 {
		return 0
	}
	return random.Jitter(min(firstPause<<min(r.failures-2, 10), maxPause))
}
