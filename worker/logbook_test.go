package worker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/test/kit/board"
)

// A record is a log record.
type record struct {
	Level, Msg, Stream, Call string
	RequestID                string `json:"request_id"`
	TenantID                 string `json:"tenant_id"`
	Phase                    string
	FieldPhase               string `json:"field_phase"`
}

// A logbook keeps what was logged.
type logbook struct {
	board   board.Board
	records []record
	hook    func(record) // called with each
}

func newLogbook() *logbook { return &logbook{} }

// logger returns a logger that writes records of at least level into the book.
func (b *logbook) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}))
}

func (b *logbook) Write(line []byte) (int, error) {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return 0, err
	}
	var hook func(record)
	b.board.Update(func() {
		b.records = append(b.records, r)
		hook = b.hook
	})
	if hook != nil {
		hook(r)
	}
	return len(line), nil
}

func (b *logbook) onRecord(hook func(record)) {
	b.board.Lock()
	defer b.board.Unlock()
	b.hook = hook
}

// output returns the lines of stdout and stderr in order, and forgets everything.
func (b *logbook) output() []record {
	b.board.Lock()
	defer b.board.Unlock()
	lines := slices.DeleteFunc(b.records, func(r record) bool { return r.Stream == "" })
	b.records = nil
	return lines
}

func (b *logbook) forget() {
	b.board.Lock()
	defer b.board.Unlock()
	b.records = nil
}

// messages returns the messages of all records.
func (b *logbook) messages() []string {
	b.board.Lock()
	defer b.board.Unlock()
	var messages []string
	for _, r := range b.records {
		messages = append(messages, r.Msg)
	}
	return messages
}

// waitFor waits until message is logged, and returns its record.
func (b *logbook) waitFor(t *testing.T, message string) record {
	t.Helper()
	var found record
	logged := func() bool {
		i := slices.IndexFunc(b.records, func(r record) bool { return r.Msg == message })
		if i >= 0 {
			found = b.records[i]
		}
		return i >= 0
	}
	if !b.board.Wait(patience, logged) {
		t.Fatalf("%q was not logged", message)
	}
	return found
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", lengths(got), lengths(want))
	}
}

// lengths shows lines, the long ones by their length.
func lengths(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 100 {
			fmt.Fprintf(&b, "(%d bytes) ", len(line))
		} else {
			fmt.Fprintf(&b, "%q ", line)
		}
	}
	return b.String()
}
