package lambdalog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// Each transition with metrics is one line, and the others are none.
func TestMetricsOfTransitions(t *testing.T) {
	at := supervisor.At{Slot: 2}
	inv := supervisor.Invocation{ID: "id", TenantID: "blue"}
	ready := protocol.Ready{RVersion: "4.2.2", InitMs: 80, Slowest: []protocol.PackageLoad{{Package: "dplyr", Ms: 60}}}
	for _, row := range []struct {
		name       string
		transition supervisor.Transition
		want       map[string]any // nil if there is no line
	}{
		{"ready", supervisor.Ready{At: at, Took: 120 * time.Millisecond, Stats: protocol.WorkerStats{Ready: ready}}, map[string]any{
			"InitDuration": 120.0, "slot": 2.0, "rVersion": "4.2.2", "loadMs": 80.0,
			"slowestPackages": []any{map[string]any{"package": "dplyr", "ms": 60.0}},
		}},
		{"lost", supervisor.Lost{At: at}, map[string]any{"WorkerRestarts": 1.0, "slot": 2.0}},
		{"recycled", supervisor.Recycled{At: at}, map[string]any{"WorkerRecycles": 1.0, "slot": 2.0}},
		{"answered", supervisor.Reported{At: at, Invocation: inv, RTime: 3 * time.Millisecond, Took: 5 * time.Millisecond, RSS: 64 << 20}, map[string]any{
			"RDuration": 3.0, "RuntimeOverhead": 2.0, "WorkerRSS": 64.0, "slot": 2.0, "requestId": "id", "tenantId": "blue",
		}},
		{"timeout that R never saw", supervisor.Reported{
			At: at, Invocation: supervisor.Invocation{ID: "id"}, Failure: &runtimeapi.ErrorReport{Type: runtimeapi.ErrorInvocationTimeout},
		}, map[string]any{"InvocationTimeouts": 1.0, "slot": 2.0, "requestId": "id"}},
		{"crash", supervisor.Reported{At: at, Invocation: inv, Failure: &runtimeapi.ErrorReport{Type: runtimeapi.ErrorWorkerCrashed}}, nil},
		{"dispatched", supervisor.Dispatched{At: at, Invocation: inv}, nil},
	} {
		var b bytes.Buffer
		NewMetrics(NewOutput(&b, nil), "parity", slog.New(slog.DiscardHandler)).Observe(row.transition)
		if row.want == nil {
			if b.Len() > 0 {
				t.Errorf("%s: wrote %s", row.name, &b)
			}
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", row.name, err, &b)
		}
		if got["_aws"] == nil || got["FunctionName"] != "parity" {
			t.Errorf("%s: got %s", row.name, &b)
		}
		delete(got, "_aws")
		delete(got, "FunctionName")
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got  %v\nwant %v", row.name, got, row.want)
		}
	}
}
