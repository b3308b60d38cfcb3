//go:build linux

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// LimitMemory moves this program into a new memory control group, below the one that it is in,
// with this limit in bytes. The children that are started later are in it, too. Call it before
// the first Start, which begins to watch the group. Leave moves the program back and removes the
// group.
func LimitMemory(limit int64) (leave func() error, err error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	group := findMemoryGroup(string(text), "/sys/fs/cgroup")
	if group.events == nil {
		return nil, errors.New("no memory control group of this process can be read below /sys/fs/cgroup")
	}
	defer group.events.Close() // it was only read
	return limitBelow(filepath.Dir(group.limit), filepath.Base(group.limit), limit, os.Getpid())
}

// limitBelow moves pid into a new group below parent. LimitFile is the name of the file that
// holds the limit, which differs between the versions of control groups.
func limitBelow(parent, limitFile string, limit int64, pid int) (leave func() error, err error) {
	dir := filepath.Join(parent, "lambda-r-"+strconv.Itoa(pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	procs := strconv.Itoa(pid)
	moveBack := func() error {
		return errors.Join(writeGroupFile(filepath.Join(parent, "cgroup.procs"), procs), os.Remove(dir))
	}
	defer func() {
		if err != nil {
			_ = moveBack() // err is reported, and an empty group does no harm
		}
	}()
	if err := writeGroupFile(filepath.Join(dir, "cgroup.procs"), procs); err != nil {
		return nil, err
	}
	if err := enableMemory(parent); err != nil {
		return nil, err
	}
	most := strconv.FormatInt(limit, 10)
	if err := writeGroupFile(filepath.Join(dir, limitFile), most); err != nil {
		return nil, err
	}
	// Lambda has no swap. Where the kernel does not limit it, the machine has none either, or
	// R gets slow instead of being killed.
	for file, value := range map[string]string{"memory.swap.max": "0", "memory.memsw.limit_in_bytes": most} {
		_ = writeGroupFile(filepath.Join(dir, file), value)
	}
	return moveBack, nil
}

// enableMemory lets the groups below parent have a limit. Version 2 of control groups requires
// that, and that parent itself has no process then. Version 1 has no such file.
func enableMemory(parent string) error {
	file := filepath.Join(parent, "cgroup.subtree_control")
	enabled, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(bytes.Fields(enabled), func(name []byte) bool { return string(name) == "memory" }) {
		return nil
	}
	if err := writeGroupFile(file, "+memory"); err != nil {
		return fmt.Errorf("other processes are in the control group, or it is not ours to change: %w", err)
	}
	return nil
}

// writeGroupFile writes to a file of a control group, which must exist.
func writeGroupFile(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
