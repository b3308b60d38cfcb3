package main

import (
	"context"
	"log/slog"
	"net/http"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/emulator"
	backend "lambda-r-runtime/emulator/durable"
)

// A localDurable runs durable executions if the handler is durable. Otherwise it passes everything on.
type localDurable struct {
	pool      *pool
	emu       *emulator.Emulator
	backend   *backend.Backend
	functions *localFunctions
}

// start makes the backend, which the supervisor reaches at the address of the Runtime API.
func (d *localDurable) start(emu *emulator.Emulator, o *localOptions, addr string, log *slog.Logger) (err error) {
	d.emu = emu
	d.pool.durable = durable.NewLocalClient("http://" + addr)
	d.functions.durable = d.pool.durable
	d.backend, err = backend.New(backend.Config{
		Invoke:   d.invoke,
		Find:     d.functions.find,
		Prefix:   emulator.FunctionARN(""),
		SkipTime: o.skipTime,
		Dir:      o.data,
		Log:      log,
	})
	return err
}

// is reports whether the handler is durable. It waits for the end of the init.
func (d *localDurable) is(ctx context.Context) bool {
	d.emu.AwaitInit(ctx)
	return d.pool.lastReady().Durable
}

// resume continues the executions of --data.
func (d *localDurable) resume() {
	if d.pool.lastReady().Durable {
		d.backend.Resume()
	}
}

// close stops the executions where they are, and ends the functions that they have invoked.
func (d *localDurable) close() {
	d.backend.Close()
	d.functions.close()
}

func (d *localDurable) handler(next http.Handler) http.Handler { return d.backend.Handler(next, d.is) }

// invoke runs one invocation of an execution.
func (d *localDurable) invoke(ctx context.Context, function string, event []byte) (backend.Result, error) {
	id, r, err := d.emu.InvokeAs(ctx, function, event, 0)
	return backend.Result{RequestID: id, Body: r.Body, FunctionError: r.FunctionError}, err
}

// execute runs an execution with the event of an HTTP request, if the handler is durable.
func (d *localDurable) execute(ctx context.Context, event []byte) (r emulator.Result, ok bool) {
	if !d.is(ctx) {
		return emulator.Result{}, false
	}
	result, err := d.backend.Run(ctx, localFunction, event)
	return emulator.Result{Body: result.Body, FunctionError: result.FunctionError || err != nil}, true
}
