//go:build linux

package process

import (
	"strings"
	"sync"
)

// An ExitError quotes at most tailLines lines of standard error, and tailWidth bytes of each.
const (
	tailLines = 10
	tailWidth = 1 << 10
)

// A tail holds the last lines of a stream or, once a line begins with crashPrefix, the first
// lines from there on: they name the crash and its place.
type tail struct {
	crashPrefix string // if empty, no line begins a crash report

	mu    sync.Mutex
	last  []string
	crash bool // a crash report has begun
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.crashPrefix != "" && strings.HasPrefix(line, t.crashPrefix) {
		t.last, t.crash = nil, true
	}
	if len(t.last) == tailLines {
		if t.crash {
			return
		}
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, strings.ToValidUTF8(line[:min(len(line), tailWidth)], ""))
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.crash = nil, false
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.last...)
}
