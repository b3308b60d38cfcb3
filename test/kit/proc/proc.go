//go:build linux

// Package proc reads /proc for tests.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"lambda-r-runtime/test/kit/board"
)

// Stat returns the state of a process, as proc(5) names it, and its parent. Both are 0 if there is
// no such process.
func Stat(pid int) (state byte, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name stands in parentheses and may contain any character.
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	if _, err := fmt.Sscanf(string(rest), " %c %d", &state, &parent); err != nil {
		return 0, 0
	}
	return state, parent
}

// Alive reports whether a process runs. A zombie does not.
func Alive(pid int) bool {
	state, _ := Stat(pid)
	return state != 0 && state != 'Z' && state != 'X'
}

// Parent returns the parent of a process, or 0 if there is no such process.
func Parent(pid int) int { _, parent := Stat(pid); return parent }

// RSS returns the resident memory of a process in bytes, or 0 if there is no such process.
func RSS(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var total, resident int64 // in pages
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// Marked returns the running processes that have mark in their environment, except this one.
func Marked(mark string) []int {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the only error is a bad pattern
	var pids []int
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(mark)) {
			continue // it has ended, or belongs to someone else
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil && pid != os.Getpid() && Alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// WaitGone waits until none of the processes runs, at most for a time, and returns those that do.
func WaitGone(most time.Duration, pids ...int) []int {
	board.Poll(most, func() bool {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !Alive(pid) })
		return len(pids) == 0
	})
	return pids
}

// KillAll sends SIGKILL to the processes.
func KillAll(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// OpenFDs returns the open file descriptors of this process with what they refer to, except those
// that Go's runtime polls with.
func OpenFDs() []string {
	links, _ := filepath.Glob("/proc/self/fd/*") // the only error is a bad pattern
	var open []string
	for _, link := range links {
		target, err := os.Readlink(link) // fails for the descriptor that Glob used
		if err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			open = append(open, filepath.Base(link)+" "+target)
		}
	}
	return open
}

// Pipes returns the pipes that a process has open, each once.
func Pipes(pid int) (pipes []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the only error is a bad pattern
	for _, link := range links {
		target, err := os.Readlink(link) // fails if it was closed since
		if err == nil && strings.HasPrefix(target, "pipe:") && !slices.Contains(pipes, target) {
			pipes = append(pipes, target)
		}
	}
	return pipes
}

// Watchdogs returns the watchdogs of bootstrap that run, see worker/process.
func Watchdogs(bootstrap int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the only error is a bad pattern
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte("read -r what pid start")) {
			continue // it has ended, or is another program
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil && Parent(pid) == bootstrap && Alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
