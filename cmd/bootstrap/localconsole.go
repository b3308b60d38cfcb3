package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"syscall"
	"time"

	"lambda-r-runtime/console"
	"lambda-r-runtime/emulator"
	"lambda-r-runtime/rscripts"
)

// A localConsole is the console of bootstrap local. Its fields are set before it serves.
type localConsole struct {
	*console.Console
	pool     *pool
	emulator *emulator.Emulator
	durable  *localDurable
}

func newLocalConsole(s settings, o *localOptions) *localConsole {
	c := &localConsole{}
	var samples []console.Sample
	for _, sample := range rscripts.Samples() {
		samples = append(samples, console.Sample{Source: sample.Source, Name: sample.Name, Event: string(sample.Event)})
	}
	c.Console = console.New(console.Config{
		Info: console.Info{
			Handler: s.handler, Version: version, TimeoutMs: float64(o.timeout.Milliseconds()), MemoryMB: o.memory,
			Slots: o.concurrency, Watch: o.watch,
		},
		Root:    s.taskRoot,
		Samples: samples,
		Invoke: func(ctx context.Context, event []byte, timeout time.Duration) (string, emulator.Result, error) {
			if c.durable.is(ctx) {
				r, err := c.durable.backend.Run(ctx, localFunction, event)
				return r.RequestID, emulator.Result{Body: r.Body, FunctionError: r.FunctionError}, err
			}
			return c.emulator.Invoke(ctx, event, timeout)
		},
		Fault:  func(slot, pid int, f console.Fault) error { return c.pool.fault(slot, pid, f) },
		Memory: func() []console.Memory { return c.pool.residentMemory() },
		Report: fatalReport,
	})
	return c
}

// fault does something to the worker of a slot, which must be pid.
func (p *pool) fault(slot, pid int, f console.Fault) error {
	p.mu.Lock()
	w := p.workers[slot]
	p.mu.Unlock()
	if w == nil || w.PID() != pid || w.Signal(faults[f]) != nil {
		return fmt.Errorf("slot %d has no worker %d any more", slot, pid)
	}
	return nil
}

var faults = map[console.Fault]syscall.Signal{
	console.FaultKill:      syscall.SIGKILL,
	console.FaultInterrupt: syscall.SIGINT,
	console.FaultStop:      syscall.SIGSTOP,
	console.FaultContinue:  syscall.SIGCONT,
}

// residentMemory returns the resident memory of each worker that lives.
func (p *pool) residentMemory() (all []console.Memory) {
	p.mu.Lock()
	workers := maps.Clone(p.workers)
	p.mu.Unlock()
	for slot, w := range workers {
		if rss := w.RSS(); rss > 0 { // it waits for a worker that is dying
			all = append(all, console.Memory{Slot: slot, PID: w.PID(), RSS: rss})
		}
	}
	return all
}

// consoleURL returns the address of the console.
func consoleURL(addr string) string { return "http://" + addr + console.Path }

// withoutConsole passes requests on to next, except those for the console, which there is none of
// with --snapstart: each R belongs to a child process there.
func withoutConsole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !console.IsFor(r) {
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, "the console is not available with --snapstart: start bootstrap local without it", http.StatusNotFound)
	})
}
