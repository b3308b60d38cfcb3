package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"

	"lambda-r-runtime/protocol"
)

// Config says how to make an R process.
type Config struct {
	Bin     string       // the R executable
	Script  []byte       // the R side of the runtime: what R evaluates
	Handler string       // what it is to load
	Dir     string       // the working directory
	Env     []string     // see Environment
	TempDir string       // where each process gets a TMPDIR of its own
	Log     *slog.Logger // where R's output goes, too
}

// Spawn starts an R process and waits until it is ready. Ctx bounds the spawn
// only: when it ends first, the process is killed.
//
// The errors: *protocol.HandlerError, when R reported that the handler cannot be
// loaded; *ExitError, when it died; *protocol.Violation; the cause of ctx; or
// what kept the process from being started.
func Spawn(ctx context.Context, c Config) (*Worker, error) {
	tmp, err := os.MkdirTemp(c.TempDir, "lambda-r-")
	if err != nil {
		return nil, fmt.Errorf("make the worker's temporary directory: %w", err)
	}
	w, script, err := start(c, tmp)
	if err != nil {
		os.RemoveAll(tmp)
		return nil, fmt.Errorf("start %s: %w", c.Bin, err)
	}
	w.log.Debug("R process started", "bin", c.Bin, "dir", c.Dir)
	w.goroutines.Go(func() { w.reap(tmp) })
	w.goroutines.Go(w.stdout.run)
	w.goroutines.Go(w.stderr.run)

	stop := context.AfterFunc(ctx, func() { w.Kill(context.Cause(ctx).Error()) })
	defer stop()
	if err := w.handshake(c, script); err != nil {
		w.Kill("it did not become ready")
		w.free()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return w, nil
}

// handshake gives R its script and the name of the handler, and waits until R
// has loaded it or says why it cannot.
func (w *Worker) handshake(c Config, script *os.File) error {
	// R reads the script as a file whose end must come. A pipe rather than a
	// file on disk, which may be read-only, and rather than -e, for which R
	// would write a file itself.
	_, err := script.Write(c.Script)
	script.Close()
	if err != nil {
		return w.broken(err)
	}
	if err := w.writer.WriteMessage(protocol.NewHello(c.Handler)); err != nil {
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

// start starts the process and returns it with the pipe for its script.
func start(c Config, tmp string) (_ *Worker, script *os.File, err error) {
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
	script, fd5 := pipe(true)
	stdout, fd1 := pipe(false)
	stderr, fd2 := pipe(false)
	if err != nil {
		return nil, nil, err
	}

	// /proc/self/fd, because Lambda may have no /dev/fd. --no-restore and
	// --no-save: no workspace of somebody's session; .Rprofile is read, so that
	// renv works.
	cmd := exec.Command(c.Bin, "--no-echo", "--no-restore", "--no-save", "--file=/proc/self/fd/5")
	cmd.Dir = c.Dir
	cmd.Env = append(c.Env[:len(c.Env):len(c.Env)], "TMPDIR="+tmp)
	cmd.Stdout, cmd.Stderr = fd1, fd2
	cmd.ExtraFiles = []*os.File{fd3, fd4, fd5}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // a group to kill, and no Ctrl-C from the terminal
		Pdeathsig: syscall.SIGKILL, // a busy R must not outlive bootstrap
	}

	w := &Worker{
		cmd:      cmd,
		requests: requests,
		replies:  replies,
		writer:   protocol.NewWriter(requests),
		reader:   protocol.NewReader(replies),
		done:     make(chan struct{}),
	}
	if w.stdout, err = newPump(stdout, w.logStdout); err != nil {
		return nil, nil, err
	}
	if w.stderr, err = newPump(stderr, w.logStderr); err != nil {
		return nil, nil, err
	}
	if err = startCommand(cmd); err != nil {
		return nil, nil, err
	}
	w.log = c.Log.With("pid", cmd.Process.Pid)
	return w, script, nil
}
