package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// scriptPath is where R finds its fd 5, the loader. /dev/fd may be missing in Lambda.
const scriptPath = "/proc/self/fd/5"

// Config says how to make an R process.
type Config struct {
	Bin     string   // the R executable
	Script  *Script  // the R side of the runtime
	Handler string   // what it is to load
	Dir     string   // the working directory
	Env     []string // see Environment
	TempDir string   // where each process gets a TMPDIR of its own
	Timing  bool     // log, at level debug, how long each library() and source() call of the load takes

	// MemoryLimit is what all of the function may use, in bytes, where something
	// holds it to that; 0: not known. It tells want of memory from other kills where
	// there is no control group to read.
	MemoryLimit int64

	// MaxResult is the largest result that Invoke returns, in bytes.
	MaxResult int

	Log *slog.Logger // where R's output goes, too
}

// Spawn starts an R process and waits until it is ready. Ctx bounds the spawn
// only: when it ends first, the process is killed.
//
// The errors: *protocol.HandlerError, when R reported that the handler cannot be
// loaded; *ExitError, when it died; *protocol.ProtocolError; the cause of ctx; or
// what kept the process from being started.
func Spawn(ctx context.Context, c Config) (*Worker, error) {
	watchOOM() // kills before this one are none of its
	tmp, err := os.MkdirTemp(c.TempDir, "lambda-r-")
	if err != nil {
		return nil, fmt.Errorf("make the worker's temporary directory: %w", err)
	}
	w, err := start(c, tmp)
	if err != nil {
		os.RemoveAll(tmp)
		return nil, fmt.Errorf("start %s: %w", c.Bin, err)
	}
	w.log.Debug("R process started", "bin", c.Bin, "dir", c.Dir)
	w.goroutines.Go(func() { w.reap(tmp, c.MemoryLimit) })
	w.goroutines.Go(w.stdout.run)
	w.goroutines.Go(w.stderr.run)

	stop := context.AfterFunc(ctx, func() { w.Kill(context.Cause(ctx).Error()) })
	err = w.handshake(c)
	if _, died := errors.AsType[*ExitError](err); !stop() && (err == nil || died) {
		err = context.Cause(ctx) // it was killed, or is about to be
	}
	if err != nil {
		w.Kill("it did not become ready")
		w.free()
		return nil, err
	}
	return w, nil
}

// A Script is the R side of the runtime: files without a name on any disk, which may
// be read-only. Every R process opens them anew, so one Script serves them all.
type Script struct {
	loader *os.File // R's fd 5, what it runs
	files  *os.File // R's fd 6, what that reads
}

// NewScript makes a Script of the loader and of the files that it reads.
func NewScript(loader, files []byte) (*Script, error) {
	l, err := NewMemoryFile(loader)
	if err != nil {
		return nil, err
	}
	f, err := NewMemoryFile(files)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Script{loader: l, files: f}, nil
}

// Close frees the files. R processes keep what they have of them.
func (s *Script) Close() error { return errors.Join(s.loader.Close(), s.files.Close()) }

// NewMemoryFile returns text as a file without a name on any disk, which R can open by
// the number that it has it under.
func NewMemoryFile(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("lambda-r-runtime.R", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "lambda-r-runtime.R")
	if _, err := f.Write(text); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// handshake tells R what to load, and waits until it has or says why it cannot.
func (w *Worker) handshake(c Config) error {
	hello := protocol.NewHello(c.Handler)
	hello.Timing = c.Timing
	if err := w.writer.WriteMessage(hello); err != nil {
		return w.broken(err)
	}
	reply, err := w.await("")
	if err != nil {
		return w.broken(err)
	}
	w.stdout.flush()
	w.stderr.flush()
	switch reply.Type {
	case protocol.TypeReady:
		w.ready = reply.Ready
		return nil
	case protocol.TypeInitError:
		return reply.Error
	default:
		return w.broken(unexpected(reply, "ready or init_error"))
	}
}

// start starts the process.
func start(c Config, tmp string) (_ *Worker, err error) {
	var ends []*os.File // every end of every pipe, to be closed on an error
	var children []*os.File
	defer func() {
		// The child has its own copies. Ours would keep the pipes from ending.
		for _, f := range children {
			f.Close()
		}
		if err != nil {
			for _, f := range ends {
				f.Close()
			}
		}
	}()
	pipe := func(childReads bool) (parent, child *os.File) {
		r, w, e := os.Pipe()
		if e != nil {
			err = e
			return nil, nil
		}
		if childReads {
			parent, child = w, r
		} else {
			parent, child = r, w
		}
		ends, children = append(ends, parent), append(children, child)
		return parent, child
	}
	requests, fd3 := pipe(true)
	replies, fd4 := pipe(false)
	stdout, fd1 := pipe(false)
	stderr, fd2 := pipe(false)
	if err != nil {
		return nil, err
	}

	// --no-restore and --no-save: no workspace of somebody's session. .Rprofile is
	// read, so that renv works. --file rather than -e, for which R writes a file.
	cmd := exec.Command(c.Bin, "--no-echo", "--no-restore", "--no-save", "--file="+scriptPath)
	cmd.Dir = c.Dir
	cmd.Env = append(c.Env[:len(c.Env):len(c.Env)], "TMPDIR="+tmp)
	cmd.Stdout, cmd.Stderr = fd1, fd2
	cmd.ExtraFiles = []*os.File{fd3, fd4, c.Script.loader, c.Script.files}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // a group to kill, and no Ctrl-C from the terminal
		Pdeathsig: syscall.SIGKILL, // a busy R must not outlive bootstrap
	}

	w := &Worker{
		cmd:       cmd,
		requests:  requests,
		replies:   replies,
		writer:    protocol.NewWriter(requests),
		reader:    protocol.NewReader(replyPipe{replies}),
		maxResult: c.MaxResult,
		done:      make(chan struct{}),
	}
	if w.stdout, err = newPump(stdout, w.logStdout); err != nil {
		return nil, err
	}
	if w.stderr, err = newPump(stderr, w.logStderr); err != nil {
		return nil, err
	}
	if err = startCommand(cmd); err != nil {
		return nil, err
	}
	w.log = c.Log.With("pid", cmd.Process.Pid)
	return w, nil
}
