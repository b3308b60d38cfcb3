package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// The records that Lambda logs in its JSON log format (AWS documentation, "Lambda Telemetry API
// Event schema reference").

type platformEvent struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

type startRecord struct {
	RequestID string `json:"requestId"`
	Version   string `json:"version"`
}

type doneRecord struct {
	RequestID string      `json:"requestId"`
	Status    string      `json:"status"`
	ErrorType string      `json:"errorType,omitempty"`
	Metrics   doneMetrics `json:"metrics"`
}

type doneMetrics struct {
	DurationMs float64 `json:"durationMs"`
}

type reportRecord struct {
	RequestID string        `json:"requestId"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	Metrics   reportMetrics `json:"metrics"`
}

type reportMetrics struct {
	DurationMs              float64  `json:"durationMs"`
	BilledDurationMs        float64  `json:"billedDurationMs"`
	MemorySizeMB            int      `json:"memorySizeMB"`
	MaxMemoryUsedMB         *float64 `json:"maxMemoryUsedMB,omitempty"`
	InitDurationMs          *float64 `json:"initDurationMs,omitempty"`
	RestoreDurationMs       *float64 `json:"restoreDurationMs,omitempty"`
	BilledRestoreDurationMs *float64 `json:"billedRestoreDurationMs,omitempty"`
}

// noteRecord has the keys of the runtime's own records.
type noteRecord struct {
	Timestamp string `json:"timestamp"`
	Level     string `json:"level"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// text returns the metrics as a REPORT line has them.
func (m reportMetrics) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Duration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB", m.DurationMs, m.BilledDurationMs, m.MemorySizeMB)
	for _, item := range []struct {
		format string
		value  *float64
	}{
		{"\tMax Memory Used: %.0f MB", m.MaxMemoryUsedMB},
		{"\tInit Duration: %.2f ms", m.InitDurationMs},
		{"\tRestore Duration: %.2f ms", m.RestoreDurationMs},
		{"\tBilled Restore Duration: %.0f ms", m.BilledRestoreDurationMs},
	} {
		if item.value != nil {
			fmt.Fprintf(&text, item.format, *item.value)
		}
	}
	return text.String()
}

// outcome returns the status of an invocation in Lambda's records, and the type of its error.
func (a answer) outcome() (status, errorType string) {
	switch {
	case !a.functionError:
		return "success", ""
	case a.errorType == timedOutError:
		return "timeout", a.errorType
	default:
		return "error", a.typeOfError()
	}
}

// typeOfError returns the errorType of a function error, or "" if its body has none.
func (a answer) typeOfError() string {
	if a.errorType != "" {
		return a.errorType
	}
	var body struct{ ErrorType string }
	_ = json.Unmarshal(a.body, &body) // the runtime may report any text
	return body.ErrorType
}

// logRecord writes one of Lambda's own records.
func (e *Emulator) logRecord(inv *invocation, kind string, record any) {
	e.logJSON(inv, platformEvent{time.Now().UTC().Format(timestamp), kind, record})
}

// logJSON writes a record to the log and to the tail of an invocation. If there are several
// environments, the record in the log has the number of its own.
func (e *Emulator) logJSON(inv *invocation, record any) {
	line, err := json.Marshal(record)
	if err != nil {
		panic(err) // strings and numbers cannot fail
	}
	line = append(line, '\n')
	logged := line
	if number := e.shownNumber(inv); number > 0 {
		logged = fmt.Appendf(nil, `{"environment":%d,%s`, number, line[1:])
	}
	e.writeLog(inv, logged, line)
}

// hundredths rounds a number of milliseconds as Lambda does.
func hundredths(ms float64) float64 { return math.Round(ms*100) / 100 }
