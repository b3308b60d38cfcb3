package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker/process"
)

// Config describes the R process that Spawn makes.
type Config struct {
	Bin     string   // the R executable
	Script  *Script  // the R side of the runtime
	Handler string   // the handler to load
	Dir     string   // the working directory
	Env     []string // see Environment
	OwnEnv  []string // more variables, of this process only: a forked worker sets them itself
	TempDir string   // where each process gets its own TMPDIR

	// Args, if not empty, are the arguments of Bin, of which the first is its name. It is a web server.
	// Profile is its R profile.
	Args    []string
	Profile []byte

	Timing bool // make a record of each library() and source() call of the load: how long it took
	Hints  bool // log hints for the function's developer, such as names that a result lost

	// Threads are the numbers of threads of a forked worker, by the variables that set them.
	Threads map[string]string

	Dumps string // where R dumps the frames of failed invocations, if not empty

	// MemoryLimit is the memory that the whole function may use, in bytes, if something
	// enforces a limit; else 0. It distinguishes out-of-memory kills from other kills if no
	// control group can be read.
	MemoryLimit int64

	// MaxResult is the largest result that Invoke returns, in bytes.
	MaxResult int

	Log *slog.Logger // also receives R's output

	// OnRecord, if not nil, is called with each log record that R makes, of any level, after it
	// was logged. Calls come from several goroutines but never overlap. Records that R makes
	// before it is ready come before Spawn returns.
	OnRecord func(protocol.Record)
}

// crashPrefix begins R's report of a segmentation fault and similar crashes.
const crashPrefix = " *** caught "

// Spawn starts an R process and waits until it is ready. Ctx bounds the spawn only: if it ends
// first, the process is killed. If that is because its deadline has passed, R is interrupted
// first.
//
// The error is a *protocol.HandlerError if R reported that the handler cannot be loaded, an
// *ExitError if R died, a *protocol.ProtocolError, the cause of ctx, or the reason why the
// process could not be started. It may be wrapped in a *protocol.StoppedError or a *ProfileError.
func Spawn(ctx context.Context, c Config) (*Worker, error) {
	return start(ctx, c, func(o process.Options) (birth, error) { return execR(c, o) })
}

// start brings a process into being with bear, and waits until R is ready.
func start(ctx context.Context, c Config, bear func(process.Options) (birth, error)) (*Worker, error) {
	w, err := begin(c, bear)
	if err != nil {
		return nil, err
	}
	if err := w.Load(ctx, c); err != nil {
		return nil, err
	}
	return w, nil
}

// begin brings a process into being with bear.
func begin(c Config, bear func(process.Options) (birth, error)) (*Worker, error) {
	w := &Worker{
		maxResult: c.MaxResult,
		onRecord:  c.OnRecord,
		named:     make(chan struct{}),
		done:      make(chan struct{}),
		tag:       newLogTag(),
	}
	b, err := bear(process.Options{
		Stdout:      w.logStdout,
		Stderr:      w.logStderr,
		Record:      w.logRecord,
		Tag:         w.tag,
		CrashPrefix: crashPrefix,
		MemoryLimit: c.MemoryLimit,
	})
	if err != nil {
		return nil, err
	}
	w.process, w.requests, w.replies, w.tempDir = b.process, b.requests, b.replies, b.tempDir
	w.writer = protocol.NewWriter(w.requests)
	w.reader = protocol.NewReader(replyPipe{w.replies})
	w.log = c.Log.With("pid", w.PID())
	close(w.named)
	if b.template == nil {
		w.log.Debug("R process started", "bin", c.Bin, "dir", c.Dir)
	} else {
		w.origin = b.template.tempDir.use()
		w.log.Debug("R process forked", "template", b.template.PID())
	}
	w.goroutines.Go(func() { w.bury() }) // free waits for it
	return w, nil
}

// Load does the handshake: it waits until R is ready. If it fails, the process is killed and freed. If a web
// server takes no part in the handshake, Load returns nil after Silent was called, or when the server has
// closed its pipes. Ctx and the errors are those of Spawn.
func (w *Worker) Load(ctx context.Context, c Config) error {
	stop := context.AfterFunc(ctx, func() { w.stopLoading(ctx) }) // ends soon after the process
	err := w.handshake(c)
	if !stop() {
		err = stopped(err, context.Cause(ctx))
	}
	if err != nil {
		if w.origin == nil && len(c.Args) == 0 {
			err = w.inProfile(err, c)
		}
		w.Kill("it did not become ready")
		w.free()
	}
	return err
}

// interruptGrace is how long an R that was interrupted may take to report what it was loading.
const interruptGrace = 250 * time.Millisecond

// stopLoading ends an R that loads its handler, because ctx has ended. If its deadline has passed, R
// is interrupted first, so that it can report where it was.
func (w *Worker) stopLoading(ctx context.Context) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.Interrupt()
		grace := time.NewTimer(interruptGrace)
		defer grace.Stop()
		select {
		case <-w.done:
		case <-grace.C:
		}
	}
	w.Kill(context.Cause(ctx).Error())
}

// stopped returns the error of a load that was stopped for cause and came back as err.
func stopped(err, cause error) error {
	_, died := errors.AsType[*ExitError](err)
	failed, answered := errors.AsType[*protocol.HandlerError](err)
	switch {
	case answered && failed.Type == runtimeapi.ErrorInterrupted:
		return &protocol.StoppedError{Err: cause, Stack: failed.Stack}
	case err == nil || died:
		return cause // it was killed, or is about to be
	}
	return err
}

// handshake sends R the handler to load, and waits until R has loaded it or reports why it
// cannot.
func (w *Worker) handshake(c Config) error {
	hello := protocol.NewHello(c.Handler)
	hello.Timing = c.Timing
	hello.Hints = c.Hints
	hello.Dumps = c.Dumps
	hello.LogTag, hello.LogLevel = w.tag, c.lowestLevel()
	var reply protocol.Reply
	err := w.writer.WriteMessage(hello)
	if err == nil {
		reply, err = w.await("")
	}
	switch {
	case err != nil && len(c.Args) > 0 && w.origin == nil && w.isSilent(err):
		return nil
	case err != nil:
		return w.broken(err)
	}
	w.process.Flush()
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
