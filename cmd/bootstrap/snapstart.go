package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/supervisor"
)

// The environment of SnapStart. Lambda sets the first; bootstrap local sets the second for the
// environments that it restores, to compare what they would draw.
const (
	initTypeVariable = "AWS_LAMBDA_INITIALIZATION_TYPE"
	initTypeSnap     = "snap-start"
	probeVariable    = "LAMBDA_R_SNAPSTART_PROBE"
)

// drawsFile is the file in the temporary folder of a probed environment that has a line of JSON, a
// slotDraws, for each slot. It is complete before the first poll.
const drawsFile = "draws.json"

// slotDraws are the random values that a restored worker would draw next, see
// protocol.Entered.Draws, and what it reported when it became ready.
type slotDraws struct {
	Slot  int               `json:"slot"`
	Draws map[string]string `json:"draws"`
	Ready protocol.Ready    `json:"ready"`
}

// readSnapStart reads what the environment says about SnapStart.
func (s *settings) readSnapStart(getenv func(string) string) {
	s.snapStart = getenv(initTypeVariable) == initTypeSnap
	s.probe = s.snapStart && getenv(probeVariable) == "1"
}

// observeDraws returns an observer of transitions that writes what restored workers would draw to
// the folder dir. Ready returns what the last worker reported.
func observeDraws(dir string, ready func() protocol.Ready, log *slog.Logger) func(supervisor.Transition) {
	path := filepath.Join(dir, drawsFile)
	return func(t supervisor.Transition) {
		restored, ok := t.(supervisor.Restored)
		if !ok {
			return
		}
		if err := appendJSON(path, slotDraws{restored.Slot, restored.Draws, ready()}); err != nil {
			log.Error("draws not written", "error", err)
		}
	}
}

// appendJSON appends a line of JSON to a file, in one write: slots are restored concurrently.
func appendJSON(path string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // after an error of Write, this one says no more
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Close()
}
