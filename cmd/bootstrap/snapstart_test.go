package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
)

func TestReadSnapStart(t *testing.T) {
	for _, row := range []struct {
		initType, probe     string
		wantSnap, wantProbe bool
	}{
		{"snap-start", "", true, false},
		{"snap-start", "1", true, true},
		{"on-demand", "1", false, false},
		{"", "1", false, false},
	} {
		env := map[string]string{"AWS_LAMBDA_INITIALIZATION_TYPE": row.initType, "LAMBDA_R_SNAPSTART_PROBE": row.probe}
		var s settings
		s.readSnapStart(func(name string) string { return env[name] })
		if s.snapStart != row.wantSnap || s.probe != row.wantProbe {
			t.Errorf("%+v: got %v, %v", row, s.snapStart, s.probe)
		}
	}
}

// Each restored slot becomes a line of JSON; nothing else does.
func TestObserveDraws(t *testing.T) {
	dir := t.TempDir()
	var log strings.Builder
	ready := protocol.Ready{RVersion: "4.5.1", Required: []string{"n"}}
	observe := observeDraws(dir, func() protocol.Ready { return ready }, slog.New(slog.NewTextHandler(&log, nil)))
	observe(supervisor.Prepared{})
	want := []slotDraws{{0, map[string]string{"runif": "0.5"}, ready}, {1, map[string]string{"runif": "0.25"}, ready}}
	for _, d := range want {
		observe(supervisor.Restored{At: supervisor.At{Slot: d.Slot}, Draws: d.Draws})
	}
	text, err := os.ReadFile(filepath.Join(dir, drawsFile))
	if err != nil {
		t.Fatal(err)
	}
	var got []slotDraws
	for line := range strings.Lines(string(text)) {
		var d slotDraws
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if !reflect.DeepEqual(got, want) || log.Len() > 0 {
		t.Errorf("got %+v, want %+v; logged %q", got, want, &log)
	}

	observeDraws(filepath.Join(dir, "missing"), func() protocol.Ready { return ready }, slog.New(slog.NewTextHandler(&log, nil)))(supervisor.Restored{})
	if !strings.Contains(log.String(), "draws not written") {
		t.Errorf("logged %q", &log)
	}
}
