//go:build linux

package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/worker/process"
)

// Start starts cmd as process.Start does, so that Dump can dump it. It inherits no open file but
// its output, and its standard input is empty.
func (t *Tool) Start(cmd *exec.Cmd, o process.Options) (*process.Process, error) {
	if cmd.Stdin != nil || len(cmd.ExtraFiles) > 0 {
		return nil, errors.New("checkpoint: cmd.Stdin or cmd.ExtraFiles is set, which cannot be restored")
	}
	// CRIU cannot find files that were opened outside the namespace, such as /dev/null. Those that
	// this program has inherited would be inherited again, so they are marked to be closed on exec.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("close_range", err)
	}
	// The same goes for the program, if its path is /proc/self/exe.
	path, err := filepath.EvalSymlinks(cmd.Path)
	if err != nil {
		return nil, err
	}
	cmd.Path = path
	empty, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer empty.Close() // the child has a copy
	defer w.Close()     // nothing is written
	cmd.Stdin = empty
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Unshareflags |= syscall.CLONE_NEWNS
	return process.Start(cmd, o)
}

// An Image is a snapshot of a process tree.
type Image struct {
	tool     *Tool
	dir      string // with the folders and files named below
	root     int    // the pid of the tree's first process
	tempDir  string // the path of the tree's temporary files
	outputs  []string
	restores atomic.Int64
}

// Names in the folder of an Image, besides a folder for each restored copy.
const (
	memoryDir  = "memory"   // what CRIU writes
	filesDir   = "files"    // the temporary files of the tree
	dumpLog    = "dump.log" // CRIU's log
	limitFile  = "nr_open"  // see withLimit
	readyHook  = "on-ready" // the program that CRIU starts when a restored tree runs
	readyPipe  = "ready"    // to which it writes, in the folder of the copy
	restoreLog = "restore.log"
)

// common are the options of both dump and restore. The tree need not lead its session, files that
// were deleted may be as large as Lambda's /tmp, and no packet filter is changed.
var common = []string{"-v2", "--shell-job", "--tcp-close", "--file-locks", "--ghost-limit", "512M"}

// withLimit is a script that runs "$@" with the content of file $0 as the kernel's limit of open
// files, in the mount namespace that it is in. CRIU raises its own limit to this, which needs a
// capability that root lacks in many containers.
const withLimit = `mount --bind "$0" /proc/sys/fs/nr_open && exec "$@"`

// Dump writes a snapshot of a tree that Start has started into dir, which it makes, and ends the
// tree. The folder tempDir holds the temporary files of the tree and becomes part of the snapshot.
// If Dump fails, the tree may still run.
func (t *Tool) Dump(ctx context.Context, p *process.Process, tempDir, dir string) (*Image, error) {
	i := &Image{tool: t, dir: dir, root: p.PID(), tempDir: tempDir}
	var err error
	if i.outputs, err = outputsOf(p.PID()); err != nil {
		return nil, fmt.Errorf("dump process %d: %w", p.PID(), err)
	}
	if err := i.lay(); err != nil {
		return nil, fmt.Errorf("dump process %d: %w", p.PID(), err)
	}
	pid := strconv.Itoa(p.PID())
	cmd := exec.Command("nsenter", slices.Concat(
		[]string{"--target", pid, "--mount", "sh", "-c", withLimit, i.path(limitFile)},
		[]string{t.path, "dump", "--tree", pid, "--images-dir", i.path(memoryDir), "--log-file", i.path(dumpLog)},
		common,
	)...)
	if output, err := run(ctx, cmd); err != nil {
		e := newError("dump", err, i.path(dumpLog))
		if len(e.Errors) == 0 {
			e.Errors = output
		}
		return nil, e
	}
	p.Wait() // CRIU has killed it; its strays, which share the marks of all copies, are killed now
	if output, err := run(ctx, exec.Command("cp", "-a", tempDir, i.path(filesDir))); err != nil {
		return nil, fmt.Errorf("copy the temporary files in %s: %w%s", tempDir, err, joined(output))
	}
	return i, nil
}

// Forget removes the memory of the tree from the disk, because it may hold secrets. No further copy
// can be restored then; those that run need nothing of it.
func (i *Image) Forget() error { return os.RemoveAll(i.path(memoryDir)) }

func (i *Image) path(name string) string { return filepath.Join(i.dir, name) }

// lay makes the folder of the image and the files that CRIU reads in it.
func (i *Image) lay() error {
	dir, err := filepath.Abs(i.dir)
	if err != nil {
		return err
	}
	i.dir = dir
	if err := os.MkdirAll(i.path(memoryDir), 0o700); err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	hook := "#!/bin/sh\nif [ \"$CRTOOLS_SCRIPT_ACTION\" = post-resume ]; then echo >\"$CHECKPOINT_READY\"; fi\n"
	return errors.Join(
		os.WriteFile(i.path(limitFile), fmt.Appendf(nil, "%d\n", limit.Max), 0o600),
		os.WriteFile(i.path(readyHook), []byte(hook), 0o700),
	)
}

// outputsOf returns the pipes that are the standard output and error of a process, in the form
// "pipe:[123]". If they are one pipe, it returns one.
func outputsOf(pid int) (pipes []string, err error) {
	for fd := 1; fd <= 2; fd++ {
		pipe, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(pipe, "pipe:") {
			return nil, fmt.Errorf("file descriptor %d is %s, not a pipe", fd, pipe)
		}
		if !slices.Contains(pipes, pipe) {
			pipes = append(pipes, pipe)
		}
	}
	return pipes, nil
}
