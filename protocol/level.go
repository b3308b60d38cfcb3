package protocol

import (
	"log/slog"
	"strings"
)

// Lambda's log levels that slog does not name. Each is as far from its neighbour as slog's
// own levels are.
const (
	LevelTrace = slog.LevelDebug - 4
	LevelFatal = slog.LevelError + 4
)

// ParseLevel returns the level with one of Lambda's names: trace, debug, info, warn, error
// or fatal, in any case. For another name it returns slog.LevelInfo and false.
func ParseLevel(name string) (level slog.Level, ok bool) {
	switch strings.ToLower(name) {
	case "trace":
		return LevelTrace, true
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	case "fatal":
		return LevelFatal, true
	default:
		return slog.LevelInfo, false
	}
}
