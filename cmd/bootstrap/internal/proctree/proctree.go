//go:build linux

// Package proctree looks at a process and its descendants from outside: their memory and their
// network connections. All functions return what is so at the moment; processes may end meanwhile.
package proctree

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Of returns the process root, if it exists, and all its descendants.
func Of(root int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	exists := false
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if pid == root {
			exists = true
		}
		if parent, ok := parentOf(path); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	if !exists {
		return nil
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		for _, child := range children[tree[i]] {
			if !slices.Contains(tree, child) { // a pid may have been given to another process meanwhile
				tree = append(tree, child)
			}
		}
	}
	return tree
}

// marked returns the processes that have an environment entry that begins with mark.
func marked(mark string) (pids []int) {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the only error is a bad pattern
	for _, path := range environs {
		environ, _ := os.ReadFile(path) // it has ended, or belongs to another user
		for entry := range bytes.SplitSeq(environ, []byte{0}) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil && bytes.HasPrefix(entry, []byte(mark)) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// union returns the pids that are in a or in b.
func union(a, b []int) []int {
	for _, pid := range b {
		if !slices.Contains(a, pid) {
			a = append(a, pid)
		}
	}
	return a
}

// parentOf reads the parent of a process from its file stat.
func parentOf(stat string) (parent int, ok bool) {
	text, err := os.ReadFile(stat)
	if err != nil {
		return 0, false // it has ended
	}
	// "pid (name) state parent …", where the name may contain anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, err == nil
}

// PeakMemory returns the sum of the most resident memory that each process of a tree has had, in
// bytes: an upper bound of what they have used at once.
func PeakMemory(root int) int64 {
	var sum int64
	for _, pid := range Of(root) {
		status, _ := os.ReadFile(file(pid, "status")) // it may have ended
		for line := range bytes.Lines(status) {
			if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
				kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
				sum += kib << 10
			}
		}
	}
	return sum
}

// file returns the path of a file of a process.
func file(pid int, name ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, name...)...)
}
