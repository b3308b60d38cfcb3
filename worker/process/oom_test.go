//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// cgroup creates the files of a memory control group and returns their root.
func cgroup(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMemoryGroup(t *testing.T) {
	for name, test := range map[string]struct {
		proc  string
		files map[string]string
		kills int
		ok    bool
		limit int64
	}{
		"version 2": {"0::/fn\n", map[string]string{
			"fn/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 9\n", "fn/memory.max": "536870912\n"}, 2, true, 512 << 20},
		"version 2 without a limit": {"0::/\n", map[string]string{
			"memory.events": "oom_kill 0\n", "memory.max": "max\n"}, 0, true, 0},
		"version 1": {"8:pids:/x\n4:memory:/fn\n0::/\n", map[string]string{
			"memory/fn/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "memory/fn/memory.limit_in_bytes": "1048576\n"}, 7, true, 1 << 20},
		"version 1 without a limit": {"4:memory:/\n", map[string]string{
			"memory/memory.oom_control": "oom_kill 1\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1, true, 0},
		"in a container that sees the host's name": {"4:memory:/host/1f\n", map[string]string{
			"memory/memory.oom_control": "oom_kill 1\n", "memory/memory.limit_in_bytes": "1048576\n"}, 1, true, 1 << 20},
		"nothing to read": {"0::/fn\n", nil, 0, false, 0},
		"no cgroups":      {"", nil, 0, false, 0},
		"nonsense":        {"0::\nx\n4:memory:/fn\n", map[string]string{"memory/fn/memory.oom_control": "oom_kill many\n"}, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := findMemoryGroup(test.proc, cgroup(t, test.files))
			if kills, ok := g.oomKills(); kills != test.kills || ok != test.ok {
				t.Errorf("%d kills, %v; want %d, %v", kills, ok, test.kills, test.ok)
			}
			if limit := g.limitBytes(); limit != test.limit {
				t.Errorf("limit %d, want %d", limit, test.limit)
			}
		})
	}
}

// Each kill that the kernel counts is attributed to one process, and only if it came after
// the last Mark of that process.
func TestOutOfMemory(t *testing.T) {
	root := cgroup(t, map[string]string{"memory.events": "oom_kill 5\n", "memory.max": "104857600\n"})
	count := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "memory.events"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := &oomWatch{group: findMemoryGroup("0::/\n", root), claimed: 5}
	check := func(what string, before int, want bool) {
		t.Helper()
		oom, limit := o.outOfMemory(before, 1<<30, 512<<20)
		if oom != want || limit != 100<<20 {
			t.Errorf("%s: %v with limit %d, want %v with the lower of both limits", what, oom, limit, want)
		}
	}
	check("a kill that the kernel does not count", 5, false)
	count("oom_kill 7\n")
	check("the first of two", 5, true)
	check("the second of two", 5, true)
	check("a third that was not counted", 5, false)
	count("oom_kill 8\n")
	check("a kill before the last Mark", 8, false)
}

func TestOutOfMemoryWithoutAGroup(t *testing.T) {
	o := &oomWatch{}
	for _, test := range []struct {
		peak, limit int64
		want        bool
	}{
		{450 << 20, 512 << 20, true},
		{300 << 20, 512 << 20, false},
		{450 << 20, 0, false}, // on a laptop nothing limits it
	} {
		if oom, limit := o.outOfMemory(0, test.peak, test.limit); oom != test.want || limit != test.limit {
			t.Errorf("%d of %d: got %v, %d", test.peak, test.limit, oom, limit)
		}
	}
}

func TestOutOfMemoryMessage(t *testing.T) {
	e := &ExitError{PID: 1, Signal: 9, OutOfMemory: true, PeakRSS: 498 << 20, MemoryLimit: 512 << 20}
	if got, want := e.Error(), "process 1 ran out of memory: it used 498 MB of 512 MB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.MemoryLimit = 0
	if got, want := e.Error(), "process 1 ran out of memory: it used 498 MB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
