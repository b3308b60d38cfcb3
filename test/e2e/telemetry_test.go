package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// readFrame reads the next frame of a telemetry log and returns its kind and its record.
func readFrame(r io.Reader) (kind uint32, text string, err error) {
	var header struct {
		Kind, Size uint32
		Micros     uint64
	}
	if err := binary.Read(r, binary.BigEndian, &header); err != nil {
		return 0, "", err
	}
	record := make([]byte, header.Size)
	_, err = io.ReadFull(r, record)
	return header.Kind, string(record), err
}

// firstLine matches the end of a text record's first line.
var firstLine = regexp.MustCompile(` slot=.*\n?`)

// With a real R, the records of an invocation arrive in order and with all their lines, and not on
// standard output. R does not inherit the descriptor.
func TestTelemetryLogOfR(t *testing.T) {
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", w.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			rec := newRecorder(t, 10*time.Second, nil)
			p := startWith(t, []*os.File{w}, "", rec.Env("faults.run", "_LAMBDA_TELEMETRY_LOG_FD=3", "AWS_LAMBDA_LOG_FORMAT="+format))
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f := function{t, rec.URL}
			a := f.invoke(call("tells", `{}`))
			id := a.Header.Get("X-Amzn-Requestid")
			texts := []string{"a line", "and another", "a message\nof two lines", "an error\nof two lines"}
			for i, level := range []uint32{0xc, 0xc, 0xc, 0x14} {
				gotKind, got, err := readFrame(r)
				if err != nil {
					t.Fatalf("%v; bootstrap printed:\n%s", err, p.output())
				}
				kind, text := uint32(0xa55a0003), firstLine.ReplaceAllString(got, "\n")
				if format == "JSON" {
					var record struct{ RequestID, Message, ErrorMessage string }
					if err := json.Unmarshal([]byte(got), &record); err != nil {
						t.Fatalf("%v in %s", err, got)
					}
					kind, text = 0xa55a0002, record.Message+record.ErrorMessage
				}
				if gotKind != kind|level || !strings.Contains(text, texts[i]) || !strings.Contains(got, id) {
					t.Errorf("record %d: got %x %q, want %x %q of %s", i, gotKind, got, kind|level, texts[i], id)
				}
			}
			var open struct {
				Named string
				Open  []string
			}
			if err := json.Unmarshal([]byte(f.result(call("descriptors", `{}`))), &open); err != nil {
				t.Fatal(err)
			}
			if open.Named != "" || len(open.Open) == 0 || slices.Contains(open.Open, link) {
				t.Errorf("R sees %+v, and the log is %s", open, link)
			}
			if p.output() != "" {
				t.Errorf("printed:\n%s", p.output())
			}
		})
	}
}

// An unusable descriptor is not fatal: the log goes to standard output.
func TestTelemetryLogThatIsNone(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p := start(t, "", rec.Env("faults.run", "_LAMBDA_TELEMETRY_LOG_FD=77"))
	if got := (function{t, rec.URL}).result(call("echo", `{"event": 1}`)); got != "1" {
		t.Errorf("got %s", got)
	}
	p.waitFor(`WRN telemetry log not available, logging to standard output error="_LAMBDA_TELEMETRY_LOG_FD=\\"77\\": `)
}
