package web

import (
	"context"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

// attrs are the attributes of the records of an invocation.
type attrs []slog.Attr

// logLine returns a function that logs a line of the server's output.
func (w *Worker) logLine(stream string) func(string) {
	return func(line string) {
		<-w.named // it may print before start has its pid
		r := slog.NewRecord(time.Now(), worker.LineLevel(line), line, 0)
		if current := w.current.Load(); current != nil {
			r.AddAttrs(*current...)
		}
		r.AddAttrs(slog.String("stream", stream))
		_ = w.log.Handler().Handle(context.Background(), r) // a log that fails cannot be reported in the log
	}
}

// attribute begins to attribute output to an invocation. The returned function ends that.
func (w *Worker) attribute(inv protocol.Invoke) (end func()) {
	w.process.Flush() // it may have printed since the invocation before
	w.process.Mark()
	current := attrs{slog.String("request_id", inv.ID)}
	if inv.TenantID != "" {
		current = append(current, slog.String("tenant_id", inv.TenantID))
	}
	w.current.Store(&current)
	return func() {
		w.process.Flush()
		if w.process.Ending() == nil { // otherwise its last output may still come
			w.current.Store(nil)
		}
	}
}
