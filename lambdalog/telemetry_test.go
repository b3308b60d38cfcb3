package lambdalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A frame is one record of the telemetry log.
type frame struct {
	kind   uint32
	at     time.Time
	record string
}

// readFrame reads the next frame; an error is that of the reader.
func readFrame(r io.Reader) (frame, error) {
	var header struct {
		Kind, Size uint32
		Micros     uint64
	}
	if err := binary.Read(r, binary.BigEndian, &header); err != nil {
		return frame{}, err
	}
	record := make([]byte, header.Size)
	_, err := io.ReadFull(r, record)
	return frame{header.Kind, time.UnixMicro(int64(header.Micros)), string(record)}, err
}

// A frame has exactly these bytes.
func TestFrameBytes(t *testing.T) {
	var b bytes.Buffer
	at := time.UnixMicro(0x0102030405060708)
	if err := (&Telemetry{&b}).write(frameText, slog.LevelWarn, at, []byte("a\nb")); err != nil {
		t.Fatal(err)
	}
	if want := "\xa5\x5a\x00\x13\x00\x00\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08a\nb"; b.String() != want {
		t.Errorf("got %x, want %x", &b, want)
	}
}

// Each record is one frame, whose type has its format and its level.
func TestFramesOfALogger(t *testing.T) {
	report := &runtimeapi.ErrorReport{Type: "simpleError", Message: "no\nway\x1b", Stack: []runtimeapi.StackFrame{{Label: "f()"}}}
	for format, want := range map[string]struct {
		kind  uint32
		error string
	}{
		"JSON": {0xa55a0002, `"errorType":"simpleError","errorMessage":"no\nway\u001b","stackTrace":["f()"]}`},
		"Text": {0xa55a0003, "ERR failed: simpleError: no request_id=id\nway\\x1b\n  1: f()"},
	} {
		t.Run(format, func(t *testing.T) {
			var frames, stdout bytes.Buffer
			log := New(NewOutput(&stdout, &Telemetry{&frames}), Options{Level: protocol.LevelTrace, JSON: format == "JSON"})
			for _, level := range []slog.Level{protocol.LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, protocol.LevelFatal} {
				log.Log(t.Context(), level, "hello")
			}
			log.Error("failed", "request_id", "id", report.Attr())
			began := time.Now().Add(-time.Minute)
			for _, level := range []uint32{0x4, 0x8, 0xc, 0x10, 0x14, 0x18} {
				got, err := readFrame(&frames)
				if err != nil || got.kind != want.kind|level || got.at.Before(began) || !strings.Contains(got.record, "hello") {
					t.Errorf("got %x %q, %v; want %x", got.kind, got.record, err, want.kind|level)
				}
			}
			if got, err := readFrame(&frames); err != nil || !strings.HasSuffix(got.record, want.error) {
				t.Errorf("got %q, %v; want %q", got.record, err, want.error)
			}
			if stdout.Len() != 0 || frames.Len() != 0 {
				t.Errorf("left over: %q and %q", &stdout, &frames)
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 3, errors.New("broken pipe") }

// If the telemetry log fails, the log and the reason go to standard output.
func TestBrokenTelemetryLog(t *testing.T) {
	for format, want := range map[string]string{
		"JSON": `"error":"broken pipe"`,
		"Text": `error="broken pipe"`,
	} {
		var stdout bytes.Buffer
		out := NewOutput(&stdout, &Telemetry{brokenWriter{}})
		log := New(out, Options{JSON: format == "JSON"})
		log.Info("first")
		log.Info("second")
		if err := out.writeJSON([]byte(`{"third":3}`), slog.LevelInfo, ""); err != nil {
			t.Error(err)
		}
		lines := strings.Split(stdout.String(), "\n")
		if len(lines) != 5 || !strings.Contains(lines[0], want) || !strings.Contains(lines[1], "first") ||
			!strings.Contains(lines[2], "second") || lines[3] != `{"third":3}` {
			t.Errorf("%s: got\n%s", format, &stdout)
		}
	}
}

func TestOpenTelemetryLog(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// A duplicate, because os.NewFile takes ownership of the descriptor.
	fd, err := unix.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	log, err := OpenTelemetry(strconv.Itoa(fd))
	if err != nil {
		t.Fatal(err)
	}
	defer log.w.(*spool).w.(*os.File).Close()
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %x, %v: R would inherit the descriptor", flags, err)
	}
	if log, err := OpenTelemetry(""); log != nil || err != nil {
		t.Errorf("without a value: %v, %v", log, err)
	}
	events, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(events)
	for _, value := range []string{"x", "-1", "3.5", "99999", fmt.Sprint(r.Fd()), fmt.Sprint(events)} {
		if log, err := OpenTelemetry(value); log != nil || err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("%q: got %v, %v; want an error", value, log, err)
		}
	}
}
