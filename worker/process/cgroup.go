//go:build linux

package process

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A memoryGroup is a memory control group. This program and all its children share one.
type memoryGroup struct {
	events *os.File // kept open, because it is read at each Mark; nil if there is no group
	limit  string   // the path of the file that holds the limit
}

// findMemoryGroup finds the group that procCgroup, the text of /proc/self/cgroup, names below
// root, which is /sys/fs/cgroup. Versions 1 and 2 of control groups are supported. In a
// container the group may be the root, although procCgroup has the host's name for it.
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

// oomKills returns how many processes of the group the kernel has killed because memory ran
// out. It is not ok if the kernel does not say.
func (g memoryGroup) oomKills() (n int, ok bool) {
	if g.events == nil {
		return 0, false
	}
	var buf [512]byte // the file has a few short lines
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

// limitBytes returns the group's limit; 0 if it has none.
func (g memoryGroup) limitBytes() int64 {
	text, err := os.ReadFile(g.limit)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || n > 1<<50 { // no limit: "max" in version 2, a huge number in version 1
		return 0
	}
	return n
}
