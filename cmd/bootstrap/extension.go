package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/protocol/runtimeapi"
)

// extensionName is the name of the internal extension.
const extensionName = "lambda-r-runtime"

// maxRegister is how long the registration may delay the first poll. It takes well under a
// millisecond unless it hangs.
const maxRegister = time.Second

// An extension is the Runtime API for functions with shutdown hooks. It registers as an
// internal extension, because Lambda sends SIGTERM only to environments with an extension.
// Lambda accepts registrations only before the first poll, so the first call of Next
// registers. By then a worker is ready and has reported whether R has hooks.
//
// A failed registration is logged. The hooks then do not run when Lambda ends the
// environment; everything else works.
type extension struct {
	*runtimeapi.Client
	needed func() bool // reports whether R has shutdown hooks
	log    *slog.Logger

	register   sync.Once
	registered chan string // receives the extension's identifier
}

func newExtension(api *runtimeapi.Client, needed func() bool, log *slog.Logger) *extension {
	return &extension{Client: api, needed: needed, log: log, registered: make(chan string, 1)}
}

// Next registers the extension if it is needed, and then waits for an invocation. All
// slots wait for the registration.
func (e *extension) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	e.register.Do(func() {
		if !e.needed() {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, maxRegister)
		defer cancel()
		id, err := e.Register(ctx, extensionName)
		if err != nil {
			e.warn(err)
			return
		}
		e.log.Debug("extension registered", "id", id)
		e.registered <- id
	})
	return e.Client.Next(ctx)
}

// addTo adds the actor that asks for the extension's events. None come, but Lambda waits
// for that call before it considers the extension ready.
func (e *extension) addTo(g *oklog.Group) {
	ctx, cancel := context.WithCancel(context.Background())
	g.Add(func() error {
		select {
		case id := <-e.registered:
			if err := e.WaitAsExtension(ctx, id); ctx.Err() == nil {
				e.warn(err)
			}
		case <-ctx.Done():
		}
		<-ctx.Done()
		return nil
	}, func(error) { cancel() })
}

func (e *extension) warn(err error) {
	e.log.Warn("extension failed, shutdown hooks will not run in Lambda", "error", err)
}
