package chaos

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stat returns the state and the parent of a process; 0 when there is none.
func stat(pid int) (state byte, ppid int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name, in parentheses, may have anything in it.
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	if _, err := fmt.Sscanf(string(rest), " %c %d", &state, &ppid); err != nil {
		return 0, 0
	}
	return state, ppid
}

// alive tells whether a process lives: a zombie does not.
func alive(pid int) bool {
	state, _ := stat(pid)
	return state != 0 && state != 'Z' && state != 'X'
}

func parent(pid int) int { _, ppid := stat(pid); return ppid }

// deadSoon waits until none of the processes lives and returns those that do.
func deadSoon(pids []int) []int {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(soon); ; <-tick.C {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !alive(pid) })
		if len(pids) == 0 || time.Now().After(deadline) {
			return pids
		}
	}
}

// marked returns the living processes that have mark in their environment, this
// one not included.
func marked(mark string) []int {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the only error is a bad pattern
	var pids []int
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(mark)) {
			continue // ended meanwhile, or not ours
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil && pid != os.Getpid() && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func killAll(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// openFDs returns what the file descriptors of this process are, but for those with
// which Go's runtime waits.
func openFDs() []string {
	links, _ := filepath.Glob("/proc/self/fd/*") // the only error is a bad pattern
	var open []string
	for _, link := range links {
		target, err := os.Readlink(link) // the one that Glob itself used is closed by now
		if err == nil && !strings.HasPrefix(target, "anon_inode:") {
			open = append(open, filepath.Base(link)+" "+target)
		}
	}
	return open
}
