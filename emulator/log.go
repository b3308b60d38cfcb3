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
	e.logLines(inv, fmt.Sprintf("START RequestId: %s Version: $LATEST\n", inv.id))
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
		fmt.Fprintf(&text, "\tMax Memory Used: %.0f MB", math.Ceil(float64(e.config.PeakMemory())/(1<<20)))
	}
	e.mu.Lock()
	if env := &e.environment; !env.initReported {
		env.initReported = true
		fmt.Fprintf(&text, "\tInit Duration: %.2f ms", milliseconds(env.initTook))
	}
	e.mu.Unlock()
	text.WriteByte('\n')
	e.logLines(inv, text.String())
}

// logLines writes whole lines to the log and to the tail of an invocation.
func (e *Emulator) logLines(inv *invocation, lines string) {
	e.logMu.Lock()
	_, _ = e.config.Log.Write([]byte(lines)) // without its log the emulator still answers
	e.logMu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	inv.appendTail([]byte(lines))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
