package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"lambda-r-runtime/protocol"
)

func (w *Worker) logStdout(line string) { w.logLine("stdout", line) }

func (w *Worker) logStderr(line string) { w.logLine("stderr", line) }

// logLine logs a line that the function wrote. The line has no level, so the log level does
// not drop it.
func (w *Worker) logLine(stream, line string) {
	<-w.named // R may print before Spawn has its pid
	r := slog.NewRecord(time.Now(), slog.LevelInfo, line, 0)
	r.AddAttrs(invocationAttrs(w.current.Load())...)
	r.AddAttrs(slog.String("stream", stream))
	_ = w.log.Handler().Handle(context.Background(), r) // a log that fails cannot be reported in the log
}

// invocationAttrs returns the attributes of every record that is logged during inv, which may be
// nil.
func invocationAttrs(inv *protocol.Invoke) []slog.Attr {
	if inv == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("request_id", inv.ID)}
	if inv.TenantID != "" {
		attrs = append(attrs, slog.String("tenant_id", inv.TenantID))
	}
	return attrs
}

// logRecord logs a record that R code made, for example a warning, behind the lines that R
// wrote before it. Then it acks the record. R waits for the ack, because its next line travels
// on another pipe and could overtake the record.
func (w *Worker) logRecord(reply protocol.Reply) {
	w.process.Drain()
	attrs := invocationAttrs(w.current.Load())
	if reply.Call != "" {
		attrs = append(attrs, slog.String("call", reply.Call))
	}
	if load := reply.Load; load != nil {
		if load.At != "" {
			attrs = append(attrs, slog.String("at", load.At))
		}
		attrs = append(attrs, slog.Float64("took_ms", load.Ms))
	}
	for _, name := range slices.Sorted(maps.Keys(reply.Fields)) {
		attrs = append(attrs, slog.Any(fieldName(name), reply.Fields[name]))
	}
	level, _ := protocol.ParseLevel(reply.Level) // unknown ones are logged at info
	w.log.LogAttrs(context.Background(), level, reply.Message, attrs...)
	if w.onRecord != nil {
		w.onRecord(reply.Record)
	}
	_ = w.writer.WriteMessage(protocol.NewAck(nil)) // fails if R is dead, which the next read reports
}

// reservedKeys are the keys that slog, Lambda and this program write.
var reservedKeys = []string{
	"time", "level", "msg", "request_id", "tenant_id", "slot", "pid", "call", "stream",
	"timestamp", "message", "requestId", "tenantId", "errorType", "errorMessage", "stackTrace",
}

// fieldName returns the key under which a field of lambda_log() is logged: its name, with a
// prefix if the name is reserved.
func fieldName(name string) string {
	if slices.Contains(reservedKeys, name) {
		return "field_" + name
	}
	return name
}
