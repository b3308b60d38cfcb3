package lambdalog

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"github.com/lmittmann/tint"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Options configure a logger.
type Options struct {
	Level slog.Level
	JSON  bool // else text, coloured on a terminal
}

// New returns a logger that writes to out.
//
// In text, a record with several lines becomes one record per line: every line of a
// function's output is a separate event in CloudWatch and needs its request id. A frame of
// the telemetry log holds a whole record.
func New(out *Output, o Options) *slog.Logger {
	h := &handler{out: out, json: o.JSON}
	if o.JSON {
		h.inner = slog.NewJSONHandler(&out.buf, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: jsonAttr})
		return slog.New(h)
	}
	text := &tint.Options{Level: o.Level, TimeFormat: utcMillis, NoColor: true, ReplaceAttr: textAttr}
	if out.terminal {
		text = &tint.Options{Level: o.Level, TimeFormat: "15:04:05.000", ReplaceAttr: textLevel}
	}
	h.inner = tint.NewTextHandler(&out.buf, text)
	return slog.New(h)
}

// A handler formats a record with inner, which writes to out.buf, and writes it to out.
type handler struct {
	out       *Output
	inner     slog.Handler
	requestID string // from WithAttrs
	json      bool
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	id, printed := h.requestID, false
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "request_id":
			id = a.Value.String()
		case "stream":
			printed = true
		}
		return true
	})
	if printed && isJSONObject(r.Message) {
		return h.out.writeJSON([]byte(r.Message), levelOf(r), id)
	}
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	var records []slog.Record
	if loss, ok := h.out.loss(r.Time); ok {
		records = append(records, loss)
	}
	if h.out.frames != nil {
		var err error
		for _, r := range append(records, r) {
			if err == nil {
				err = h.out.count(h.writeFrame(ctx, r))
			}
		}
		if err == nil {
			return nil
		}
		h.out.frames = nil
		why := slog.NewRecord(r.Time, slog.LevelWarn, "telemetry log failed, logging to standard output", 0)
		why.AddAttrs(slog.Any("error", err))
		records = append(records, why)
	}
	if err := h.format(ctx, append(records, h.records(r)...)); err != nil {
		return err
	}
	if h.out.Tail != nil && id != "" {
		h.out.Tail(id, h.out.buf.Bytes())
	}
	return h.out.write(h.out.buf.Bytes())
}

// isJSONObject reports whether a printed line is a JSON object: a metric, or a record of the
// user's own. It goes to the log as it is.
func isJSONObject(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}") && json.Valid([]byte(line))
}

// levelOf returns the level that a JSON object names itself, or that of its record.
func levelOf(r slog.Record) slog.Level {
	var object struct{ Level any }
	if json.Unmarshal([]byte(r.Message), &object) == nil {
		if name, ok := object.Level.(string); ok {
			if level, ok := protocol.ParseLevel(name); ok {
				return level
			}
		}
	}
	return r.Level
}

// records returns r as the records to format: one in JSON, one per line in text.
func (h *handler) records(r slog.Record) []slog.Record {
	if h.json {
		return []slog.Record{inlineReport(r)}
	}
	return splitLines(r)
}

// format replaces the content of out.buf with the formatted records.
func (h *handler) format(ctx context.Context, records []slog.Record) error {
	h.out.buf.Reset()
	for _, r := range records {
		if err := h.inner.Handle(ctx, r); err != nil {
			return err
		}
	}
	escape := escapeDEL
	if h.json {
		escape = escapeJSON
	}
	if text := escape(h.out.buf.Bytes()); len(text) != h.out.buf.Len() {
		h.out.buf.Reset()
		h.out.buf.Write(text)
	}
	return nil
}

// writeFrame writes r to the telemetry log. In text, only the first line has a prefix and
// attributes.
func (h *handler) writeFrame(ctx context.Context, r slog.Record) error {
	kind, records := frameJSON, h.records(r)
	if !h.json {
		kind = frameText
	}
	if err := h.format(ctx, records[:1]); err != nil {
		return err
	}
	for _, line := range records[1:] {
		h.out.buf.WriteString(line.Message + "\n")
	}
	return h.out.frames.write(kind, r.Level, r.Time, bytes.TrimSuffix(h.out.buf.Bytes(), []byte("\n")))
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.inner = h.inner.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == "request_id" {
			with.requestID = a.Value.String()
		}
	}
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	with.inner = h.inner.WithGroup(name)
	return &with
}

// reportOf returns the error report in a, which runtimeapi.ErrorReport.Attr made.
func reportOf(a slog.Attr) (*runtimeapi.ErrorReport, bool) {
	if a.Key != runtimeapi.ReportKey {
		return nil, false
	}
	r, ok := a.Value.Any().(*runtimeapi.ErrorReport)
	return r, ok
}

// inlineReport returns r with the fields of its error report on the top level, where
// Lambda's JSON logs have them.
func inlineReport(r slog.Record) slog.Record {
	var attrs []slog.Attr
	found := false
	r.Attrs(func(a slog.Attr) bool {
		if report, ok := reportOf(a); ok {
			attrs = slices.Concat(attrs, report.LogValue().Group())
			found = true
		} else {
			attrs = append(attrs, a)
		}
		return true
	})
	if !found {
		return r
	}
	inlined := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	inlined.AddAttrs(attrs...)
	return inlined
}
