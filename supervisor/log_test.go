package supervisor

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// The debug log has each step of an invocation, with the state of the slot.
func TestLogOfInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo).run()
		r.send("id", 3*time.Second)
		r.answered("id")
		steps := []string{"poll", "invocation received", "dispatch", "R answered", "posted"}
		states := []string{"ready", "ready", "busy", "ready", "ready"}
		i := 0
		for _, record := range r.logs.find(t, "") {
			if i == len(steps) || record[slog.MessageKey] != steps[i] {
				continue
			}
			if record["level"] != "DEBUG" || record["slot"] != 0.0 {
				t.Errorf("%v: want the level DEBUG and the slot 0", record)
			}
			if record["state"] != states[i] {
				t.Errorf("%v: want the state %s", record, states[i])
			}
			if i > 0 && record["request_id"] != "id" {
				t.Errorf("%v: want the request_id", record)
			}
			i++
		}
		if i != len(steps) {
			t.Errorf("the log lacks %q after %q:\n%s", steps[i:], steps[:i], &r.logs.buf)
		}
	})
}

// Above debug, an invocation that succeeds leaves no trace.
func TestHealthyIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		r.level.Set(slog.LevelInfo)
		r.run()
		r.send("id", 3*time.Second)
		r.answered("id")
		r.stopsIn(0)
		if records := r.logs.find(t, ""); len(records) != 0 {
			t.Errorf("logged at info: %v", records)
		}
	})
}

// An error is logged once, with its type, message, slot and request id.
func TestLogOfError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, die)
		r.level.Set(slog.LevelInfo)
		r.run().send("id", 3*time.Second)
		records := r.logs.find(t, "")
		if len(records) != 1 {
			t.Fatalf("logged %v, want one record", records)
		}
		for key, want := range map[string]any{
			"level": "ERROR", "msg": "invocation error", "slot": 0.0, "request_id": "id",
		} {
			if got := records[0][key]; got != want {
				t.Errorf("%s is %v, want %v", key, got, want)
			}
		}
		report, _ := records[0][runtimeapi.ReportKey].(map[string]any)
		if report["error_type"] != "Runtime.WorkerCrashed" || report["error_message"] != "R died of a segmentation fault" {
			t.Errorf("the report is %v", report)
		}
	})
}
