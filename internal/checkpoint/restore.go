//go:build linux

package checkpoint

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"lambda-r-runtime/worker/process"
)

// A Copy is a restored process tree.
type Copy struct {
	// Process is process 1 of the copy's pid namespace. It ends when the first process of the tree
	// has ended, and its death ends them all.
	*process.Process

	// TempDir is the folder that holds the temporary files of this copy. In the copy, it has the
	// path that was given to Dump.
	TempDir string

	root *os.Process // the first process of the tree; nil if it has ended already
}

// inNamespace is a script that runs "$@" as process 1 of new namespaces, with the folder $2 at the
// path $3, and with the limit that withLimit explains.
const inNamespace = `mount --make-rprivate / && mount -t proc proc /proc &&
mount --bind "$1" /proc/sys/fs/nr_open && mount --bind "$2" "$3" && shift 3 && exec "$@"`

// Restore restores a copy of the tree and returns when it runs. Several calls may run at once.
// Options handle the output of the copy; they must have no Marker, because the copies cannot be
// told apart by their environment. Ctx bounds the call only.
func (i *Image) Restore(ctx context.Context, o process.Options) (*Copy, error) {
	dir := i.path(strconv.FormatInt(i.restores.Add(1), 10))
	c, err := i.restore(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("restore in %s: %w", dir, err)
	}
	return c, nil
}

func (i *Image) restore(ctx context.Context, dir string, o process.Options) (*Copy, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	tempDir := filepath.Join(dir, filesDir)
	if output, err := run(ctx, exec.Command("cp", "-a", i.path(filesDir), tempDir)); err != nil {
		return nil, fmt.Errorf("copy the temporary files: %w%s", err, joined(output))
	}
	if err := os.MkdirAll(i.tempDir, 0o700); err != nil { // the path may have been removed since
		return nil, err
	}
	pipe := filepath.Join(dir, readyPipe)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: pipe, Err: err}
	}
	// With O_RDWR, a read waits although nothing has opened the pipe for writing yet.
	ready, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer ready.Close()

	p, err := process.Start(i.command(dir, tempDir, pipe), o)
	if err != nil {
		return nil, err
	}
	if err := awaitReady(ctx, p, ready); err != nil {
		p.Kill("it was not restored")
		exit := p.Wait()
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		e := newError("restore", fmt.Errorf("it %s", exit.Reason()), filepath.Join(dir, restoreLog))
		if len(e.Errors) == 0 {
			e.Errors = exit.StderrTail
		}
		return nil, e
	}
	return &Copy{Process: p, TempDir: tempDir, root: findRoot(p.PID(), i.root)}, nil
}

// command returns the command that restores a copy in dir.
func (i *Image) command(dir, tempDir, pipe string) *exec.Cmd {
	args := slices.Concat(
		[]string{"-c", inNamespace, "sh", i.path(limitFile), tempDir, i.tempDir},
		[]string{i.tool.path, "restore", "--images-dir", i.path(memoryDir), "--work-dir", dir,
			"--log-file", restoreLog, "--action-script", i.path(readyHook)},
		common,
	)
	for n, output := range i.outputs {
		args = append(args, "--inherit-fd", fmt.Sprintf("fd[%d]:%s", n+1, output))
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "CHECKPOINT_READY="+pipe)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	return cmd
}

// awaitReady waits until CRIU writes to ready. It returns an error if p or ctx ends first.
func awaitReady(ctx context.Context, p *process.Process, ready *os.File) error {
	read := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.Done():
		case <-ctx.Done():
		case <-read:
		}
		_ = ready.SetReadDeadline(time.Unix(1, 0)) // ends the read; a pipe has deadlines
	})
	_, err := ready.Read(make([]byte, 1))
	close(read)
	watch.Wait()
	return err
}

// findRoot returns the child of process init that has the given pid in its own namespace, or nil
// if that has ended.
func findRoot(init, pid int) *os.Process {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", init, init))
	if err != nil {
		return nil
	}
	for child := range strings.FieldsSeq(string(text)) {
		status, err := os.ReadFile("/proc/" + child + "/status")
		if err != nil || !slices.Contains(strings.Split(string(status), "\n"), fmt.Sprintf("NSpid:\t%s\t%d", child, pid)) {
			continue
		}
		host, err := strconv.Atoi(child)
		if err != nil {
			continue
		}
		if p, err := os.FindProcess(host); err == nil { // a pidfd: a later process with this pid is another one
			return p
		}
	}
	return nil
}

// RootPID returns the pid of the first process of the tree, as this program sees it; 0 if it has
// ended.
func (c *Copy) RootPID() int {
	if c.root == nil {
		return 0
	}
	return c.root.Pid
}

// Terminate sends SIGTERM to the first process of the tree. The caller waits for its end with
// Wait, or calls Kill.
func (c *Copy) Terminate() {
	if c.root != nil {
		_ = c.root.Signal(syscall.SIGTERM) // fails if it has ended
	}
}
