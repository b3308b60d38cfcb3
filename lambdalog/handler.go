package lambdalog

import (
	"bytes"
	"context"
	"log/slog"
	"slices"

	"github.com/lmittmann/tint"

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
	id := h.requestID
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "request_id" {
			id = a.Value.String()
		}
		return true
	})
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	var records []slog.Record
	if h.out.frames != nil {
		err := h.writeFrame(ctx, r)
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
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
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
