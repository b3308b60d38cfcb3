package worker

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// killStrays kills what a dead R has left running outside its process group: children
// in a session of their own, and theirs. They are known by their TMPDIR, which no other
// worker's processes have.
func killStrays(tmp string) {
	mark := []byte("TMPDIR=" + tmp)
	for _, pid := range allPIDs() {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			continue // ended meanwhile, or not ours to look at
		}
		for entry := range bytes.SplitSeq(environ, []byte{0}) {
			if bytes.Equal(entry, mark) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may end by itself meanwhile
				break
			}
		}
	}
	if os.Getpid() == 1 {
		reapZombies()
	}
}

func allPIDs() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read counts
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// reapZombies reaps every dead child that is no worker. Only process 1 needs it, to which
// all orphans fall, and which has no other children.
func reapZombies() {
	unreaped.Lock()
	defer unreaped.Unlock()
	for _, pid := range allPIDs() {
		parent, state := parentAndState(pid)
		if parent == os.Getpid() && state == 'Z' && !unreaped.pids[pid] {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // reaped, or not there any more
		}
	}
}

// parentAndState reads them from /proc/pid/stat: "pid (name) state parent …", where
// the name may have anything in it.
func parentAndState(pid int) (parent int, state byte) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 || len(fields[0]) == 0 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1])) // the kernel's own digits
	return parent, fields[0][0]
}
