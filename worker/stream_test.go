package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

func init() {
	// Each event is the pieces of a stream. The stream continues after its caller has gone, as
	// with a handler that ignores that. It ends with an error if the last piece is "error".
	roles["stream"] = func(f *fake) {
		f.Start()
		for {
			id, event := f.Next()
			var pieces []string
			faker.Check(json.Unmarshal(event, &pieces))
			head := protocol.StreamHead{Prelude: &protocol.Prelude{StatusCode: 201, Cookies: []string{"a=1"}}}
			var failed *protocol.HandlerError
			for _, piece := range pieces {
				if piece == "error" {
					failed = &protocol.HandlerError{Type: "simpleError", Message: "no"}
					break
				}
				f.Log(id, "info", "next is "+piece, "")
				f.Chunk(id, head, []byte(piece))
				fmt.Printf("answer to %s: %s\n", piece, f.Acked())
				head = protocol.StreamHead{}
			}
			f.End(id, failed)
		}
	}
}

// A reader receives a stream.
type reader struct {
	heads  []protocol.StreamHead
	pieces []string
	write  func(piece string) error // if nil, it takes everything
}

func (s *reader) open(head protocol.StreamHead) io.Writer {
	s.heads = append(s.heads, head)
	return s
}

func (s *reader) Write(b []byte) (int, error) {
	s.pieces = append(s.pieces, string(b))
	if s.write != nil {
		return len(b), s.write(string(b))
	}
	return len(b), nil
}

func TestStream(t *testing.T) {
	w, _ := spawnFake(t, "stream")
	for _, pieces := range [][]string{{"a"}, {"a", "", strings.Repeat("x", protocol.MaxChunk), "b"}, {""}} {
		var to reader
		event, err := json.Marshal(pieces)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := invokeStream(w, "1", string(event), to.open); err != nil || got != "" {
			t.Errorf("Invoke: %.80q, %v", got, err)
		}
		want := []protocol.StreamHead{{Prelude: &protocol.Prelude{StatusCode: 201, Cookies: []string{"a=1"}}}}
		if !reflect.DeepEqual(to.heads, want) {
			t.Errorf("opened with %+v, want %+v", to.heads, want)
		}
		// Empty pieces are not written.
		if want := slices.DeleteFunc(pieces, func(p string) bool { return p == "" }); !slices.Equal(to.pieces, want) {
			t.Errorf("got %.80q, want %.80q", to.pieces, want)
		}
	}
}

// A piece is acknowledged after it was written, and not before.
func TestStreamWaitsForItsReader(t *testing.T) {
	w, book := spawnFake(t, "stream")
	to := reader{write: func(piece string) error {
		if slices.Contains(book.messages(), "answer to "+piece+": ") {
			t.Errorf("R had an answer to %s before it was written", piece)
		}
		return nil
	}}
	if _, err := invokeStream(w, "1", `["a","b","c"]`, to.open); err != nil {
		t.Fatal(err)
	}
	for _, piece := range to.pieces {
		if r := book.waitFor(t, "answer to "+piece+": "); r.RequestID != "1" {
			t.Errorf("logged as %+v", r)
		}
	}
}

// R receives the error of a caller that has gone, and the worker continues.
func TestStreamToNobody(t *testing.T) {
	w, book := spawnFake(t, "stream")
	to := reader{write: func(piece string) error {
		if piece == "a" {
			return nil
		}
		return errors.New("connection reset")
	}}
	if _, err := invokeStream(w, "1", `["a","b","c"]`, to.open); err != nil {
		t.Errorf("Invoke: %v", err)
	}
	for _, line := range []string{"answer to a: ", "answer to b: connection reset", "answer to c: connection reset"} {
		book.waitFor(t, line)
	}
	to = reader{}
	if _, err := invokeStream(w, "2", `["a"]`, to.open); err != nil || len(to.pieces) != 1 {
		t.Errorf("the next stream: %q, %v", to.pieces, err)
	}
}

func TestStreamBreaksOff(t *testing.T) {
	w, _ := spawnFake(t, "stream")
	for range 2 {
		var to reader
		_, err := invokeStream(w, "1", `["a","error"]`, to.open)
		if e := errorAs[*protocol.HandlerError](t, err); e.Message != "no" || !slices.Equal(to.pieces, []string{"a"}) {
			t.Errorf("got %+v after %q", e, to.pieces)
		}
	}
}

// If R is interrupted while it waits for a slow reader, it still reads the ack, and then reports
// where it was. So the pipes stay in step.
func TestRealRIsInterruptedInAStream(t *testing.T) {
	w, _ := spawnR(t)
	for range 3 {
		to := reader{write: func(string) error {
			w.Interrupt()
			return nil
		}}
		_, err := invokeStream(w, "1", `{"what": "streams", "n": 1000000}`, to.open)
		e := errorAs[*protocol.HandlerError](t, err)
		if e.Type != "Runtime.Interrupted" || len(e.Stack) == 0 {
			t.Fatalf("got %+v", e)
		}
		if last := e.Stack[len(e.Stack)-1].String(); !strings.Contains(last, "functions.R:") {
			t.Errorf("it was in %s", last)
		}
		to = reader{}
		if _, err := invokeStream(w, "2", `{"what": "streams", "n": 3}`, to.open); err != nil || strings.Join(to.pieces, "") != "123" {
			t.Fatalf("the next stream: %q, %v", to.pieces, err)
		}
	}
}

// Neither closed connections nor output in user code end a stream.
func TestRealRStreamSurvivesItsHandler(t *testing.T) {
	w, book := spawnR(t)
	var to reader
	if _, err := invokeStream(w, "1", `{"what": "rough_stream"}`, to.open); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(to.pieces, " "), "a b c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []protocol.StreamHead{{ContentType: "text/plain; charset=utf-8"}}; !reflect.DeepEqual(to.heads, want) {
		t.Errorf("opened with %+v", to.heads)
	}
	if r := book.waitFor(t, "printed"); r.RequestID != "1" {
		t.Errorf("logged as %+v", r)
	}
	echoed, err := invoke(w, "2", `{"what": "parity", "number": 4}`)
	if err != nil || echoed != `{"parity":"even"}` {
		t.Errorf("the next invocation: %s, %v", echoed, err)
	}
}
