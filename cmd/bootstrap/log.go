package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol/runtimeapi"
)

// The levels that Lambda has and slog has not.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
)

// logOutput is where every line of the log goes, one write at a time.
type logOutput struct {
	mu     sync.Mutex
	w      io.Writer
	frames *telemetryLog // where records go instead; nil: none
	buf    bytes.Buffer  // one record, as the inner handler formats it

	// tail, if set, gets what the log says of an invocation.
	tail func(requestID string, lines []byte)
}

// Write writes lines that are no record: the emulator's.
func (o *logOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// writeJSON writes a line of JSON that is to be in the log as it is, whatever its format.
func (o *logOutput) writeJSON(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frames != nil {
		err := o.frames.write(frameJSON, slog.LevelInfo, time.Now(), line)
		if err == nil {
			return nil
		}
		o.frames = nil
	}
	_, err := o.w.Write(append(line, '\n'))
	return err
}

// recordHandler formats a record with inner, which writes to out.buf, and hands the
// whole of it to out. In text, a record of several lines becomes several records,
// since every line of a Lambda's output is an event of its own in CloudWatch and
// needs its request id. In the telemetry log it is one event, whatever it has in it.
type recordHandler struct {
	out       *logOutput
	inner     slog.Handler
	requestID string
	json      bool
}

// newLogger returns the logger for JSON or text; text is coloured on a terminal.
func newLogger(out *logOutput, level slog.Level, json, terminal bool) *slog.Logger {
	h := &recordHandler{out: out, json: json}
	switch {
	case json:
		h.inner = slog.NewJSONHandler(&out.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdaNames})
	case terminal:
		h.inner = tint.NewTextHandler(&out.buf, &tint.Options{Level: level, TimeFormat: "15:04:05.000", ReplaceAttr: textNames})
	default:
		h.inner = tint.NewTextHandler(&out.buf, &tint.Options{Level: level, TimeFormat: "2006-01-02T15:04:05.000Z", NoColor: true, ReplaceAttr: utc})
	}
	return slog.New(h)
}

func (h *recordHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *recordHandler) Handle(ctx context.Context, r slog.Record) error {
	id := h.requestID
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "request_id" {
			id = a.Value.String()
		}
		return true
	})
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	records := []slog.Record{r}
	if h.out.frames != nil {
		err := h.writeFrame(ctx, r)
		if err == nil {
			return nil
		}
		h.out.frames = nil
		why := slog.NewRecord(r.Time, slog.LevelWarn, "the telemetry log cannot be written, so this goes to standard output", 0)
		why.AddAttrs(slog.Any("error", err))
		records = []slog.Record{why, r}
	}
	if !h.json {
		records = slices.Concat(records[:len(records)-1], splitLines(r))
	}
	if err := h.format(ctx, records...); err != nil {
		return err
	}
	if h.out.tail != nil && id != "" {
		h.out.tail(id, h.out.buf.Bytes())
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
}

// format formats records into out.buf, which it empties first.
func (h *recordHandler) format(ctx context.Context, records ...slog.Record) error {
	h.out.buf.Reset()
	for _, r := range records {
		if err := h.inner.Handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// writeFrame writes r to the telemetry log. In text, its lines after the first are as
// they are.
func (h *recordHandler) writeFrame(ctx context.Context, r slog.Record) error {
	if h.json {
		if err := h.format(ctx, r); err != nil {
			return err
		}
		return h.out.frames.write(frameJSON, r.Level, r.Time, bytes.TrimSpace(h.out.buf.Bytes()))
	}
	lines := splitLines(r)
	if err := h.format(ctx, lines[0]); err != nil {
		return err
	}
	for _, line := range lines[1:] {
		h.out.buf.WriteString(line.Message + "\n")
	}
	return h.out.frames.write(frameText, r.Level, r.Time, bytes.TrimSuffix(h.out.buf.Bytes(), []byte("\n")))
}

func (h *recordHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.inner = h.inner.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == "request_id" {
			with.requestID = a.Value.String()
		}
	}
	return &with
}

func (h *recordHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.inner = h.inner.WithGroup(name)
	return &with
}

// splitLines makes a record for each line of r: of its message and, where it is about
// an error, of the error and its traceback.
func splitLines(r slog.Record) []slog.Record {
	text := r.Message
	var trace []string
	var shared, once []slog.Attr
	output := false // a line that R has printed
	r.Attrs(func(a slog.Attr) bool {
		report, isReport := a.Value.Any().(*runtimeapi.ErrorReport)
		switch {
		case isReport:
			text += ": " + report.Summary()
			trace = report.Traceback()
		case a.Key == "request_id" || a.Key == "stream":
			shared = append(shared, a)
			output = output || a.Key == "stream"
		default:
			once = append(once, a)
		}
		return true
	})
	if output { // its lines are kept short: the request id finds the tenant's
		once = slices.DeleteFunc(once, func(a slog.Attr) bool { return a.Key == "tenant_id" })
	}
	lines := strings.Split(strings.Join(append([]string{text}, trace...), "\n"), "\n")
	records := make([]slog.Record, len(lines))
	for i, line := range lines {
		records[i] = slog.NewRecord(r.Time, r.Level, visible(line), r.PC)
		records[i].AddAttrs(shared...)
	}
	records[0].AddAttrs(once...)
	return records
}

// visible shows control characters, with which an event could overwrite or colour what
// an operator reads.
func visible(line string) string {
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.IndexFunc(line, control) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if control(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// lambdaNames gives attributes the names that Lambda's JSON logs have.
func lambdaNames(groups []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.LevelKey:
		return nameLevel(a, "TRACE", "FATAL")
	case slog.MessageKey:
		a.Key = "message"
	case "request_id":
		a.Key = "requestId"
	case "tenant_id":
		a.Key = "tenantId"
	case "error_type":
		a.Key = "errorType"
	case "error_message":
		a.Key = "errorMessage"
	case "stack_trace":
		a.Key = "stackTrace"
	}
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
	}
	return a
}

// nameLevel gives the levels that slog does not know these names.
func nameLevel(a slog.Attr, trace, fatal string) slog.Attr {
	switch a.Value.Any() {
	case levelTrace:
		a.Value = slog.StringValue(trace)
	case levelFatal:
		a.Value = slog.StringValue(fatal)
	}
	return a
}

// textNames names levels as tint does.
func textNames(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey {
		return nameLevel(a, "TRC", "FTL")
	}
	return a
}

func utc(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Time(a.Key, a.Value.Time().UTC())
	}
	return textNames(groups, a)
}

// isTerminal reports whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	terminal := false
	_ = raw.Control(func(fd uintptr) { // fails only when f is closed
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		terminal = err == nil
	})
	return terminal
}
