package worker

import (
	"log/slog"
	"regexp"
	"strings"

	"lambda-r-runtime/protocol"
)

// levelLine matches a line of the R packages logger, futile.logger, lgr and log4r in their default
// layout, for example "WARN [2026-01-31 12:00:00] text" or "INFO  [12:00:00.123] text". Colours may
// surround the level and the time.
var levelLine = regexp.MustCompile(`^(?:\x1b\[[0-9;]*m)*(FATAL|ERROR|WARN|SUCCESS|INFO|DEBUG|TRACE)(?:\x1b\[[0-9;]*m)* *(?:\x1b\[[0-9;]*m)*` +
	`\[(?:\x1b\[[0-9;]*m)*(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d[^\]]*\]`)

// lineLevel returns the level of a printed line: that of a log package, or info.
func lineLevel(line string) slog.Level {
	if !strings.HasPrefix(line, "\x1b") && (line == "" || !strings.Contains("FEWSIDT", line[:1])) {
		return slog.LevelInfo // as nearly every line; the expression takes longer
	}
	match := levelLine.FindStringSubmatch(line)
	if match == nil {
		return slog.LevelInfo
	}
	level, _ := protocol.ParseLevel(match[1]) // "success" is like info
	return level
}
