package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker/process"
)

const (
	// checkPort is how often the port is looked for, and checkOthers how often other ports are.
	checkPort, checkOthers = 2 * time.Millisecond, 250 * time.Millisecond

	// elsewhere is how long a server may listen on other ports only. Rserve opens one before its own.
	elsewhere = 5 * time.Second
)

// A ListenError reports a server that does not listen on its port.
type ListenError struct {
	Port   int
	Others []string // the addresses where it listens
	Err    error    // why it was not waited for; nil if it listens elsewhere
}

func (e *ListenError) Error() string {
	fix := fmt.Sprintf("make it listen on the port that the environment variable PORT names (%d now), "+
		`in R as.integer(Sys.getenv("PORT"))`, e.Port)
	if len(e.Others) == 0 {
		return fmt.Sprintf("the web server does not listen on any port: %v; %s", e.Err, fix)
	}
	return fmt.Sprintf("the web server listens on %s only; %s", strings.Join(e.Others, " and "), fix)
}

func (e *ListenError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *ListenError) ErrorType() string { return runtimeapi.ErrorInitTimeout }

// awaitListening waits until a process of the server listens on the port. It sends no request.
func (w *Worker) awaitListening(ctx context.Context) error {
	own, all := time.NewTicker(checkPort), time.NewTicker(checkOthers)
	defer own.Stop()
	defer all.Stop()
	var others []string
	var since time.Time // others is not empty
	for {
		select {
		case <-w.done:
			return w.exit
		case <-ctx.Done():
			return &ListenError{w.port, others, context.Cause(ctx)}
		case <-own.C:
			if process.Listens(w.port) && w.findListener() {
				return nil
			}
		case <-all.C:
			now := addresses(w.process.Listeners())
			if len(now) == 0 || len(others) == 0 {
				since = time.Now()
			}
			if others = now; len(others) > 0 && time.Since(since) > elsewhere {
				return &ListenError{w.port, others, nil}
			}
		}
	}
}

// findListener notes the process that listens on the port, and reports whether it belongs to the server.
func (w *Worker) findListener() bool {
	for _, l := range w.process.Listeners() {
		if int(l.Addr.Port()) == w.port {
			w.listener = l.PID
			return true
		}
	}
	return false
}

func addresses(listeners []process.Listener) []string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.Addr.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}
