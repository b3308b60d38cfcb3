package main

import (
	"fmt"
	"log/slog"
	"os"

	"lambda-r-runtime/emulator"
)

// openFailures opens the file of --on-failure, if there is one. Only its owner can read a new file:
// events may hold secrets.
func (o *localOptions) openFailures() (done func(), err error) {
	if o.onFailure == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(o.onFailure, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--on-failure: %w", err)
	}
	o.failures = file
	return func() { _ = file.Close() }, nil // every record is written already
}

// warnOfLost warns of the asynchronous invocations that the emulator leaves undone. Lambda would go
// on with them.
func warnOfLost(emu *emulator.Emulator, log *slog.Logger) {
	if n := emu.Close(); n > 0 {
		log.Warn("asynchronous invocations dropped, because bootstrap local stops", "invocations", n)
	}
}
