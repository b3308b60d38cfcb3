//go:build linux

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killStrays kills every process whose environment has the entry marker: the descendants of a
// dead process that left its group, and their descendants. A supervised process and its group are
// no strays, even if they were forked with the environment of the dead one.
func killStrays(marker string) {
	for _, pid := range allPIDs() {
		if !hasMarker(pid, marker) || isSupervised(pid) {
			continue
		}
		_ = syscall.Kill(pid, syscall.SIGKILL) // fails if it has ended since
	}
}

// isSupervised reports whether a Process waits for pid or for the leader of its group.
func isSupervised(pid int) bool {
	if supervised.has(pid) {
		return true
	}
	group, err := syscall.Getpgid(pid)
	return err == nil && supervised.has(group)
}

// hasMarker reports whether the environment of pid has the entry marker.
func hasMarker(pid int, marker string) bool {
	if marker == "" {
		return false
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && hasEntry(environ, marker) // an error: it has ended, or belongs to another user
}

// hasEntry reports whether environ, entries that each end in a zero byte, has entry.
func hasEntry(environ []byte, entry string) bool {
	for e := range bytes.SplitSeq(environ, []byte{0}) {
		if string(e) == entry {
			return true
		}
	}
	return false
}

func allPIDs() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // on an error, the names that were read still count
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// reapOrphans reaps every dead child that no Process waits for. Only process 1 and a
// subreaper have such children: for any other program it does nothing.
func reapOrphans() {
	if !inheritsOrphans() {
		return
	}
	supervised.mu.Lock()
	defer supervised.mu.Unlock()
	for _, pid := range ownChildren() {
		parent, state := parentAndState(pid)
		if parent == os.Getpid() && state == 'Z' && !supervised.pids[pid] {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // fails if it was reaped since
		}
	}
}

// ownChildren returns the children of this program. Of a kernel that lists no children, it returns all
// processes.
func ownChildren() []int {
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the only error is a bad pattern
	if len(lists) == 0 {
		return allPIDs()
	}
	var pids []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread has ended: its children are in another list
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// parentAndState reads the parent's pid and the state ('Z' for a zombie) of pid from
// /proc/pid/stat. They are 0 if the process does not exist.
func parentAndState(pid int) (parent int, state byte) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	// "pid (name) state parent …", where the name may contain anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 || len(fields[0]) == 0 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1])) // the kernel writes digits
	return parent, fields[0][0]
}
