package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/protocol/runtimeapi"
)

// extensionName is what this runtime registers as.
const extensionName = "lambda-r-runtime"

// maxRegister is how long the registration may take at all, and registerGrace how long
// the first event waits for it once R is ready. It takes well under a millisecond, and
// began when R did, which needs a hundred: one that is not there by then hangs.
const (
	maxRegister   = time.Second
	registerGrace = time.Millisecond
)

// registeredAPI is the Runtime API of a runtime that registers as an extension, too,
// while R starts. It should have done so when it first asks for an event: later Lambda
// refuses. That costs the SIGTERM, and no cold start.
type registeredAPI struct {
	*runtimeapi.Client
	registered <-chan struct{} // closed when the registration was answered, or has failed
	awaited    sync.Once
}

func (a *registeredAPI) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	a.awaited.Do(func() { a.await(ctx) })
	return a.Client.Next(ctx)
}

// await waits for the registration, but no longer than it may delay an event.
func (a *registeredAPI) await(ctx context.Context) {
	grace := time.NewTimer(registerGrace)
	defer grace.Stop()
	select {
	case <-a.registered:
	case <-grace.C:
	case <-ctx.Done():
	}
}

// registerExtension adds the actor that is an internal extension, for which Lambda
// sends SIGTERM before it ends this environment. That it cannot be registered is
// logged, and all else works.
func registerExtension(g *oklog.Group, api *runtimeapi.Client, log *slog.Logger) *registeredAPI {
	ctx, cancel := context.WithCancel(context.Background())
	registered := make(chan struct{})
	g.Add(func() error {
		// It goes on beside the first event: if Lambda has taken it and only the answer is
		// late, Lambda waits for the extension to ask for its events.
		register, stop := context.WithTimeout(ctx, maxRegister)
		id, err := api.Register(register, extensionName)
		stop()
		close(registered)
		if err == nil {
			log.Debug("registered as an extension", "id", id)
			err = api.WaitAsExtension(ctx, id)
		}
		if ctx.Err() == nil {
			log.Warn("no SIGTERM will come: not an extension", "error", err)
		}
		<-ctx.Done()
		return nil
	}, func(error) { cancel() })
	return &registeredAPI{Client: api, registered: registered}
}
