package lambdalog

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

// An Output is where all log lines go. It is safe for concurrent use.
type Output struct {
	// Tail, if not nil, is called with the lines that were logged for an invocation. Set it
	// before the first use.
	Tail func(requestID string, lines []byte)

	mu       sync.Mutex
	w        io.Writer
	terminal bool
	frames   *Telemetry   // if nil, records go to w
	buf      bytes.Buffer // the record that is being formatted
}

// NewOutput returns an Output that writes to w. If frames is not nil, records go there
// instead for as long as it can be written.
func NewOutput(w io.Writer, frames *Telemetry) *Output {
	return &Output{w: w, frames: frames, terminal: isTerminal(w)}
}

// Write writes lines that are not log records, such as the emulator's.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// writeJSON writes line to the log verbatim, whatever the log format.
func (o *Output) writeJSON(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frames != nil {
		err := o.frames.write(frameJSON, slog.LevelInfo, time.Now(), line)
		if err == nil {
			return nil
		}
		o.frames = nil
	}
	_, err := o.w.Write(append(line, '\n'))
	return err
}
