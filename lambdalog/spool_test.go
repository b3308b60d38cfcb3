package lambdalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// logPipe returns an Output that writes to a pipe, and the pipe's other end.
func logPipe(t *testing.T) (*Output, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		r.Close()
	})
	return NewOutput(w, nil), r
}

// A log that nobody reads takes what fits, and then counts. When it is read again, the lines that
// were kept arrive in order, and then the count.
func TestNobodyReads(t *testing.T) {
	for name, options := range map[string]Options{"text": {}, "JSON": {JSON: true}} {
		t.Run(name, func(t *testing.T) {
			out, r := logPipe(t)
			log := New(out, options)
			line := strings.Repeat("x", 1000)
			const n = 3000 // more than the pipe and the spool hold
			for i := range n {
				log.Info(line, "i", i)
			}
			read := make(chan []byte)
			go func() { // the test waits for read
				text, _ := io.ReadAll(r) // ends when the pipe is closed below
				read <- text
			}()
			for out.Close() != nil { // waits a moment each time
			}
			log.Info("after")
			for out.Close() != nil {
			}
			out.w.(*spool).w.(*os.File).Close()
			lines := strings.Split(strings.TrimSpace(string(<-read)), "\n")
			kept := len(lines) - 2
			if kept < 900 || kept >= n || !strings.Contains(lines[kept+1], "after") {
				t.Fatalf("%d lines arrived, the last is %s", len(lines), lines[len(lines)-1])
			}
			if note := lines[kept]; !strings.Contains(note, "log lines dropped") || !strings.Contains(note, itoa(n-kept)) {
				t.Errorf("got %s, want the count %d", note, n-kept)
			}
		})
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n) // a number cannot fail
	return string(b)
}

// While the log is read, no line is lost, however many there are, and Write returns when its line
// can be read.
func TestEverythingIsRead(t *testing.T) {
	out, r := logPipe(t)
	out.w.(*spool).roomWait = time.Minute // the machine may be busy
	read := make(chan int)
	go func() { // the test waits for read
		n := 0
		for b := make([]byte, 4096); ; {
			got, err := r.Read(b)
			n += bytes.Count(b[:got], []byte("\n"))
			if err != nil {
				read <- n
				return
			}
		}
	}()
	const n = 5000
	for range n {
		if _, err := out.Write([]byte(strings.Repeat("x", 2000) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	for out.Close() != nil { // waits a moment each time
	}
	out.w.(*spool).w.(*os.File).Close()
	if got := <-read; got+out.dropped != n || out.dropped > 0 {
		t.Errorf("%d of %d lines arrived, %d were dropped", got, n, out.dropped)
	}
}

// A slow reader slows down writers, and no line is lost: there is room again after a read
// minRead bytes.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		out := newSpool(w)
		dropped := 0
		var written atomic.Bool
		go func() { // synctest.Test waits for it
			for range (spoolSize + 4*minRead) / 1024 {
				if _, err := out.Write([]byte(strings.Repeat("x", 1023) + "\n")); err != nil {
					dropped++
				}
			}
			written.Store(true)
		}()
		time.Sleep(lineWait) // in fake time: now no line waits to be written
		synctest.Wait()
		read := 0
		for b := make([]byte, 4096); !written.Load(); synctest.Wait() {
			n, err := r.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			read += n
		}
		if dropped > 0 || read > 8*minRead {
			t.Errorf("%d lines were dropped, %d bytes had to be read", dropped, read)
		}
		go func() { _, _ = io.Copy(io.Discard, r) }() // ends when the pipe is closed below
		for out.Close() != nil {                      // waits a moment each time
		}
		w.Close()
	})
}

// An error of the file is returned, so that the telemetry log can be given up.
func TestErrorOfTheFile(t *testing.T) {
	out, r := logPipe(t)
	r.Close()
	if _, err := out.Write([]byte("x\n")); err == nil || errors.Is(err, errDropped) {
		t.Errorf("error is %v, want that of the pipe", err)
	}
}

// A printed JSON object goes to the log unchanged, in both formats, with the level that it names in
// the telemetry log. Other lines do not.
func TestPrintedJSON(t *testing.T) {
	for _, options := range []Options{{}, {JSON: true}, {Level: slog.LevelError}} {
		var b, tail bytes.Buffer
		out := NewOutput(&b, nil)
		out.Tail = func(_ string, line []byte) { tail.Write(line) }
		print := func(line string) {
			r := slog.Record{Message: line, Level: slog.LevelInfo}
			r.AddAttrs(slog.String("request_id", "id"), slog.String("stream", "stdout"))
			if err := New(out, options).Handler().Handle(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		lines := []string{`{"_aws": {"Timestamp": 1}, "n": 1.50}`, ` {"level":"WARN"} `, `{}`}
		for _, line := range lines {
			print(line)
		}
		if want := strings.Join(lines, "\n") + "\n"; b.String() != want || tail.String() != want {
			t.Errorf("%+v: got\n%s\nwant\n%s", options, &b, want)
		}
		for _, line := range []string{`{"a":1`, `{a}`, `[1]`, `"x"`, `{"a":1}{"b":2}`, `x {"a":1}`} {
			b.Reset()
			print(line)
			if strings.HasPrefix(b.String(), line) {
				t.Errorf("%+v: %s went through", options, line)
			}
		}
	}
}

// A record whose message is JSON is a record: only printed lines go through.
func TestLoggedJSON(t *testing.T) {
	var b bytes.Buffer
	New(NewOutput(&b, nil), Options{JSON: true}).Info(`{"level":"FATAL"}`)
	if !strings.Contains(b.String(), `"message":"{\"level\":\"FATAL\"}"`) {
		t.Errorf("got %s", &b)
	}
}

// C1 controls, line separators and characters that change the direction of text are escaped
// everywhere: in the message, in fields and their names, in errors and in printed JSON.
func TestUnsafeCharacters(t *testing.T) {
	unsafe := "\u0080 \u009b31m \u0085 \u061c \u200e \u202a \u202e \u2028 \u2029 \u2066 \u2069 \x7f end"
	for _, options := range []Options{{}, {JSON: true}} {
		var b bytes.Buffer
		out := NewOutput(&b, nil)
		New(out, options).Info("m"+unsafe, "field"+unsafe, "v"+unsafe, "\x7f", "\x7f")
		if err := out.writeJSON([]byte(`{"k`+unsafe+`":"`+unsafe+`"}`), slog.LevelInfo, ""); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.ReplaceAll(b.String(), "\n", "") {
			if isUnsafe(r) {
				t.Errorf("%+v: %q in %q", options, r, &b)
				break
			}
		}
		for line := range strings.Lines(b.String()) {
			if options.JSON && !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %q", line)
			}
		}
	}
	text := "größe € 😀 العربية\tעברית"
	if got := escapeControls(text); got != text {
		t.Errorf("got %q", got)
	}
	if got := string(escapeJSON([]byte(text))); got != text {
		t.Errorf("got %q", got)
	}
	var decoded string
	if err := json.Unmarshal(escapeJSON([]byte(`"`+"a\u202eb\u009bc\x7f"+`"`)), &decoded); err != nil || decoded != "a\u202eb\u009bc\x7f" {
		t.Errorf("got %q, %v", decoded, err)
	}
}
