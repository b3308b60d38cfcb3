package worker

import (
	"bytes"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
)

func init() {
	roles["answer with an error"] = func(f *fake) {
		f.Start()
		for {
			id, _ := f.Next()
			f.Send(protocol.Reply{Type: protocol.TypeError, ID: id, Error: &protocol.HandlerError{
				Type: "simpleError", Message: "no", Stack: []protocol.StackFrame{{Call: "parity()", File: "functions.R", Line: 3}},
			}})
		}
	}
	roles["log"] = func(f *fake) {
		f.Hello()
		f.Log("", "warn", "while loading", "library(x)")
		f.Ready()
		for {
			id, _ := f.Next()
			for _, level := range []string{"trace", "debug", "info", "warn", "error", "fatal", "unheard-of"} {
				f.Log(id, level, level+" of "+id, "parity(4)")
			}
			f.Result(id, nil)
		}
	}
	roles["times its load"] = func(f *fake) {
		f.Hello()
		f.LogRecord(protocol.Record{Level: "info", Message: "timed", Call: "library(x)", Load: &protocol.TimedLoad{Ms: 12.5, At: "app.R:1"}})
		f.Ready()
		f.Next()
	}
	roles["a byte at a time"] = func(f *fake) {
		f.Start()
		for {
			id, event := f.Next()
			for _, b := range []byte(resultBytes(id, string(event))) {
				f.Raw(string([]byte{b}))
			}
		}
	}
}

func TestReady(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	if got := w.Info(); got.RVersion != "4.2.2" || !slices.Equal(got.Required, []string{"number"}) {
		t.Errorf("got %+v", got)
	}
	if err := w.Err(); err != nil {
		t.Errorf("a live worker has the error %v", err)
	}
}

func TestThousandInvocations(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	for i := range 1000 {
		id := strconv.Itoa(i)
		echo(t, w, id, `{"nonce":`+id+`}`)
	}
}

func TestPayloadSizes(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	for _, size := range []int{0, 1, 4091, 4092, 4096, 1 << 16, 1<<16 + 1, 6 << 20, 0} {
		echo(t, w, strconv.Itoa(size), strings.Repeat("x", size))
	}
}

func TestByteAtATime(t *testing.T) {
	w, _ := spawnFake(t, "a byte at a time")
	for i := range 3 {
		echo(t, w, strconv.Itoa(i), `{"number":4}`)
	}
}

// A result over the limit is dropped, and the worker lives on. The time that R spent on it is
// known.
func TestResultTooLarge(t *testing.T) {
	c := newConfig(t, "echo", newLogbook())
	c.MaxResult = 100
	w := spawn(t, c)
	for _, size := range []int{101, 1 << 16, 6 << 20} {
		got, err := w.Invoke(newInvoke("large"), make([]byte, size), toNowhere)
		want := protocol.Answer{
			TooLarge: &protocol.FrameTooLargeError{Size: int64(size), Limit: 100},
			RTime:    1500 * time.Microsecond, // as the fake reports it
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if answer, err := w.Invoke(newInvoke("at the limit"), make([]byte, 100), toNowhere); err != nil || len(answer.Payload) != 100 {
			t.Errorf("after it: %d bytes, %v", len(answer.Payload), err)
		}
	}
}

func TestErrorOfHandler(t *testing.T) {
	w, _ := spawnFake(t, "answer with an error")
	for i := range 3 {
		_, err := invoke(w, strconv.Itoa(i), "{}")
		e := errorAs[*protocol.HandlerError](t, err)
		if e.Type != "simpleError" || e.Message != "no" || len(e.Stack) != 1 || e.Stack[0].String() != "parity() (functions.R:3)" {
			t.Errorf("got %+v", e)
		}
	}
	if err := w.Err(); err != nil {
		t.Errorf("the worker is of no use any more: %v", err)
	}
}

func TestLogRecords(t *testing.T) {
	w, book := spawnFake(t, "log")
	want := record{Level: "WARN", Msg: "while loading", Call: "library(x)"}
	if got := book.waitFor(t, "while loading"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, id := range []string{"first", "second"} {
		if _, err := invoke(w, id, ""); err != nil {
			t.Fatal(err)
		}
		for level, want := range map[string]string{"debug": "DEBUG", "fatal": "ERROR+4", "info": "INFO", "warn": "WARN", "error": "ERROR", "unheard-of": "INFO"} {
			message := level + " of " + id
			want := record{Level: want, Msg: message, Call: "parity(4)", RequestID: id}
			if got := book.waitFor(t, message); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	}
}

// A record goes to OnRecord as R sent it, and its load time to the log.
func TestOnRecord(t *testing.T) {
	var got []protocol.Record
	var log bytes.Buffer
	c := newConfig(t, "times its load", newLogbook())
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	c.OnRecord = func(r protocol.Record) { got = append(got, r) }
	spawn(t, c)
	want := protocol.Record{Level: "info", Message: "timed", Call: "library(x)", Load: &protocol.TimedLoad{Ms: 12.5, At: "app.R:1"}}
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !strings.Contains(log.String(), "call=library(x) at=app.R:1 took_ms=12.5") {
		t.Errorf("logged %s", &log)
	}
}
