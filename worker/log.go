package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"lambda-r-runtime/internal/random"
	"lambda-r-runtime/protocol"
)

// newLogTag returns a new process.Options.Tag: a control character, which printed lines rarely
// have, and random text.
func newLogTag() string { return "\x01" + random.Text() }

// levelNames are the names of the levels, the lowest first.
var levelNames = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// lowestLevel returns the lowest level at which R must send records.
func (c *Config) lowestLevel() string {
	for _, name := range levelNames {
		level, _ := protocol.ParseLevel(name) // they are all known
		if c.OnRecord != nil || c.Log.Enabled(context.Background(), level) {
			return name
		}
	}
	return levelNames[len(levelNames)-1]
}

func (w *Worker) logStdout(line string) { w.logLine("stdout", line, w.workAttrs("")) }

func (w *Worker) logStderr(line string) { w.logLine("stderr", line, w.workAttrs("")) }

// logLine logs a line that the function wrote. The log level does not drop it: it has none, or
// that of a log package, which has its own threshold.
func (w *Worker) logLine(stream, line string, attrs []slog.Attr) {
	<-w.named // R may print before Spawn has its pid
	r := slog.NewRecord(time.Now(), lineLevel(line), line, 0)
	r.AddAttrs(attrs...)
	r.AddAttrs(slog.String("stream", stream))
	_ = w.log.Handler().Handle(context.Background(), r) // a log that fails cannot be reported in the log
}

// A work is what R does, to which its output is attributed: an invocation or a phase.
type work struct {
	id    string // of the invocation; "" in a phase
	attrs []slog.Attr
}

// invocation returns inv as work.
func invocation(inv protocol.Invoke) *work {
	attrs := []slog.Attr{slog.String("request_id", inv.ID)}
	if inv.TenantID != "" {
		attrs = append(attrs, slog.String("tenant_id", inv.TenantID))
	}
	return &work{inv.ID, slices.Clip(attrs)}
}

// attribute begins to attribute R's output to work. The returned function ends that.
func (w *Worker) attribute(to *work) (end func()) {
	w.process.Flush() // a child of R may have printed since the work before
	w.process.Mark()
	w.current.Store(to)
	return func() {
		w.process.Flush()
		if w.process.Ending() == nil { // otherwise its last output may still come
			w.current.Store(nil)
		}
	}
}

// workAttrs returns the attributes of a record that belongs to the invocation id, or to what R does
// now if id is empty.
func (w *Worker) workAttrs(id string) []slog.Attr {
	current := w.current.Load()
	if id != "" && (current == nil || current.id != id) {
		// A child that R forked outlives its invocation.
		return []slog.Attr{slog.String("request_id", id)}
	}
	if current == nil {
		return nil
	}
	return current.attrs
}

// logRecord logs a record that R code made, for example a warning.
func (w *Worker) logRecord(body []byte) {
	record, err := protocol.ParseRecord(body)
	if err != nil {
		w.logStderr(string(body)) // user code has printed the tag
		return
	}
	attrs := w.workAttrs(record.ID)
	if record.Line != nil {
		w.logLine("stdout", string(record.Line), attrs)
		return
	}
	<-w.named
	if record.Call != "" {
		attrs = append(attrs, slog.String("call", record.Call))
	}
	if load := record.Load; load != nil {
		if load.At != "" {
			attrs = append(attrs, slog.String("at", load.At))
		}
		attrs = append(attrs, slog.Float64("took_ms", load.Ms))
	}
	own := slices.Clip(attrs)
	for _, name := range slices.Sorted(maps.Keys(record.Fields)) {
		attrs = append(attrs, slog.Any(fieldName(name, own), fieldValue(record.Fields[name])))
	}
	level, _ := protocol.ParseLevel(record.Level) // unknown ones are logged at info
	w.log.LogAttrs(context.Background(), level, record.Message, attrs...)
	if w.onRecord != nil {
		w.onRecord(record)
	}
}

// reservedKeys are the keys that slog, Lambda, CloudWatch and this program write or read.
var reservedKeys = []string{
	"time", "level", "msg", "request_id", "tenant_id", "slot", "pid", "call", "stream",
	"error_type", "error_message", "stack_trace",
	"timestamp", "message", "requestId", "tenantId", "errorType", "errorMessage", "stackTrace",
	"_aws",
}

// fieldName returns the key under which a field of lambda_log() is logged: its name, with a
// prefix if the name is reserved or own has it. So a name from an event cannot forge a part of the record. A name
// that has the prefix already gets another one: no two names become the same.
func fieldName(name string, own []slog.Attr) string {
	const prefix = "field_"
	bare := name
	for strings.HasPrefix(bare, prefix) {
		bare = strings.TrimPrefix(bare, prefix)
	}
	isOwn := slices.ContainsFunc(own, func(a slog.Attr) bool { return a.Key == bare })
	if isOwn || slices.Contains(reservedKeys, bare) {
		return prefix + name
	}
	return name
}

// fieldValue returns the value of a field: a string, or JSON.
func fieldValue(value json.RawMessage) any {
	var text string
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return text
	}
	return value
}
