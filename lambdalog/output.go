package lambdalog

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// An Output is where all log lines go. It is safe for concurrent use. If it writes to a file, it
// never waits long for a reader: lines that the reader does not take are dropped, and the next
// record says how many.
type Output struct {
	// Tail, if not nil, is called with the lines that were logged for an invocation. Set it
	// before the first use.
	Tail func(requestID string, lines []byte)

	mu       sync.Mutex
	w        io.Writer
	terminal bool
	frames   *Telemetry   // nil: records go to w
	dropped  int          // lines that were lost since the last record
	buf      bytes.Buffer // the record that is being formatted
}

// NewOutput returns an Output that writes to w. If frames is not nil, records go there
// instead for as long as it can be written.
func NewOutput(w io.Writer, frames *Telemetry) *Output {
	o := &Output{w: w, frames: frames, terminal: IsTerminal(w)}
	if f, ok := w.(*os.File); ok {
		o.w = newSpool(f)
	}
	return o
}

// Close waits a moment for the reader of the log. Lines can be written afterwards.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	if o.frames != nil {
		err = closeSpool(o.frames.w)
	}
	return errors.Join(err, closeSpool(o.w))
}

func closeSpool(w io.Writer) error {
	if s, ok := w.(*spool); ok {
		return s.Close()
	}
	return nil
}

// Write writes lines that are not log records, such as the emulator's.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(p), o.write(p)
}

// write writes lines to w, or counts them as dropped.
func (o *Output) write(p []byte) error {
	_, err := o.w.Write(p)
	return o.count(err)
}

// count counts a line whose error is errDropped, and returns other errors.
func (o *Output) count(err error) error {
	if errors.Is(err, errDropped) {
		o.dropped++
		return nil
	}
	return err
}

// loss returns a record of the lines that were dropped, if there are any and it will not be
// dropped itself. It counts them from zero again.
func (o *Output) loss(at time.Time) (slog.Record, bool) {
	w := o.w
	if o.frames != nil {
		w = o.frames.w
	}
	if s, ok := w.(*spool); o.dropped == 0 || ok && !s.hasRoom() {
		return slog.Record{}, false
	}
	r := slog.NewRecord(at, slog.LevelWarn, "log lines dropped, because nothing read the log", 0)
	r.AddAttrs(slog.Int("lines", o.dropped))
	o.dropped = 0
	return r, true
}

// writeJSON writes line, a JSON object, to the log unchanged, whatever the log format. The id of
// its invocation may be empty.
func (o *Output) writeJSON(line []byte, level slog.Level, id string) error {
	line = escapeJSON(line)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.Tail != nil && id != "" {
		o.Tail(id, append(line[:len(line):len(line)], '\n'))
	}
	if o.frames != nil {
		err := o.count(o.frames.write(frameJSON, level, time.Now(), line))
		if err == nil {
			return nil
		}
		o.frames = nil
	}
	return o.write(append(line[:len(line):len(line)], '\n'))
}
