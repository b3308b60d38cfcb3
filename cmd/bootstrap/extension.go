package main

import (
	"context"
	"log/slog"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/protocol/runtimeapi"
)

// extensionName is what this runtime registers as.
const extensionName = "lambda-r-runtime"

// maxRegister is how long the first event may have to wait for the registration. It
// takes well under a millisecond, while R takes a hundred to start.
const maxRegister = time.Second

// registeredAPI is the Runtime API of a runtime that registers as an extension, too,
// while R starts. It must have done so when it first asks for an event.
type registeredAPI struct {
	*runtimeapi.Client
	registered <-chan struct{}
}

func (a *registeredAPI) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	select {
	case <-a.registered:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return a.Client.Next(ctx)
}

// registerExtension adds the actor that is an internal extension, for which Lambda
// sends SIGTERM before it ends this environment. That it cannot be registered is
// logged, and all else works.
func registerExtension(g *oklog.Group, api *runtimeapi.Client, log *slog.Logger) *registeredAPI {
	ctx, cancel := context.WithCancel(context.Background())
	registered := make(chan struct{})
	g.Add(func() error {
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
	return &registeredAPI{api, registered}
}
