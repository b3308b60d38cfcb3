//go:build linux

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A forked process is not killed when this program is: the kernel clears Pdeathsig at a fork. So the
// groups of adopted processes are listed by another program, the watchdog. Where the kernel refuses
// Pdeathsig, it lists those of started processes, too. When the pipe to it ends,
// because this program has ended, it kills the groups that are still listed.

// watchdogScript reads lines "+ PID START" and "- PID". START is when the process began, as proc(5)
// has it: a pid whose process began at another time belongs to another process now.
const watchdogScript = `
groups=
while read -r what pid start; do
	left=
	for group in $groups; do
		test "${group%:*}" = "$pid" || left="$left $group"
	done
	groups=$left
	test "$what" = - || groups="$groups $pid:$start"
done
for group in $groups; do
	pid=${group%:*}
	if read -r line < "/proc/$pid/stat"; then
		set -- ${line##*)}
		test "${20}" = "${group#*:}" || continue
	fi
	kill -9 "-$pid"
done 2> /dev/null
`

// A watchdog kills process groups when this program has ended. It is started with the first one, and
// runs on when there is none, so that the next one need not wait for it.
type watchdog struct {
	mu      sync.Mutex
	process *os.Process
	pipe    *os.File       // nil if it was not started
	groups  map[int]string // when the leader began, by its pid

	restarts int // since the last add or remove
}

// EndWatchdog ends the watchdog if no adopted process is left. The next Adopt starts it again.
func EndWatchdog() {
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if len(guard.groups) == 0 {
		guard.stop()
	}
}

// guard is this program's watchdog. It ends with this program.
var guard = watchdog{groups: map[int]string{}}

// maxRestarts is how often a watchdog that has ended is replaced before the next add or remove. One
// that cannot run would otherwise be started without end.
const maxRestarts = 3

// watchdogPatience is how long the watchdog may leave its pipe full.
const watchdogPatience = time.Second

// add lists the group of pid, which must be a child of ours.
func (w *watchdog) add(pid int) error {
	start := startTime(pid)
	if start == "" {
		return fmt.Errorf("process: %d does not exist", pid)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[pid], w.restarts = start, 0
	if w.send("+", pid) == nil {
		return nil
	}
	if err := w.start(); err != nil {
		delete(w.groups, pid)
		return fmt.Errorf("process: start the watchdog: %w", err)
	}
	return nil
}

// remove removes the group of pid from the list. It must be called before pid is reaped.
func (w *watchdog) remove(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.groups, pid)
	w.restarts = 0
	if w.send("-", pid) != nil {
		_ = w.start() // the next add tries again, and returns the error
	}
}

func (w *watchdog) send(what string, pid int) error {
	if w.pipe == nil {
		return os.ErrClosed
	}
	if err := w.pipe.SetWriteDeadline(time.Now().Add(watchdogPatience)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w.pipe, what, pid, w.groups[pid])
	return err
}

// start starts the watchdog, instead of one that is dead or stuck.
func (w *watchdog) start() error {
	w.stop()
	stdin, pipe, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close() // the watchdog has a copy
	cmd := exec.Command("/bin/sh", "-c", watchdogScript)
	cmd.Stdin = stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no signal to our group is for it
	if err := supervised.start(cmd); err != nil {
		return errors.Join(err, pipe.Close())
	}
	w.process, w.pipe = cmd.Process, pipe
	go w.await(cmd) // ends with the watchdog, which stop waits for
	for pid := range w.groups {
		if err := w.send("+", pid); err != nil {
			w.stop()
			return err
		}
	}
	return nil
}

// stop ends the watchdog, which must not take the end of its pipe for the end of this program.
func (w *watchdog) stop() {
	if w.pipe == nil {
		return
	}
	_ = w.process.Kill()    // fails if it is dead
	_, _ = w.process.Wait() // fails if await was faster
	_ = w.pipe.Close()      // nobody reads it
	w.process, w.pipe = nil, nil
}

// await waits for the end of a watchdog. If it was killed, another one is started at once, because
// this program may be killed next.
func (w *watchdog) await(cmd *exec.Cmd) {
	_ = cmd.Wait() // it does not matter how it ended
	supervised.remove(cmd.Process.Pid)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == cmd.Process && len(w.groups) > 0 && w.restarts < maxRestarts {
		w.restarts++
		_ = w.start() // the next add tries again, and returns the error
	}
}

// startTime returns when pid began, as proc(5) has it, or "" if it does not exist.
func startTime(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// Field 22; the second one is the name in parentheses, which may contain anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}
