package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"lambda-r-runtime/durable"
	"lambda-r-runtime/emulator"
	backend "lambda-r-runtime/emulator/durable"
	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// localFunctions are the functions that durable executions invoke: other handlers of the folder. Each
// has workers, a Runtime API and a supervisor of its own, from the first invocation on.
type localFunctions struct {
	settings settings
	options  *localOptions
	getenv   func(string) string
	out      *lambdalog.Output
	log      *slog.Logger
	durable  *durable.Client
	serving  sync.WaitGroup

	mu      sync.Mutex
	running map[string]*localChained // by handler
}

// A localChained is one of them while it runs.
type localChained struct {
	name   string
	pool   *pool
	emu    *emulator.Emulator
	cancel context.CancelFunc
}

// find returns the function with a name: one of the served handler's file, or FILE.FUNCTION for one of
// another file. It waits for its init.
func (l *localFunctions) find(ctx context.Context, name string) (backend.Function, error) {
	handler := name
	if name == localFunction {
		handler = l.settings.handler
	} else if dot := strings.LastIndex(l.settings.handler, "."); !strings.Contains(name, ".") {
		handler = l.settings.handler[:dot+1] + name
	}
	f, err := l.started(name, handler)
	if err != nil {
		return backend.Function{}, fmt.Errorf("function %s: %w", name, err)
	}
	f.emu.AwaitInit(ctx)
	return backend.Function{Durable: f.pool.lastReady().Durable, Invoke: f.invoke}, nil
}

func (f *localChained) invoke(ctx context.Context, event []byte) (backend.Result, error) {
	id, r, err := f.emu.InvokeAs(ctx, f.name, event, 0)
	return backend.Result{RequestID: id, Body: r.Body, FunctionError: r.FunctionError}, err
}

// started returns the function of a handler, which it starts if that has not happened.
func (l *localFunctions) started(name, handler string) (*localChained, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.running[handler]; f != nil {
		return f, nil
	}
	f, err := l.start(name, handler)
	if err != nil {
		return nil, err
	}
	l.running[handler] = f
	return f, nil
}

// start starts a function. The lock is held.
func (l *localFunctions) start(name, handler string) (*localChained, error) {
	s, o, log := l.settings, l.options, l.log.With("function", name)
	s.handler = handler
	s.fork = forkNever // it starts when an invocation waits for it
	p, err := newPool(s, o.concurrency, l.getenv, append(o.functionEnv(handler), "AWS_LAMBDA_FUNCTION_NAME="+name), log)
	if err != nil {
		return nil, err
	}
	p.durable, p.config.Hints = l.durable, true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.close()
		return nil, err
	}
	addr := listener.Addr().String()
	emu := emulator.New(emulator.Config{
		Timeout: o.timeout, MemoryMB: o.memory, Limit: o.concurrency + o.queue, Log: l.out, JSON: s.logJSON,
		PeakMemory: func(int) int64 { return p.peakMemory() },
	})
	api, err := runtimeapi.NewClient(addr, version, o.concurrency)
	if err != nil {
		p.close()
		return nil, errors.Join(err, listener.Close())
	}
	sup, err := newSupervisor(p, api, l.out)
	if err != nil {
		api.Close()
		p.close()
		return nil, errors.Join(err, listener.Close())
	}
	server := newServer(emulator.Guard(addr, emu.RuntimeAPI()))
	ctx, cancel := context.WithCancel(context.Background())
	f := &localChained{name, p, emu, cancel}
	l.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("invoked function cannot be served", "error", err)
		}
	})
	l.serving.Go(func() {
		defer cancel()
		failed := sup.Run(ctx)
		l.forget(handler, f)
		if failed != nil && ctx.Err() == nil {
			log.Error("invoked function ended: " + describe(failed))
			emu.Restart() // so that it takes an init error, and answers callers with it
			if err := supervisor.ReportInit(api, failed); err != nil {
				log.Error("init error not reported", "error", err)
			}
		}
		api.Close()
		_ = server.Close() // nobody else uses it
		p.close()
	})
	log.Info("serving a function that a durable execution invokes", "handler", handler)
	return f, nil
}

// forget lets the next invocation start the function again.
func (l *localFunctions) forget(handler string, f *localChained) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[handler] == f {
		delete(l.running, handler)
	}
}

// restart ends all functions, for new code. The next invocations start them again.
func (l *localFunctions) restart(ctx context.Context) {
	l.mu.Lock()
	running := l.running
	l.running = map[string]*localChained{}
	l.mu.Unlock()
	for _, f := range running {
		f.emu.Pause(ctx)
		f.cancel()
	}
}

// close ends all functions and waits for them. Invoke none afterwards.
func (l *localFunctions) close() {
	l.mu.Lock()
	for _, f := range l.running {
		f.cancel()
	}
	l.mu.Unlock()
	l.serving.Wait()
}
