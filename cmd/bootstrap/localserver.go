package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	oklog "github.com/oklog/run"

	"lambda-r-runtime/console"
	"lambda-r-runtime/emulator"
)

// A localServer serves the emulator on two addresses. Callers use the requested one. The
// Runtime API has a loopback address of its own, whose only client is this process: any other
// client could take events and answer them.
type localServer struct {
	callers net.Listener
	runtime net.Listener
	addr    string           // as requested
	console *console.Console // nil if there is none
	durable *localDurable    // nil if there is none
}

// listenLocal opens the listeners of a localServer. addr is the address for callers.
func listenLocal(addr string) (*localServer, error) {
	callers, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another address with --addr or LAMBDA_R_LOCAL_ADDR", err)
	}
	runtime, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, callers.Close())
	}
	return &localServer{callers: callers, runtime: runtime, addr: addr}, nil
}

func (s *localServer) close() error { return errors.Join(s.callers.Close(), s.runtime.Close()) }

// serve adds the actor that serves the emulator. After a stop it waits for supervised, because
// the supervisor may still send reports.
func (s *localServer) serve(g *oklog.Group, emu *emulator.Emulator, supervised <-chan struct{}) {
	runtime := emu.RuntimeAPI()
	if s.durable != nil {
		runtime = s.durable.handler(runtime)
	}
	s.serveRuntime(g, emu, newServer(runtime), supervised)
}

// serveRuntime is serve with another server of the Runtime API, which it guards.
func (s *localServer) serveRuntime(g *oklog.Group, emu *emulator.Emulator, runtime *http.Server, supervised <-chan struct{}) {
	api := emu.InvokeAPI()
	if s.durable != nil {
		api = s.durable.handler(api)
	}
	if s.console != nil {
		api = s.console.Over(api)
	} else {
		api = withoutConsole(api)
	}
	callers := newServer(emu.Guard(s.addr, api))
	if s.console != nil {
		callers.RegisterOnShutdown(s.console.Close)
	}
	runtime.Handler = emulator.Guard(s.runtime.Addr().String(), runtime.Handler)
	stop := make(chan struct{})
	g.Add(func() error {
		failed := make(chan error, 2)
		go func() { failed <- callers.Serve(s.callers) }() // ends with Close below
		go func() { failed <- runtime.Serve(s.runtime) }() // ends with Close below
		var err error
		select {
		case err = <-failed:
		case <-stop:
			<-supervised
			// Callers get the answers that exist. No other answers will come.
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			_ = callers.Shutdown(ctx) // Close ends what it could not
		}
		return errors.Join(err, callers.Close(), runtime.Close())
	}, func(error) { close(stop) })
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
}
