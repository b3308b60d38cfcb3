package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// Two slots serve three invocations. One of them crashes its worker: that invocation fails,
// and only that one, because the slot spawns another worker.
func Example() {
	ctx, shutdown := context.WithCancel(context.Background())
	defer shutdown()
	api := &fakeAPI{events: make(chan string, 3)}
	api.reports.Add(3)
	for _, event := range []string{"hello", "crash", "world"} {
		api.events <- event
	}
	s, err := supervisor.New(supervisor.Config{
		API:         api,
		Log:         slog.New(slog.DiscardHandler),
		Spawn:       func(context.Context, int) (supervisor.Worker, error) { return newFakeR(), nil },
		Slots:       2,
		InitTimeout: 10 * time.Second,
		Margin:      200 * time.Millisecond,
		Observe: func(t supervisor.Transition) {
			if lost, ok := t.(supervisor.Lost); ok {
				fmt.Println("lost a worker:", lost.Reason)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { // ends with the last report, which Run waits for
		api.reports.Wait()
		shutdown()
	}()
	fmt.Println("Run returns", s.Run(ctx))

	// Unordered output:
	// hello: answer to hello
	// lost a worker: segmentation fault
	// crash: Runtime.WorkerCrashed: segmentation fault
	// world: answer to world
	// Run returns <nil>
}

// A fakeR is a worker that answers every event, except for one that it dies of.
type fakeR struct {
	dead chan struct{}
	die  func()
}

func newFakeR() *fakeR {
	dead := make(chan struct{})
	return &fakeR{dead, sync.OnceFunc(func() { close(dead) })}
}

func (r *fakeR) Invoke(_ protocol.Invoke, event []byte, _ func(protocol.StreamHead) io.Writer) (protocol.Answer, error) {
	if string(event) == "crash" {
		r.die()
		return protocol.Answer{}, errors.New("segmentation fault")
	}
	return protocol.Answer{Payload: fmt.Appendf(nil, "answer to %s", event)}, nil
}

func (r *fakeR) Enter(context.Context, protocol.Phase) (protocol.Entered, error) {
	return protocol.Entered{}, nil
}

func (r *fakeR) Interrupt()                  {}
func (r *fakeR) InterruptGroup()             {}
func (r *fakeR) Kill(string)                 { r.die() }
func (r *fakeR) Done() <-chan struct{}       { return r.dead }
func (r *fakeR) Err() error                  { return nil }
func (r *fakeR) Shutdown(context.Context)    { r.die() }
func (r *fakeR) Stats() protocol.WorkerStats { return protocol.WorkerStats{} }

// A fakeAPI is a Runtime API that hands out events and prints the reports.
type fakeAPI struct {
	events  chan string
	reports sync.WaitGroup
}

func (a *fakeAPI) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	select {
	case event := <-a.events:
		return &runtimeapi.Invocation{ID: event, Event: []byte(event)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *fakeAPI) Respond(_ context.Context, inv *runtimeapi.Invocation, payload []byte) error {
	defer a.reports.Done()
	fmt.Printf("%s: %s\n", inv.ID, payload)
	return nil
}

func (a *fakeAPI) InvocationError(_ context.Context, inv *runtimeapi.Invocation, r *runtimeapi.ErrorReport) error {
	defer a.reports.Done()
	fmt.Printf("%s: %s\n", inv.ID, r.Summary())
	return nil
}

func (a *fakeAPI) InitError(context.Context, *runtimeapi.ErrorReport) error    { return nil }
func (a *fakeAPI) RestoreNext(context.Context) error                           { return nil }
func (a *fakeAPI) RestoreError(context.Context, *runtimeapi.ErrorReport) error { return nil }

func (a *fakeAPI) RespondStream(*runtimeapi.Invocation, string, *runtimeapi.Prelude) runtimeapi.Stream {
	panic("no handler streams in this example")
}
