package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

// ForkLimit is how long a fork may take, with the hooks of on_fork(). It takes milliseconds, so one
// that takes longer hangs.
const ForkLimit = 5 * time.Second

// A SlowForkError is the cause of a fork that was not ready in time.
type SlowForkError struct{}

func (SlowForkError) Error() string {
	return fmt.Sprintf("a forked worker was not ready within %s, hooks of on_fork() included", ForkLimit)
}

// A Template is an R that has loaded the handler and never serves. Workers are forked from it, which
// takes milliseconds however long the load took. All methods may be called from any goroutine.
type Template struct {
	worker *Worker
	mu     sync.Mutex // a frame and its answer
}

// NewTemplate makes w, which must have served nothing, a template. From then on w is the template's.
// With collect, R collects garbage first. That lets workers share more memory, and takes some 70 to
// 150 ms. If R cannot fork, the error is a *RefusedError, and w can serve; otherwise it must be shut down. Ctx
// and the other errors are those of Enter.
//
// This program becomes the parent of orphans: see process.BecomeSubreaper.
func NewTemplate(ctx context.Context, w *Worker, collect bool) (*Template, error) {
	_, err := w.within(ctx, protocol.Template{Type: protocol.TypeTemplate, Collect: collect})
	if failed, ok := errors.AsType[*protocol.HandlerError](err); ok && ctx.Err() == nil {
		return nil, &RefusedError{failed}
	}
	if err == nil {
		err = process.BecomeSubreaper()
	}
	if err != nil {
		return nil, err
	}
	return &Template{worker: w}, nil
}

// A ForkError reports that no process could be forked from a template. The template is dead, or was
// killed, unless the error is a *RefusedError.
type ForkError struct {
	PID int // of the template
	Err error
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("no worker could be forked from process %d: %v", e.PID, e.Err)
}

func (e *ForkError) Unwrap() error { return e.Err }

// A RefusedError reports an R that cannot fork. It has forked nothing and can serve.
type RefusedError struct{ Err *protocol.HandlerError }

func (e *RefusedError) Error() string { return e.Err.Message }

func (e *RefusedError) Unwrap() error { return e.Err }

// PID returns the process id of the template.
func (t *Template) PID() int { return t.worker.PID() }

// Worker returns the template's process, for its memory. It must not be called otherwise.
func (t *Template) Worker() *Worker { return t.worker }

// Done returns a channel that is closed once the template is dead and reaped.
func (t *Template) Done() <-chan struct{} { return t.worker.Done() }

// Err returns why the template ended, an *ExitError, or nil while it lives.
func (t *Template) Err() error { return t.worker.Err() }

// Shutdown kills the template and frees everything that belonged to it. It runs no hooks of the
// function: those are for R processes that have served. Workers forked from it live on.
func (t *Template) Shutdown() {
	t.worker.Kill("no more workers are forked from it")
	<-t.worker.Done()
	t.worker.free()
	process.EndWatchdog() // if it was the last one
}

// Fork forks a worker and waits until it is ready. Ctx bounds the fork only, and c describes the
// worker as for Spawn. The errors are a *ForkError and those of Spawn: a *protocol.HandlerError if a
// hook of on_fork() failed.
func (t *Template) Fork(ctx context.Context, c Config) (*Worker, error) {
	return start(ctx, c, func(o process.Options) (birth, error) {
		b, err := t.forkR(ctx, c, o)
		if err != nil {
			return birth{}, &ForkError{t.PID(), err}
		}
		return b, nil
	})
}

// forkR forks a new R, whose output and end are handled by o.
func (t *Template) forkR(ctx context.Context, c Config, o process.Options) (birth, error) {
	dir, err := newTempDir(c.TempDir)
	if err != nil {
		return birth{}, err
	}
	pipes, err := newPipes()
	if err != nil {
		return birth{}, errors.Join(err, dir.leave())
	}
	defer pipes.closeTheirs() // R has opened them, or never will
	o.Marker = dir.marker()
	b := birth{requests: pipes.requests.ours, replies: pipes.replies.ours, tempDir: dir, template: t.worker}
	b.process, err = t.bear(ctx, pipes, protocol.Fork{
		Type:     protocol.TypeFork,
		Requests: pipes.requests.path(),
		Replies:  pipes.replies.path(),
		Stdout:   pipes.stdout.path(),
		Stderr:   pipes.stderr.path(),
		TempDir:  dir.path,
		Env:      variables(c.OwnEnv),
		Threads:  c.Threads,
	}, o)
	if err != nil {
		return birth{}, errors.Join(err, pipes.closeOurs(), dir.leave())
	}
	return b, nil
}

// bear makes the template fork, and adopts the process that it has forked. Until a process is
// adopted, it belongs to the template's group. So if anything goes wrong after the template has
// forked, the template is killed.
func (t *Template) bear(ctx context.Context, p *pipes, frame protocol.Fork, o process.Options) (*process.Process, error) {
	var watch sync.WaitGroup
	born := make(chan struct{})
	watch.Go(func() { // ends with this call, which waits for it
		select {
		case <-ctx.Done():
			t.worker.Kill("a worker that it forked was not born in time")
		case <-t.worker.Done():
		case <-born:
			return
		}
		_ = p.replies.ours.SetReadDeadline(longAgo) // it is open until bear returns
	})
	defer watch.Wait()
	defer close(born)

	if err := t.request(frame); err != nil {
		return nil, t.explain(ctx, err)
	}
	child, err := t.adopt(ctx, p, o)
	if err != nil {
		err = t.explain(ctx, err)
		t.worker.Kill("a worker that it forked was lost")
		return nil, err
	}
	return child, nil
}

// request sends a fork frame and waits until R has forked.
func (t *Template) request(frame protocol.Fork) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.worker.usable(); err != nil {
		return err
	}
	if err := t.worker.writer.WriteMessage(frame); err != nil {
		return t.worker.broken(err)
	}
	reply, err := t.worker.await("")
	switch {
	case err != nil:
		return t.worker.broken(err)
	case reply.Type == protocol.TypeForked:
		return nil
	case reply.Type == protocol.TypeError:
		return &RefusedError{reply.Error}
	default:
		return t.worker.broken(unexpected(reply, "forked or error"))
	}
}

// adopt waits for the first frame of the process that R has forked, and adopts it.
func (t *Template) adopt(ctx context.Context, p *pipes, o process.Options) (*process.Process, error) {
	reply, err := protocol.NewReader(p.replies.ours).ReadReply()
	switch {
	case err != nil:
		return nil, err
	case reply.Type == protocol.TypeError:
		return nil, reply.Error
	case reply.Type != protocol.TypeBorn:
		return nil, unexpected(reply, "born")
	}
	return process.Adopt(ctx, reply.PID, p.stdout.ours, p.stderr.ours, o)
}

// explain returns the reason for err: that the template ended, or that ctx did.
func (t *Template) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit := t.Err(); exit != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return exit
	}
	return err
}

// variables returns entries of an environment by name.
func variables(entries []string) map[string]string {
	byName := map[string]string{}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		byName[name] = value
	}
	return byName
}
