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
	if e.config.JSON {
		e.logRecord(inv, "platform.start", startRecord{inv.id, e.version()})
		return
	}
	e.logLines(inv, fmt.Sprintf("START RequestId: %s Version: %s\n", inv.id, e.version()))
}

// logNote writes a line about what happened to an invocation.
func (e *Emulator) logNote(inv *invocation, text string) {
	if e.config.JSON {
		e.logJSON(inv, noteRecord{time.Now().UTC().Format(timestamp), "WARN", strings.TrimSpace(text), inv.id})
		return
	}
	e.logLines(inv, fmt.Sprintf("%s %s %s\n", time.Now().UTC().Format(timestamp), inv.id, text))
}

// logEnd writes the END and REPORT lines as Lambda does: durations in milliseconds, the
// billed one rounded up, memory in MiB.
func (e *Emulator) logEnd(inv *invocation, a answer) {
	took := milliseconds(time.Since(inv.started))
	m := reportMetrics{DurationMs: hundredths(took), BilledDurationMs: math.Ceil(took), MemorySizeMB: e.config.MemoryMB}
	if e.config.PeakMemory != nil {
		peak := math.Ceil(float64(e.config.PeakMemory(inv.environment.number)) / (1 << 20))
		m.MaxMemoryUsedMB = &peak
	}
	e.mu.Lock()
	inv.environment.reportStart(&m)
	e.mu.Unlock()
	if e.config.JSON {
		status, errorType := a.outcome()
		e.logRecord(inv, "platform.runtimeDone", doneRecord{inv.id, status, errorType, doneMetrics{m.DurationMs}})
		e.logRecord(inv, "platform.report", reportRecord{inv.id, status, errorType, m})
		return
	}
	e.logLines(inv, fmt.Sprintf("END RequestId: %s\nREPORT RequestId: %s\t%s\n", inv.id, inv.id, m.text()))
}

// reportStart adds to the metrics of an environment's first report how long its start took: the
// init or the restore. The lock is held.
func (env *environment) reportStart(m *reportMetrics) {
	if env.reported {
		return
	}
	env.reported = true
	if env.restore.begun.IsZero() {
		m.InitDurationMs = new(hundredths(milliseconds(env.initTook)))
		return
	}
	m.RestoreDurationMs = new(hundredths(milliseconds(env.restore.took)))
	m.BilledRestoreDurationMs = new(math.Ceil(milliseconds(env.restore.billed)))
}

// logLines writes whole lines to the log and to the tail of an invocation. If there are several
// environments, the log shows which one it is.
func (e *Emulator) logLines(inv *invocation, lines string) {
	logged := lines
	if number := e.shownNumber(inv); number > 0 {
		prefix := fmt.Sprintf("[%d] ", number)
		logged = prefix + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+prefix) + "\n"
	}
	e.writeLog(inv, []byte(logged), []byte(lines))
}

// writeLog writes lines to the log, and others to the tail of an invocation.
func (e *Emulator) writeLog(inv *invocation, logged, tail []byte) {
	e.logMu.Lock()
	_, _ = e.config.Log.Write(logged) // without its log the emulator still answers
	e.logMu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	inv.appendTail(tail)
}

// shownNumber returns the number that the log shows for the environment of an invocation, from 1
// on, or 0 if there is nothing to tell apart.
func (e *Emulator) shownNumber(inv *invocation) int {
	if len(e.environments) == 1 || inv.environment == nil {
		return 0
	}
	return inv.environment.number + 1
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
