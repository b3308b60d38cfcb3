package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// With JSON, the log and the tail have Lambda's records, which are compared without their time.
func TestPlatformRecords(t *testing.T) {
	for _, row := range []struct {
		name   string
		report func(t *testing.T, e *emulator.Emulator, id string)
		status string // the rest of each record after its id
		note   string
	}{
		{"success", func(t *testing.T, e *emulator.Emulator, id string) { respond(t, e, id, "1") }, `"success"`, ""},
		{"error", func(t *testing.T, e *emulator.Emulator, id string) {
			call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/error", nil, `{"errorType":"simpleError"}`)
		}, `"error","errorType":"simpleError"`, ""},
		{"error that is not JSON", func(t *testing.T, e *emulator.Emulator, id string) {
			call(t.Context(), e, http.MethodPost, runtimeapi.PathInvocation+id+"/error", nil, `"oops`)
		}, `"error"`, ""},
		{"timeout", func(t *testing.T, e *emulator.Emulator, id string) { time.Sleep(2 * time.Second) },
			`"timeout","errorType":"Sandbox.Timedout"`,
			`{"level":"WARN","message":"Task timed out after 1.25 seconds","requestId":"ID"}` + "\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				e := newInBubble(emulator.Config{
					Timeout: 1250 * time.Millisecond, MemoryMB: 512, JSON: true, Log: &log,
					PeakMemory: func(int) int64 { return 100<<20 + 1 },
				})
				caller := callAsync(t.Context(), e, http.MethodPost, invocations, askForTail, "1")
				id, _ := poll(t, e)
				if row.note == "" {
					time.Sleep(1250*time.Millisecond - 1)
				}
				row.report(t, e, id)
				want := strings.ReplaceAll(`{"record":{"requestId":"ID","version":"$LATEST"},"type":"platform.start"}
`+row.note+`{"record":{"requestId":"ID","status":`+row.status+`,"metrics":{"durationMs":1250}},"type":"platform.runtimeDone"}
{"record":{"requestId":"ID","status":`+row.status+`,"metrics":{"durationMs":1250,"billedDurationMs":1250,`+
					`"memorySizeMB":512,"maxMemoryUsedMB":101,"initDurationMs":1500}},"type":"platform.report"}
`, "ID", id)
				if got := withoutTimes(t, log.String()); got != want {
					t.Errorf("the log is\n%s, want\n%s", got, want)
				}
				if got := withoutTimes(t, decodeTail(t, (<-caller).Header())); got != want {
					t.Errorf("the tail is\n%s, want\n%s", got, want)
				}
			})
		})
	}
}

// withoutTimes removes the time of each record, which must be Lambda's format.
func withoutTimes(t *testing.T, lines string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(lines) {
		var record map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		name := "time"
		if record[name] == nil {
			name = "timestamp"
		}
		if _, err := time.Parse(`"2006-01-02T15:04:05.000Z"`, string(record[name])); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		delete(record, name)
		out, err := json.Marshal(record) // sorted by name
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(out, '\n'))
	}
	return text.String()
}
