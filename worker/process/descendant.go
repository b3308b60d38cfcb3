//go:build linux

package process

import (
	"fmt"
	"os"
	"strings"
)

// A Descendant is a process that another one has started or forked, directly or not.
type Descendant struct {
	PID  int
	Name string // of its program, as ps shows it, without arguments: these can be secret
}

// Descendants returns the descendants of the process that run now: its children, theirs, and
// those whose environment has Options.Marker, but no supervised processes. After the process was
// reaped it returns none.
func (p *Process) Descendants() []Descendant {
	p.mu.Lock() // until it is reaped, the pid is its own
	defer p.mu.Unlock()
	if p.reaped {
		return nil
	}
	var found []Descendant
	for _, pid := range allPIDs() {
		if supervised.has(pid) || !descends(pid, p.pid) && !hasMarker(pid, p.options.Marker) {
			continue
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if _, state := parentAndState(pid); err == nil && state != 0 && state != 'Z' {
			found = append(found, Descendant{pid, strings.ToValidUTF8(strings.TrimSuffix(string(name), "\n"), "?")})
		}
	}
	return found
}

// descends reports whether ancestor is the parent of pid, or that one's parent, and so on.
func descends(pid, ancestor int) bool {
	for pid > 1 {
		pid, _ = parentAndState(pid)
		if pid == ancestor {
			return true
		}
	}
	return false
}
