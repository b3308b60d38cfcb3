package emulator

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// timestamp is the layout of the time in Lambda's own log lines.
const timestamp = "2006-01-02T15:04:05.000Z"

// AppendLog adds a line, including its newline, to the log tail of a running invocation.
// Callers may ask for the tail.
func (e *Emulator) AppendLog(requestID string, line []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if inv := e.running[requestID]; inv != nil {
		inv.appendTail(line)
	}
}

// logStart writes the START line.
func (e *Emulator) logStart(inv *invocation) {
	e.logLines(inv, fmt.Sprintf("START RequestId: %s Version: %s\n", inv.id, e.version()))
}

// logNote writes a line about what happened to an invocation.
func (e *Emulator) logNote(inv *invocation, text string) {
	e.logLines(inv, fmt.Sprintf("%s %s %s\n", time.Now().UTC().Format(timestamp), inv.id, text))
}

// logEnd writes the END and REPORT lines as Lambda does: durations in milliseconds, the
// billed one rounded up, memory in MiB.
func (e *Emulator) logEnd(inv *invocation) {
	var text strings.Builder
	took := milliseconds(time.Since(inv.started))
	fmt.Fprintf(&text, "END RequestId: %s\n", inv.id)
	fmt.Fprintf(&text, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB",
		inv.id, took, math.Ceil(took), e.config.MemoryMB)
	if e.config.PeakMemory != nil {
		peak := e.config.PeakMemory(inv.environment.number)
		fmt.Fprintf(&text, "\tMax Memory Used: %.0f MB", math.Ceil(float64(peak)/(1<<20)))
	}
	e.mu.Lock()
	text.WriteString(inv.environment.reportStart())
	e.mu.Unlock()
	text.WriteByte('\n')
	e.logLines(inv, text.String())
}

// reportStart returns the part of an environment's first REPORT line that says how long its start
// took: the init or the restore. The lock is held.
func (env *environment) reportStart() string {
	switch {
	case env.reported:
		return ""
	case env.restore.begun.IsZero():
		env.reported = true
		return fmt.Sprintf("\tInit Duration: %.2f ms", milliseconds(env.initTook))
	default:
		env.reported = true
		return fmt.Sprintf("\tRestore Duration: %.2f ms\tBilled Restore Duration: %.0f ms",
			milliseconds(env.restore.took), math.Ceil(milliseconds(env.restore.billed)))
	}
}

// logLines writes whole lines to the log and to the tail of an invocation. If there are several
// environments, the log shows which one it is.
func (e *Emulator) logLines(inv *invocation, lines string) {
	text := lines
	if prefix := e.linePrefix(inv.environment.number); prefix != "" {
		text = prefix + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+prefix) + "\n"
	}
	e.logMu.Lock()
	_, _ = e.config.Log.Write([]byte(text)) // without its log the emulator still answers
	e.logMu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	inv.appendTail([]byte(lines))
}

// linePrefix returns what begins the lines of an environment, if there are several.
func (e *Emulator) linePrefix(number int) string {
	if len(e.environments) == 1 {
		return ""
	}
	return fmt.Sprintf("[%d] ", number+1)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
