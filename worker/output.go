package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
)

// tailLines is how many lines of standard error an ExitError quotes, and
// tailWidth how much of each, in bytes.
const (
	tailLines = 10
	tailWidth = 1 << 10
)

// tail remembers the last lines of a stream; of a crash that R reports itself, the
// first lines, which say what it was and where.
type tail struct {
	mu    sync.Mutex
	last  []string
	crash bool // R is reporting one
}

// crashMark begins R's report of a segfault and its like.
const crashMark = " *** caught "

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasPrefix(line, crashMark) {
		t.last, t.crash = nil, true
	}
	if len(t.last) == tailLines {
		if t.crash {
			return
		}
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, strings.ToValidUTF8(line[:min(len(line), tailWidth)], ""))
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.crash = nil, false
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.last...)
}

func (w *Worker) logStdout(line string) { w.logLine("stdout", line) }

func (w *Worker) logStderr(line string) {
	w.stderrTail.add(line)
	w.logLine("stderr", line)
}

// logLine logs a line that the function wrote. It is the function's output, so
// LOG_LEVEL, which is for records that have a level, does not drop it.
func (w *Worker) logLine(stream, line string) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, line, 0)
	r.AddAttrs(ofInvocation(w.current.Load())...)
	r.AddAttrs(slog.String("stream", stream))
	_ = w.log.Handler().Handle(context.Background(), r) // there is no log to tell that the log fails
}

// ofInvocation returns the attributes of all that is logged for inv; nil: for none.
func ofInvocation(inv *protocol.Invoke) []slog.Attr {
	if inv == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("request_id", inv.ID)}
	if inv.TenantID != "" {
		attrs = append(attrs, slog.String("tenant_id", inv.TenantID))
	}
	return attrs
}

// levels are the levels of log frames by name. An unknown one is logged at info.
// Those that slog has no name for are as far from their neighbours as those are.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4,
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"error": slog.LevelError,
	"fatal": slog.LevelError + 4,
}

// logRecord logs a record that R code made, a warning or a message, behind the lines
// that R wrote before it, and tells R, which waits for that: what it writes next would
// be as likely to come before the record as after it.
func (w *Worker) logRecord(reply protocol.Reply) {
	w.stdout.drain()
	w.stderr.drain()
	attrs := ofInvocation(w.current.Load())
	if reply.Call != "" {
		attrs = append(attrs, slog.String("call", reply.Call))
	}
	for _, name := range slices.Sorted(maps.Keys(reply.Fields)) {
		attrs = append(attrs, slog.Any(fieldName(name), reply.Fields[name]))
	}
	w.log.LogAttrs(context.Background(), levels[reply.Level], reply.Message, attrs...)
	_ = w.writer.WriteMessage(protocol.NewAck(nil)) // an R that it does not reach is dead, as the next read says
}

// recordNames are what a log record has of its own, as slog has it and as Lambda does.
var recordNames = []string{
	"time", "level", "msg", "request_id", "tenant_id", "slot", "pid", "call", "stream",
	"timestamp", "message", "requestId", "tenantId", "errorType", "errorMessage", "stackTrace",
}

// fieldName is the name of a field that lambda_log was given: its own, unless that would
// take the place of what the record says itself.
func fieldName(name string) string {
	if slices.Contains(recordNames, name) {
		return "field_" + name
	}
	return name
}
