package worker

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A memoryGroup is this process's memory control group, which all workers share.
type memoryGroup struct {
	events *os.File // kept open, as it is read at each invocation; nil: there is none to read
	limit  string   // a file
}

// findMemoryGroup finds the group that procCgroup, the text of /proc/self/cgroup, names
// below root, /sys/fs/cgroup: version 2, or version 1. A container may see its own group
// as the root of all, and yet be told the host's name of it.
func findMemoryGroup(procCgroup, root string) memoryGroup {
	for line := range strings.Lines(procCgroup) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		top, events, limit := root, "memory.events", "memory.max"
		switch {
		case fields[0] == "0" && fields[1] == "":
		case fields[1] == "memory":
			top, events, limit = filepath.Join(root, "memory"), "memory.oom_control", "memory.limit_in_bytes"
		default:
			continue
		}
		for _, dir := range []string{filepath.Join(top, fields[2]), top} {
			f, err := os.Open(filepath.Join(dir, events))
			if err != nil {
				continue
			}
			g := memoryGroup{f, filepath.Join(dir, limit)}
			if _, ok := g.oomKills(); ok {
				return g
			}
			_ = f.Close() // it was only read
		}
	}
	return memoryGroup{}
}

// oomKills returns how many processes of the group the kernel has killed for want of
// memory; not ok where it does not say.
func (g memoryGroup) oomKills() (n int, ok bool) {
	if g.events == nil {
		return 0, false
	}
	var buf [512]byte // it is a few short lines
	size, err := g.events.ReadAt(buf[:], 0)
	if err != nil && err != io.EOF {
		return 0, false
	}
	for line := range bytes.Lines(buf[:size]) {
		if count, found := bytes.CutPrefix(line, []byte("oom_kill ")); found {
			n, err := strconv.Atoi(string(bytes.TrimSpace(count)))
			return n, err == nil
		}
	}
	return 0, false
}

// limitBytes returns the group's limit, 0 where there is none.
func (g memoryGroup) limitBytes() int64 {
	text, err := os.ReadFile(g.limit)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || n > 1<<50 { // "max", or version 1's way to say so
		return 0
	}
	return n
}

// oomWatch hands each kill that the kernel counts to one dead worker.
type oomWatch struct {
	group memoryGroup

	mu      sync.Mutex
	claimed int // kills that are accounted for
}

// MemoryLimit returns the limit of this process's memory control group in bytes, 0
// where there is none, or none that can be read.
func MemoryLimit() int64 { return watchOOM().group.limitBytes() }

// watchOOM begins to count, at the first spawn.
var watchOOM = sync.OnceValue(func() *oomWatch {
	text, _ := os.ReadFile("/proc/self/cgroup") // without it there is no group
	w := &oomWatch{group: findMemoryGroup(string(text), "/sys/fs/cgroup")}
	w.claimed, _ = w.group.oomKills()
	return w
})

// nearLimit is the share of its memory that a function without a readable control
// group must have used for a SIGKILL from nowhere to count as want of memory. The
// rest is the system's and bootstrap's.
const nearLimit = 0.8

// kills returns how many kills the kernel has counted so far, 0 where it does not say.
func (o *oomWatch) kills() int {
	n, _ := o.group.oomKills()
	return n
}

// outOfMemory reports whether a worker that was killed by SIGKILL, and not by us, died
// for want of memory, and the limit in bytes that counts, 0 if none is known. Before is
// what kills returned when its invocation began: a kill since then that no other worker
// has died of was this one's. Peak and functionLimit are in bytes, too.
func (o *oomWatch) outOfMemory(before int, peak, functionLimit int64) (oom bool, limit int64) {
	limit = functionLimit
	if l := o.group.limitBytes(); l > 0 && (limit == 0 || l < limit) {
		limit = l
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	kills, ok := o.group.oomKills()
	if !ok {
		return functionLimit > 0 && float64(peak) >= nearLimit*float64(functionLimit), limit
	}
	o.claimed = max(o.claimed, before)
	if kills > o.claimed {
		o.claimed++
		return true, limit
	}
	return false, limit
}
