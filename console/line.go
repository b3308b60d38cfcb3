package console

import (
	"context"
	"log/slog"
	"strings"
	"unicode/utf8"

	"lambda-r-runtime/protocol/runtimeapi"
)

// Limits of an invocation's part of the log.
const (
	maxLine        = 8 << 10   // bytes of a line
	maxLinesOf     = 1000      // lines of one invocation
	maxLineBytesOf = 256 << 10 // bytes of these
)

// A line is a log record as text.
type line struct {
	Time   float64 `json:"t"`
	Level  string  `json:"level"`
	Stream string  `json:"stream"` // stdout or stderr if R printed it
	Text   string  `json:"text"`
	Slot   int     `json:"slot"` // -1 if none

	seq uint64
}

// A tee is a slog.Handler that copies records to a console.
type tee struct {
	console *Console
	next    slog.Handler
	attrs   []slog.Attr
}

func (h *tee) Enabled(ctx context.Context, level slog.Level) bool { return h.next.Enabled(ctx, level) }

func (h *tee) Handle(ctx context.Context, r slog.Record) error {
	h.console.log(r, h.attrs)
	return h.next.Handle(ctx, r)
}

func (h *tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	with.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return &with
}

func (h *tee) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	return &with
}

// log notes a record, whose logger has attributes.
func (c *Console) log(r slog.Record, attrs []slog.Attr) {
	l := line{Time: ms(r.Time), Level: strings.ToLower(r.Level.String()), Slot: -1}
	id := ""
	var text strings.Builder
	text.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		switch a.Key {
		case "request_id":
			id = a.Value.String()
		case "stream":
			l.Stream = a.Value.String()
		case "slot":
			if a.Value.Kind() == slog.KindInt64 {
				l.Slot = int(a.Value.Int64())
			}
		case "pid", "tenant_id", "state":
		case runtimeapi.ReportKey:
			if report, ok := a.Value.Any().(*runtimeapi.ErrorReport); ok {
				text.WriteString(": " + report.Summary())
			}
		default:
			if text.Len() < maxLine {
				text.WriteString(" " + a.Key + "=" + a.Value.String())
			}
		}
		return true
	}
	for _, a := range attrs {
		add(a)
	}
	r.Attrs(add)
	l.Text = shorten(text.String(), maxLine)

	c.mu.Lock()
	defer c.mu.Unlock()
	l.seq = c.change()
	if id == "" {
		c.lines = tail(append(c.lines, l), maxLines)
		return
	}
	inv := c.invocations[id]
	if inv == nil {
		return
	}
	inv.Lines++
	inv.seq = l.seq
	d := inv.detail
	if d == nil {
		return
	}
	if len(d.lines) >= maxLinesOf || inv.size-len(d.event) > maxLineBytesOf {
		d.lost++
		return
	}
	d.lines = append(d.lines, l)
	c.hold(inv, len(l.Text)+lineCost)
}

// lineCost is the memory of a line beside its text, in bytes.
const lineCost = 80

// shorten cuts text to at most n bytes of whole characters.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
