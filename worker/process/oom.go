//go:build linux

package process

import "sync"

// An oomWatch attributes each kill that the kernel counts to one dead process.
type oomWatch struct {
	group memoryGroup

	mu      sync.Mutex
	claimed int // kills that were attributed, or happened before there was a process
}

// nearLimit is the share of the memory limit that a process must have used for a SIGKILL by
// something else to count as an out-of-memory kill, if no control group can be read. The
// rest of the memory is used by the system and by this program.
const nearLimit = 0.8

// kills returns how many kills the kernel has counted so far; 0 if it does not count them.
func (o *oomWatch) kills() int {
	n, _ := o.group.oomKills()
	return n
}

// outOfMemory reports whether a process died of an out-of-memory kill, and the limit in
// bytes that applied, 0 if none is known. The process was killed by SIGKILL, and not by Kill.
//
// Before is the result of kills at the process's last Mark. A kill since then that is not
// attributed to another process was this one's. Peak and programLimit are in bytes, too.
func (o *oomWatch) outOfMemory(before int, peak, programLimit int64) (oom bool, limit int64) {
	limit = programLimit
	if l := o.group.limitBytes(); l > 0 && (limit == 0 || l < limit) {
		limit = l
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	kills, ok := o.group.oomKills()
	if !ok {
		return programLimit > 0 && float64(peak) >= nearLimit*float64(programLimit), limit
	}
	o.claimed = max(o.claimed, before)
	if kills > o.claimed {
		o.claimed++
		return true, limit
	}
	return false, limit
}
