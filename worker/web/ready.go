package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

const (
	// checkPort is how often the port is looked for, and checkOthers how often other ports are.
	checkPort, checkOthers = 2 * time.Millisecond, 250 * time.Millisecond

	// elsewhere is how long a server may listen on other ports only. Rserve opens one before its own.
	elsewhere = 5 * time.Second

	// stolen is how long a process that does not seem to be the server's may listen on the port. One that
	// the server has just forked takes a moment to be found.
	stolen = 500 * time.Millisecond
)

// errPortTaken is why a server cannot listen on its port.
var errPortTaken = errors.New("another process listens on its port")

// A ListenError reports a server that does not listen on its port.
type ListenError struct {
	Port   int
	Others []string // the addresses where it listens
	Err    error    // why it was not waited for; nil if it listens elsewhere
}

func (e *ListenError) Error() string {
	fix := fmt.Sprintf("make it listen on the port that the environment variable PORT names (%d now), "+
		`in R as.integer(Sys.getenv("PORT"))`, e.Port)
	if len(e.Others) == 0 || errors.Is(e.Err, errPortTaken) {
		return fmt.Sprintf("the web server does not listen on its port: %v; %s", e.Err, fix)
	}
	return fmt.Sprintf("the web server listens on %s only; %s", strings.Join(e.Others, " and "), fix)
}

func (e *ListenError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *ListenError) ErrorType() string { return runtimeapi.ErrorInitTimeout }

// listen lets a server whose R waits for that go on, and waits until it listens on the port. It returns
// the process that does.
func listen(ctx context.Context, w *worker.Worker, port int) (listener int, err error) {
	if err := w.Listen(); err != nil {
		return 0, err
	}
	return awaitPort(ctx, w, port, nil)
}

// A loading is the handshake with R.
type loading struct {
	done chan struct{} // closed once it is over
	err  error         // set before done is closed
}

// load starts a server and waits until it listens on the port, or its R takes part in the handshake. After
// an error, the process is dead and freed.
func load(ctx context.Context, w *worker.Worker, c worker.Config, port int) error {
	l := &loading{done: make(chan struct{})}
	go func() { // load waits for it
		l.err = w.Load(ctx, c)
		close(l.done)
	}()
	listener, err := awaitPort(ctx, w, port, l)
	switch {
	case err != nil:
		w.Kill("it did not become ready")
	case listener != 0:
		w.Silent()
	}
	<-l.done
	switch {
	case err == nil:
		return l.err
	case l.err == nil:
		w.Shutdown(ctx) // Load has not freed it
	}
	return err
}

// awaitPort waits until a process of the server listens on the port, and returns that process. It sends no
// request. It also returns when the handshake l, if not nil, is over, unless the server takes no part in it.
func awaitPort(ctx context.Context, w *worker.Worker, port int, l *loading) (listener int, err error) {
	own, all := time.NewTicker(checkPort), time.NewTicker(checkOthers)
	defer own.Stop()
	defer all.Stop()
	var loaded chan struct{}
	if l != nil {
		loaded = l.done
	}
	var others []string
	var since time.Time // others is not empty
	var taken time.Time // a process that is not the server's was first found on the port
	for {
		select {
		case <-w.Done():
			if process.Listens(port) {
				return 0, &ListenError{port, others, errPortTaken}
			}
			return 0, w.Err()
		case <-ctx.Done():
			return 0, &ListenError{port, others, context.Cause(ctx)}
		case <-loaded:
			switch {
			case l.err != nil && process.Listens(port):
				return 0, &ListenError{port, others, errPortTaken}
			case l.err != nil || w.Talks():
				return 0, nil
			}
			loaded = nil
		case <-own.C:
			switch {
			case !process.Listens(port):
				taken = time.Time{}
				continue
			case taken.IsZero():
				taken = time.Now()
			}
			if listener := findListener(w, port); listener != 0 {
				return listener, nil
			}
			if time.Since(taken) > stolen {
				return 0, &ListenError{port, others, errPortTaken}
			}
		case <-all.C:
			now := addresses(w.Process().Listeners())
			if len(now) == 0 || len(others) == 0 {
				since = time.Now()
			}
			if others = now; len(others) > 0 && time.Since(since) > elsewhere {
				return 0, &ListenError{port, others, nil}
			}
		}
	}
}

// findListener returns the process of the server that listens on the port, or 0.
func findListener(w *worker.Worker, port int) int {
	for _, l := range w.Process().Listeners() {
		if int(l.Addr.Port()) == port {
			return l.PID
		}
	}
	return 0
}

func addresses(listeners []process.Listener) []string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.Addr.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}
