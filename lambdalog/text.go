package lambdalog

import (
	"log/slog"
	"slices"
	"strings"
)

// splitLines returns a record for each line of r's message and of its error report: the
// error's message and its traceback.
func splitLines(r slog.Record) []slog.Record {
	text := r.Message
	var traceback []string
	var everyLine, firstLine []slog.Attr
	output := false // r is a line that R printed
	r.Attrs(func(a slog.Attr) bool {
		if report, ok := reportOf(a); ok {
			text += ": " + report.Summary()
			traceback = report.Traceback()
			return true
		}
		output = output || a.Key == "stream"
		if a.Key == "request_id" || a.Key == "stream" {
			everyLine = append(everyLine, a)
		} else {
			firstLine = append(firstLine, a)
		}
		return true
	})
	if output { // keep these lines short: the tenant can be found by the request id
		firstLine = slices.DeleteFunc(firstLine, func(a slog.Attr) bool { return a.Key == "tenant_id" })
	}
	lines := strings.Split(strings.Join(append([]string{text}, traceback...), "\n"), "\n")
	records := make([]slog.Record, len(lines))
	for i, line := range lines {
		records[i] = slog.NewRecord(r.Time, r.Level, escapeControls(line), r.PC)
		records[i].AddAttrs(everyLine...)
	}
	records[0].AddAttrs(firstLine...)
	return records
}
