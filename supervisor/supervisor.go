package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A Worker is one ready R process; *worker.Worker documents each method.
type Worker interface {
	Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error)
	Enter(ctx context.Context, p protocol.Phase) (protocol.Entered, error)
	Interrupt()
	InterruptGroup()
	Kill(reason string)
	Done() <-chan struct{}
	Err() error // why it ended; nil while it lives
	Shutdown(ctx context.Context)
	Stats() protocol.WorkerStats
}

// RuntimeAPI is the part of the Lambda Runtime API that the supervisor calls.
type RuntimeAPI interface {
	Next(ctx context.Context) (*runtimeapi.Invocation, error)
	Respond(ctx context.Context, inv *runtimeapi.Invocation, payload []byte) error
	RespondStream(inv *runtimeapi.Invocation, contentType string, prelude *runtimeapi.Prelude) runtimeapi.Stream
	InvocationError(ctx context.Context, inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) error
	InitError(ctx context.Context, r *runtimeapi.ErrorReport) error
	RestoreNext(ctx context.Context) error
	RestoreError(ctx context.Context, r *runtimeapi.ErrorReport) error
}

// Config configures a Supervisor. Recycle and Observe may be nil.
type Config struct {
	API RuntimeAPI   // where invocations come from and reports go
	Log *slog.Logger // every transition is logged, most of them at level debug

	// Spawn starts a worker and returns it when it is ready. Its context bounds the spawn
	// only.
	Spawn func(ctx context.Context, slot int) (Worker, error)

	Slots       int           // the number of workers, at least 1
	InitTimeout time.Duration // how long a worker may take to become ready

	// Margin is how long before its deadline an invocation is stopped, which leaves time
	// to report that. R has the first half of it to report where it was. If 0, the margin
	// grows with the timeout, from 250 ms at 3 s to 1 s at a minute.
	Margin time.Duration

	// SnapStart makes the supervisor wait for the restore of a snapshot before the first poll; see
	// snapstart.go. With Probe, Restored has what each worker would draw next.
	SnapStart, Probe bool

	// Durable stores the operations of durable executions. If nil, there are none.
	Durable *durable.Client

	// Recycle is called after each answered invocation; served is how many the slot's worker has
	// answered. It returns what becomes of that worker. If nil, workers live until they die.
	Recycle func(slot, served int) Recycling

	// Observe is called for every transition, concurrently from all slots; the slot waits
	// for it to return.
	Observe func(Transition)
}

// ErrGaveUp is the error of Run when every slot has given up.
var ErrGaveUp = errors.New("giving up: R cannot be started")

// A Supervisor runs the slots.
type Supervisor struct {
	config     Config
	starting   int           // how many slots may start their first worker at once
	wasReady   atomic.Bool   // a worker was ready once: the init has succeeded
	initFailed atomic.Bool   // a spawn failed before any worker was ready
	gaveUp     atomic.Int32  // slots that have given up
	turns      chan struct{} // see turn.go
	snap       *snapStart    // nil without SnapStart
}

// New checks the configuration and returns a Supervisor that does nothing until Run is
// called.
func New(c Config) (*Supervisor, error) {
	switch {
	case c.API == nil || c.Spawn == nil || c.Log == nil:
		return nil, errors.New("supervisor: API, Spawn and Log are required")
	case c.Slots < 1:
		return nil, fmt.Errorf("supervisor: %d slots: want at least 1", c.Slots)
	case c.InitTimeout <= 0:
		return nil, errors.New("supervisor: InitTimeout must be positive")
	case c.Margin < 0:
		return nil, errors.New("supervisor: Margin must not be negative")
	}
	starting := runtime.GOMAXPROCS(0) // R saturates a CPU while it starts
	s := &Supervisor{config: c, starting: starting, turns: make(chan struct{}, c.Slots+starting)}
	if c.SnapStart {
		s.snap = newSnapStart(c.Slots)
	}
	return s, nil
}

// Run takes invocations and reports each of them, until ctx is cancelled (then it returns
// nil once everything in flight is reported and every worker is reaped) or until it cannot
// go on. When Run returns an init error, that has been reported to the Runtime API.
func (s *Supervisor) Run(ctx context.Context) error {
	slots, ctx := errgroup.WithContext(ctx) // one slot's fatal error ends them all
	drainDeadline, cancel := deadlineAfter(ctx, DrainLimit)
	defer cancel()
	for i := range s.config.Slots {
		slots.Go(func() error {
			if !s.awaitTurn(ctx, i) {
				return nil
			}
			return newSlot(s, i, drainDeadline).run(ctx)
		})
	}
	if s.snap != nil {
		slots.Go(func() error { return s.awaitRestore(ctx) })
	}
	err := slots.Wait()
	if s.initFailed.Load() {
		if err := ReportInit(s.config.API, err); err != nil {
			s.config.Log.Error("init error not reported", "error", err)
		}
	}
	return err
}

// deadlineAfter returns a context that ends limit after ctx does. The caller must call
// cancel.
func deadlineAfter(ctx context.Context, limit time.Duration) (_ context.Context, cancel context.CancelFunc) {
	deadline, end := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(limit, end) })
	return deadline, func() {
		stop()
		end()
	}
}

// maxInitReport is for an API that hangs. Lambda has its own limits for the init and the restore.
const maxInitReport = 5 * time.Second

// ReportInit posts err as the init error. The caller must exit afterwards.
func ReportInit(api RuntimeAPI, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), maxInitReport)
	defer cancel()
	return api.InitError(ctx, reportOf(err))
}
