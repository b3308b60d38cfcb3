package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol/runtimeapi"
)

// extensionName is the name of the internal extension.
const extensionName = "lambda-r-runtime"

// maxRegister is how long the registration may delay the first poll. It takes well under a
// millisecond unless it hangs.
const maxRegister = time.Second

// An extension is the Runtime API for functions with shutdown hooks. It registers as an
// internal extension, because Lambda sends SIGTERM only to environments with an extension.
// Lambda accepts registrations only before the first poll, and with SnapStart before the
// wait for the restore. So the first of these calls registers. By then a worker is ready
// and has reported whether R has hooks.
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
	e.registerOnce(ctx)
	return e.Client.Next(ctx)
}

// RestoreNext registers the extension if it is needed, and then waits for the restore.
func (e *extension) RestoreNext(ctx context.Context) error {
	e.registerOnce(ctx)
	return e.Client.RestoreNext(ctx)
}

func (e *extension) registerOnce(ctx context.Context) {
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
}

// addTo adds the actor that asks for the extension's events. None come, but Lambda waits
// for that call before it considers the extension ready.
func (e *extension) addTo(g *oklog.Group) {
	ctx, cancel := context.WithCancel(context.Background())
	g.Add(func() error {
		select {
		case id := <-e.registered:
			if err := e.wait(ctx, id); ctx.Err() == nil {
				e.warn(err)
			}
		case <-ctx.Done():
		}
		<-ctx.Done()
		return nil
	}, func(error) { cancel() })
}

// wait asks for the extension's events until ctx ends, and returns why it cannot. The restore of a
// snapshot may break the connection, so one that breaks is made again a few times.
func (e *extension) wait(ctx context.Context, id string) error {
	for again := 10; ; again-- {
		err := e.WaitAsExtension(ctx, id)
		if _, answered := errors.AsType[*runtimeapi.StatusError](err); err == nil || answered || again == 0 {
			return err
		}
		select {
		case <-time.After(random.Jitter(100 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *extension) warn(err error) {
	e.log.Warn("extension failed, shutdown hooks will not run in Lambda", "error", err)
}
