package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A Worker is one ready R process; *worker.Worker says what each method does.
type Worker interface {
	Invoke(inv protocol.Invoke, event []byte, open func(protocol.StreamHead) io.Writer) (protocol.Answer, error)
	Interrupt()
	Kill(reason string)
	Done() <-chan struct{}
	Err() error // why it ended; nil while it lives
	Shutdown(ctx context.Context)
	Stats() protocol.WorkerStats
}

// RuntimeAPI is what the supervisor needs of the Lambda Runtime API.
type RuntimeAPI interface {
	Next(ctx context.Context) (*runtimeapi.Invocation, error)
	Respond(ctx context.Context, inv *runtimeapi.Invocation, payload []byte) error
	RespondStream(inv *runtimeapi.Invocation, contentType string, prelude *runtimeapi.Prelude) runtimeapi.Stream
	InvocationError(ctx context.Context, inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) error
	InitError(ctx context.Context, r *runtimeapi.ErrorReport) error
}

// Config says what to supervise.
type Config struct {
	API RuntimeAPI

	// Spawn makes a ready worker. Its context bounds the spawn only.
	Spawn func(ctx context.Context, slot int) (Worker, error)

	Slots       int           // how many workers, at least 1
	Starting    int           // how many slots may make their first worker at once, at least 1
	InitTimeout time.Duration // how long a worker may take to become ready

	// Margin is how long before its deadline an invocation is given up, so that
	// there is time to say so. The first half of it is R's, to report where it was.
	Margin time.Duration

	// Recycle says, after each answered invocation, whether the slot's worker has
	// served long enough; served is how many it has answered. Room says whether its
	// successor may be spawned beside it. nil: workers live until they die.
	Recycle func(slot, served int) bool
	Room    func() bool

	// Observe is told what happens, by all slots at once; nil: nobody is. The slot waits
	// for it to return.
	Observe func(Event)

	Log *slog.Logger
}

// ErrGaveUp is the error of Run when no slot can bring up a worker any more.
var ErrGaveUp = errors.New("no R worker becomes ready any more")

// maxFailedSpawns is how many spawns in a row may fail before a slot counts as
// given up. It goes on trying for as long as another slot has not.
const maxFailedSpawns = 5

// A Supervisor runs the slots.
type Supervisor struct {
	Config
	wasReady   atomic.Bool   // a worker was ready once: the init has succeeded
	initFailed atomic.Bool   // one was not, before the first ready one
	givenUp    atomic.Int32  // slots that have given up
	turns      chan struct{} // see turn.go
}

// New checks the configuration and returns a Supervisor that does nothing until
// Run is called.
func New(c Config) (*Supervisor, error) {
	switch {
	case c.API == nil || c.Spawn == nil || c.Log == nil:
		return nil, errors.New("supervisor: API, Spawn and Log are required")
	case c.Slots < 1 || c.Starting < 1:
		return nil, fmt.Errorf("supervisor: %d slots, %d starting: want at least 1", c.Slots, c.Starting)
	case (c.Recycle == nil) != (c.Room == nil):
		return nil, errors.New("supervisor: Recycle and Room go together")
	case c.InitTimeout <= 0 || c.Margin <= 0:
		return nil, errors.New("supervisor: InitTimeout and Margin must be positive")
	}
	return &Supervisor{Config: c, turns: make(chan struct{}, c.Slots+c.Starting)}, nil
}

// Run takes invocations and reports each of them, until ctx is cancelled (then it
// returns nil, once all that was in flight is reported and every worker reaped),
// or until nothing more can be done. An init error has been reported to the Runtime
// API when Run returns it.
func (s *Supervisor) Run(ctx context.Context) error {
	slots, ctx := errgroup.WithContext(ctx) // one slot's fatal error ends them all
	drained, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainLimit, cancel) })()
	for i := range s.Slots {
		slots.Go(func() error {
			if !s.awaitTurn(ctx, i) {
				return nil
			}
			return newSlot(s, i, drained).run(ctx)
		})
	}
	err := slots.Wait()
	if s.initFailed.Load() {
		if err := ReportInit(s.API, err); err != nil {
			s.Log.Error("init error not reported", "error", err)
		}
	}
	return err
}

// ReportInit posts err as the init error. The caller is to exit afterwards.
func ReportInit(api RuntimeAPI, err error) error {
	// Lambda has its own limit for the init. This one is for an API that hangs.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return api.InitError(ctx, reportOf(err))
}
