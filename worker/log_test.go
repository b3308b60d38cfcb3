package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/worker/process"
)

func init() {
	roles["prints when interrupted"] = func(f *fake) {
		interrupts := faker.Interrupts()
		fmt.Println("before hello")
		f.Hello()
		fmt.Print("before ready, unfinished")
		f.Ready()
		for range 2 {
			id, _ := f.Next()
			f.Result(id, nil)
			<-interrupts
			fmt.Fprintln(os.Stderr, "between")
		}
		f.Next()
	}
	roles["floods"] = func(f *fake) {
		f.Start()
		for {
			id, _ := f.Next()
			piece := []byte(strings.Repeat("x", 1<<20))
			for range floodSize >> 20 {
				os.Stdout.Write(piece)
				os.Stderr.Write(piece)
			}
			f.Result(id, nil)
		}
	}
	roles["prints and dies"] = func(f *fake) {
		f.Start()
		_, event := f.Next()
		os.Stderr.Write(event)
		os.Exit(3)
	}
	roles["prints and dies loading"] = func(f *fake) {
		f.Hello()
		fmt.Fprint(os.Stderr, "Error: no such thing\nunfinished")
		os.Exit(3)
	}
}

// printEvent returns the event that makes the role print write to its outputs.
func printEvent(t *testing.T, stdout, stderr string) string {
	t.Helper()
	event, err := json.Marshal(struct{ Stdout, Stderr []byte }{[]byte(stdout), []byte(stderr)})
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}

// of returns the lines of one stream, and fails unless every record has the request id.
func of(t *testing.T, output []record, stream, id string) []string {
	t.Helper()
	var lines []string
	for _, r := range output {
		if r.RequestID != id || r.Level != "INFO" {
			t.Errorf("got %.300v, want request id %q and level INFO", r, id)
		}
		if r.Stream == stream {
			lines = append(lines, r.Msg)
		}
	}
	return lines
}

// When Invoke returns, all output of the invocation is logged with its id.
func TestOutputOfInvocation(t *testing.T) {
	w, book := spawnFake(t, "print")
	x := strings.Repeat("x", process.MaxLine)
	for i, test := range []struct {
		name           string
		stdout, stderr string
		want, wantErr  []string
	}{
		{"nothing", "", "", nil, nil},
		{"lines", "a\nb\n", "c\nd\n", []string{"a", "b"}, []string{"c", "d"}},
		{"unfinished lines", "a\nb", "c", []string{"a", "b"}, []string{"c"}},
		{"they were ended", "a\n", "c\n", []string{"a"}, []string{"c"}},
		{"invalid UTF-8 and CR LF", "\xff\r\n", "\xfe", []string{"\uFFFD"}, []string{"\uFFFD"}},
		{"the longest line", x + "\n", "", []string{x}, nil},
		{"a longer line", x + "yz\n", x + "yz", []string{x, "yz"}, []string{x, "yz"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			book.output()
			id := strconv.Itoa(i)
			if _, err := invoke(w, id, printEvent(t, test.stdout, test.stderr)); err != nil {
				t.Fatal(err)
			}
			output := book.output()
			checkLines(t, of(t, output, "stdout", id), test.want)
			checkLines(t, of(t, output, "stderr", id), test.wantErr)
		})
	}
}

func TestOutputBelongsToItsInvocation(t *testing.T) {
	w, book := spawnFake(t, "print")
	book.output()
	for i := range 500 {
		id := strconv.Itoa(i)
		out, err := "out of "+id, "err of "+id
		if _, e := invoke(w, id, printEvent(t, out+"\n", err)); e != nil {
			t.Fatal(e)
		}
		output := book.output()
		checkLines(t, of(t, output, "stdout", id), []string{out})
		checkLines(t, of(t, output, "stderr", id), []string{err})
	}
}

func TestOutputOfNoInvocation(t *testing.T) {
	w, book := spawnFake(t, "prints when interrupted")
	if got := of(t, book.output(), "stdout", ""); !slices.Equal(got, []string{"before hello", "before ready, unfinished"}) {
		t.Errorf("while spawning: %q", got)
	}
	for _, id := range []string{"1", "2"} {
		if _, err := invoke(w, id, "{}"); err != nil {
			t.Fatal(err)
		}
		w.Interrupt()
		if r := book.waitFor(t, "between"); r.RequestID != "" || r.Stream != "stderr" {
			t.Errorf("got %+v", r)
		}
		book.output()
	}
}

const floodSize = 20 << 20 // bytes on each of stdout and stderr

func TestFlood(t *testing.T) {
	book := newLogbook()
	c := newConfig(t, "floods", book)
	w := spawn(t, c)
	if _, err := invoke(w, "1", "{}"); err != nil {
		t.Fatal(err)
	}
	output := book.output()
	for _, stream := range []string{"stdout", "stderr"} {
		var total int
		for _, line := range of(t, output, stream, "1") {
			if len(line) > process.MaxLine {
				t.Errorf("a line of %d bytes", len(line))
			}
			total += len(line)
		}
		if total != floodSize {
			t.Errorf("%s: %d bytes were logged, want %d", stream, total, floodSize)
		}
	}
}

func TestStderrTail(t *testing.T) {
	var numbered []string
	for i := range 15 {
		numbered = append(numbered, fmt.Sprint("line ", i))
	}
	report := append([]string{" *** caught segfault ***"}, numbered...)
	for _, test := range []struct {
		name         string
		stderr, want []string
	}{
		{"the last lines", numbered, numbered[5:]},
		{"of a crash the first", append([]string{"before"}, report...), report[:10]},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, _ := spawnFake(t, "prints and dies")
			_, err := invoke(w, "1", strings.Join(test.stderr, "\n"))
			e := errorAs[*ExitError](t, err)
			checkLines(t, e.StderrTail, test.want)
		})
	}
}

func TestStderrTailOfSpawn(t *testing.T) {
	_, err := Spawn(t.Context(), newConfig(t, "prints and dies loading", newLogbook()))
	e := errorAs[*ExitError](t, err)
	checkLines(t, e.StderrTail, []string{"Error: no such thing", "unfinished"})
}

// The tail has only lines of the invocation in which R died.
func TestStderrTailStartsWithInvocation(t *testing.T) {
	w, _ := spawnFake(t, "print")
	if _, err := invoke(w, "1", printEvent(t, "", "harmless\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(w, "2", printEvent(t, "", "")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitDone(t, w)
	checkLines(t, errorAs[*ExitError](t, w.Err()).StderrTail, nil)
}

// The log level drops records, but not output.
func TestLogLevel(t *testing.T) {
	book := newLogbook()
	c := newConfig(t, "log and print", book)
	c.Log = book.logger(slog.LevelError)
	w := spawn(t, c)
	if _, err := invoke(w, "1", ""); err != nil {
		t.Fatal(err)
	}
	got := book.messages()
	slices.Sort(got)
	checkLines(t, got, []string{"an error", "on stderr", "on stdout"})
}

// A record is logged after the lines that were written before it, and before those that were
// written after it. A line is written when its end is.
func TestOrderOfOutput(t *testing.T) {
	w, book := spawnFake(t, "print, log, print")
	for i := range 500 {
		book.forget()
		if _, err := invoke(w, strconv.Itoa(i), ""); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, message := range book.messages() {
			if !strings.HasPrefix(message, "frame ") { // bootstrap's own
				got = append(got, message)
			}
		}
		want := []string{"out 1", "record 1", "err 1", "record 2", "out 2 ends", "record 3", "out 3"}
		if !slices.Equal(got, want) {
			t.Fatalf("invocation %d: got %q, want %q", i, got, want)
		}
	}
}

func init() {
	roles["print, log, print"] = func(f *fake) {
		f.Start()
		for {
			id, _ := f.Next()
			fmt.Println("out 1")
			f.Log(id, "info", "record 1", "")
			fmt.Fprintln(os.Stderr, "err 1")
			fmt.Print("out 2 ")
			f.Log(id, "warn", "record 2", "")
			fmt.Println("ends")
			f.Log(id, "info", "record 3", "")
			fmt.Print("out 3")
			f.Result(id, nil)
		}
	}
}

// Every record of a tenant's invocation names the tenant, and no later one does.
func TestOutputOfTenant(t *testing.T) {
	w, book := spawnFake(t, "print, log, print")
	for _, tenant := range []string{"blue", ""} {
		book.forget()
		inv := newInvoke("1")
		inv.TenantID = tenant
		if _, err := w.Invoke(inv, nil, toNowhere); err != nil {
			t.Fatal(err)
		}
		for _, message := range []string{"out 1", "err 1", "record 1", "out 3"} {
			if r := book.waitFor(t, message); r.TenantID != tenant || r.RequestID != "1" {
				t.Errorf("got %+v, want the tenant %q", r, tenant)
			}
		}
	}
}

// A field of lambda_log() cannot replace a key that the runtime writes.
func TestFieldName(t *testing.T) {
	for name, want := range map[string]string{"rows": "rows", "time": "field_time", "requestId": "field_requestId",
		"error_type": "field_error_type", "errorMessage": "field_errorMessage", "stack_trace": "field_stack_trace",
		"_aws": "field__aws", "field_level": "field_field_level", "field_rows": "field_rows"} {
		if got := fieldName(name, nil); got != want {
			t.Errorf("%s became %s, want %s", name, got, want)
		}
	}
	own := []slog.Attr{slog.String("phase", "restore")}
	if got := fieldName("phase", own) + " " + fieldName("phase", nil); got != "field_phase phase" {
		t.Errorf("a field of the record's own name became %s", got)
	}
}

func init() {
	roles["log and print"] = func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Log(id, "info", "an info", "")
		f.Log(id, "error", "an error", "")
		fmt.Println("on stdout")
		fmt.Fprintln(os.Stderr, "on stderr")
		f.Result(id, nil)
		f.Next()
	}
}

func init() {
	roles["log of a child"] = func(f *fake) {
		f.Start()
		for {
			id, _ := f.Next()
			f.Log("earlier", "error", "from a child of "+id, "")
			f.LogRecord(protocol.Record{ID: id, Level: "info", Message: "fields", Fields: map[string]json.RawMessage{
				"list": json.RawMessage(`{"b":[1,2.50],"a":null}`), "text": json.RawMessage(`"a\nb"`), "errorType": json.RawMessage(`"forged"`),
			}})
			f.LogRecord(protocol.Record{ID: id, Line: json.RawMessage(`{"_aws": {}}`)})
			os.Stderr.WriteString(f.Tag() + "1 0 no record\n")
			f.Result(id, nil)
		}
	}
}

// A record is attributed to the invocation that it names, its fields stay JSON, and a line is
// logged as it is. A line that only looks like a record is output.
func TestRecords(t *testing.T) {
	var log bytes.Buffer
	c := newConfig(t, "log of a child", newLogbook())
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	w := spawn(t, c)
	inv := newInvoke("1")
	inv.TenantID = "blue"
	if _, err := w.Invoke(inv, nil, toNowhere); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`"time":"[^"]*",|,"pid":\d+`).ReplaceAllString(log.String(), "")
	want := `{"level":"ERROR","msg":"from a child of 1","request_id":"earlier"}
{"level":"INFO","msg":"fields","request_id":"1","tenant_id":"blue","field_errorType":"forged","list":{"b":[1,2.50],"a":null},"text":"a\nb"}
{"level":"INFO","msg":"{\"_aws\":{}}","request_id":"1","tenant_id":"blue","stream":"stdout"}
{"level":"INFO","msg":"no record","request_id":"1","tenant_id":"blue","stream":"stderr"}
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// The default layouts of log packages keep their levels.
func TestLineLevel(t *testing.T) {
	for line, want := range map[string]slog.Level{
		"":                                  slog.LevelInfo,
		"plain":                             slog.LevelInfo,
		"ERROR [2026-01-31 12:00:00] a":     slog.LevelError, // logger, futile.logger
		"WARN [2026-01-31 12:00:00 1234] a": slog.LevelWarn,  // futile.logger, parallel
		"SUCCESS [2026-01-31 12:00:00] a":   slog.LevelInfo,
		"DEBUG [2026-01-31 12:00:00.123] a": slog.LevelDebug,
		"INFO  [12:00:00.123] a":            slog.LevelInfo, // lgr
		"FATAL [12:00:00.123] a":            protocol.LevelFatal,
		"TRACE [2026-01-31T12:00:00Z] a":    protocol.LevelTrace,
		"\x1b[31mERROR\x1b[39m \x1b[90m[2026-01-31 12:00:00]\x1b[39m": slog.LevelError,
		"ERROR in f(x)":           slog.LevelInfo,
		"ERRORS [12:00:00] a":     slog.LevelInfo,
		"x ERROR [12:00:00] a":    slog.LevelInfo,
		"ERROR [of the model] a":  slog.LevelInfo,
		"WARNING [12:00:00] text": slog.LevelInfo,
	} {
		if got := lineLevel(line); got != want {
			t.Errorf("%q has level %v, want %v", line, got, want)
		}
	}
}

// R is sent the lowest level that is logged, and all of them if records are counted.
func TestLowestLevel(t *testing.T) {
	for level, want := range map[slog.Level]string{
		protocol.LevelTrace: "trace", slog.LevelInfo: "info", slog.LevelWarn: "warn", protocol.LevelFatal: "fatal", protocol.LevelFatal + 1: "fatal",
	} {
		c := Config{Log: newLogbook().logger(level)}
		if got := c.lowestLevel(); got != want {
			t.Errorf("level %v: got %s, want %s", level, got, want)
		}
		c.OnRecord = func(protocol.Record) {}
		if got := c.lowestLevel(); got != "trace" {
			t.Errorf("level %v with OnRecord: got %s", level, got)
		}
	}
}
