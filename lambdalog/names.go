package lambdalog

import (
	"encoding/json"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol"
)

// utcMillis is the time format of Lambda's own records.
const utcMillis = "2006-01-02T15:04:05.000Z"

// levels has the names of each level in the log formats.
var levels = map[slog.Level]struct {
	json, text string
	frame      uint32 // part of the type of a telemetry frame
}{
	protocol.LevelTrace: {"TRACE", "TRC", 0x4},
	slog.LevelDebug:     {"DEBUG", "DBG", 0x8},
	slog.LevelInfo:      {"INFO", "INF", 0xc},
	slog.LevelWarn:      {"WARN", "WRN", 0x10},
	slog.LevelError:     {"ERROR", "ERR", 0x14},
	protocol.LevelFatal: {"FATAL", "FTL", 0x18},
}

// jsonNames are the names that attributes have in Lambda's JSON logs.
var jsonNames = map[string]string{
	slog.MessageKey: "message",
	"request_id":    "requestId",
	"tenant_id":     "tenantId",
	"error_type":    "errorType",
	"error_message": "errorMessage",
	"stack_trace":   "stackTrace",
}

// jsonAttr is the ReplaceAttr of JSON records. Durations become milliseconds.
func jsonAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format(utcMillis))
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String(a.Key, levels[level].json)
		}
	}
	if name, ok := jsonNames[a.Key]; ok {
		a.Key = name
	}
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
	}
	return a
}

// textAttr is the ReplaceAttr of text records, whose time is in UTC.
func textAttr(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Time(a.Key, a.Value.Time().UTC())
	}
	return textLevel(groups, a)
}

// textLevel names the two levels that tint does not name. It leaves the others to tint,
// which colours them. JSON is shown as it is.
func textLevel(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindAny {
		if value, ok := a.Value.Any().(json.RawMessage); ok {
			return slog.String(a.Key, string(value))
		}
	}
	if a.Key == slog.LevelKey {
		if level := a.Value.Any(); level == protocol.LevelTrace || level == protocol.LevelFatal {
			return slog.String(a.Key, levels[level.(slog.Level)].text)
		}
	}
	return a
}
