package worker

import (
	"errors"
	"io"
	"log/slog"
	"syscall"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

// A web server is started in two steps, because only R can take part in the handshake, and only once
// its script is about to listen: StartServer, and Load in a goroutine of its own. See the package web.

// StartServer starts the process of a web server, which Config.Args describes.
func StartServer(c Config) (*Worker, error) {
	return begin(c, func(o process.Options) (birth, error) { return execR(c, o) })
}

// Silent ends a Load that waits, because the process does without the handshake.
func (w *Worker) Silent() {
	w.silent.Store(true)
	_ = w.replies.SetReadDeadline(longAgo) // it is open until free
}

// Talks reports whether R has taken part in the handshake.
func (w *Worker) Talks() bool { return w.ready.RVersion != "" }

// Listen lets the R of a web server, which waits for that, open its port. Otherwise it does nothing.
func (w *Worker) Listen() error {
	if !w.Talks() {
		return nil
	}
	if err := w.writer.WriteMessage(protocol.NewListen()); err != nil {
		return w.broken(err)
	}
	return nil
}

// isSilent reports whether err, of the handshake with a web server, means that it takes no part in it.
func (w *Worker) isSilent(err error) bool {
	if w.silent.Load() {
		return true
	}
	closed := errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE)
	return closed && w.process.Ending() == nil
}

// Process returns the process.
func (w *Worker) Process() *process.Process { return w.process }

// Log returns the log.
func (w *Worker) Log() *slog.Logger { return w.log }

// Attribute begins to attribute output to an invocation. The returned function ends that.
func (w *Worker) Attribute(inv protocol.Invoke) (end func()) { return w.attribute(invocation(inv)) }
