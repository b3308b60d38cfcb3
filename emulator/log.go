package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// timestamp is how Lambda writes the time in its own log lines.
const timestamp = "2006-01-02T15:04:05.000Z"

// logLine writes a line to the log and returns it.
func (e *Emulator) logLine(format string, args ...any) []byte {
	line := fmt.Appendf(nil, format, args...)
	e.logMu.Lock()
	defer e.logMu.Unlock()
	_, _ = e.config.Log.Write(line) // an emulator whose log is gone still answers
	return line
}

// logNote writes to the log, and to that of an invocation, what became of it.
func (e *Emulator) logNote(inv *invocation, text string) {
	line := e.logLine("%s %s %s\n", time.Now().UTC().Format(timestamp), inv.id, text)
	e.mu.Lock()
	defer e.mu.Unlock()
	inv.appendTail(line)
}

func (e *Emulator) logStart(inv *invocation) {
	e.AppendLog(inv.id, e.logLine("START RequestId: %s Version: $LATEST\n", inv.id))
}

// logEnd writes the END and the REPORT line, as Lambda does: durations in
// milliseconds, the billed one rounded up, memory in MiB.
func (e *Emulator) logEnd(inv *invocation) {
	ms := float64(time.Since(inv.started)) / float64(time.Millisecond)
	var report strings.Builder
	fmt.Fprintf(&report, "END RequestId: %s\n", inv.id)
	fmt.Fprintf(&report, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB",
		inv.id, ms, math.Ceil(ms), e.config.MemoryMB)
	if e.config.PeakMemory != nil {
		fmt.Fprintf(&report, "\tMax Memory Used: %.0f MB", math.Ceil(float64(e.config.PeakMemory())/(1<<20)))
	}
	e.mu.Lock()
	if !e.reported {
		e.reported = true
		fmt.Fprintf(&report, "\tInit Duration: %.2f ms", float64(e.initTook)/float64(time.Millisecond))
	}
	e.mu.Unlock()
	line := e.logLine("%s\n", report.String())
	e.mu.Lock()
	inv.appendTail(line)
	e.mu.Unlock()
}

func timedOutText(timeout time.Duration) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds())
}

func errorBody(errorType, message string) []byte {
	body, err := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message})
	if err != nil {
		panic(err) // two strings
	}
	return body
}

func hexSeconds(t time.Time) string { return fmt.Sprintf("%08x", t.Unix()) }
