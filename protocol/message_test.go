package protocol_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"lambda-r-runtime/protocol"
)

// A vector is one entry of testdata/frames.json, which the tests in
// rscripts/tests read too.
type vector struct {
	Name      string   `json:"name"`
	Direction string   `json:"direction"` // to_r or from_r
	Stream    []string `json:"stream"`    // the bytes, in parts: hex:… or text:…

	// A good stream is one message: its control frame's JSON, and its payload
	// where the type has one.
	Message    json.RawMessage `json:"message"`
	PayloadHex *string         `json:"payload_hex"`
	DecodedHex *string         `json:"decoded_hex"` // of an invoke whose event is decoded

	// A bad stream has an error: end (of the stream), violation,
	// frame_too_large, or stop (an R error). Its text contains Reason.
	Error        string `json:"error"`
	Reason       string `json:"reason"`
	PayloadLimit int    `json:"payload_limit"` // the reader's limit; if 0, MaxPayload
}

func readVectors(t testing.TB, direction string) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, chosen []vector
	if err := strict(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Direction == direction {
			chosen = append(chosen, v)
		}
	}
	if len(chosen) == 0 {
		t.Fatalf("no vector of direction %s", direction)
	}
	return chosen
}

// strict decodes JSON and rejects fields that v does not have.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	var stream []byte
	for _, part := range v.Stream {
		kind, body, _ := strings.Cut(part, ":")
		switch kind {
		case "text":
			stream = append(stream, body...)
		case "hex":
			stream = append(stream, unhex(t, body)...)
		default:
			t.Fatalf("part %q is neither text: nor hex:", part)
		}
	}
	return stream
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readMessage reads one message from R: a control frame and its payload.
func readMessage(r *protocol.Reader, limit int) (protocol.Reply, []byte, error) {
	reply, err := r.ReadReply()
	if err != nil {
		return reply, nil, err
	}
	var payload []byte
	switch reply.Type {
	case protocol.TypeResult:
		payload, err = r.ReadPayload(limit)
	case protocol.TypeChunk:
		payload, err = r.ReadChunk(nil)
	}
	return reply, payload, err
}

func TestReaderReadsVectors(t *testing.T) {
	for _, v := range readVectors(t, "from_r") {
		t.Run(v.Name, func(t *testing.T) {
			stream := v.bytes(t)
			for name, source := range map[string]io.Reader{
				"at once":             bytes.NewReader(stream),
				"a byte at a time":    iotest.OneByteReader(bytes.NewReader(stream)),
				"the end with a byte": iotest.DataErrReader(bytes.NewReader(stream)),
			} {
				t.Run(name, func(t *testing.T) { checkRead(t, v, protocol.NewReader(source)) })
			}
		})
	}
}

func checkRead(t *testing.T, v vector, r *protocol.Reader) {
	limit := v.PayloadLimit
	if limit == 0 {
		limit = protocol.MaxPayload
	}
	reply, payload, err := readMessage(r, limit)
	if v.Error != "" {
		checkError(t, v, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var want protocol.Reply
	if err := strict(v.Message, &want); err != nil {
		t.Fatal(err)
	}
	if reply.Size == 0 {
		t.Error("the reply's size is not set")
	}
	reply.Size = 0
	if !reflect.DeepEqual(reply, want) {
		t.Errorf("reply:\n got %+v\nwant %+v", reply, want)
	}
	if v.PayloadHex != nil && !bytes.Equal(payload, unhex(t, *v.PayloadHex)) {
		t.Errorf("payload: got %x, want %s", payload, *v.PayloadHex)
	}
	if _, err := r.ReadReply(); err != io.EOF {
		t.Errorf("after the message: %v, want io.EOF", err)
	}
}

func checkError(t *testing.T, v vector, err error) {
	t.Helper()
	kind := "another error"
	if err == nil {
		kind = "no error"
	} else if err == io.EOF {
		kind = "end"
	} else if _, ok := errors.AsType[*protocol.ProtocolError](err); ok {
		kind = "violation"
	} else if _, ok := errors.AsType[*protocol.FrameTooLargeError](err); ok {
		kind = "frame_too_large"
	}
	if kind != v.Error {
		t.Fatalf("got %s: %v; want %s", kind, err, v.Error)
	}
	if !strings.Contains(err.Error(), v.Reason) {
		t.Errorf("error %q does not say %q", err, v.Reason)
	}
	if strings.Contains(v.Reason, "cut short") && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v does not wrap io.ErrUnexpectedEOF", err)
	}
}

func TestWriterWritesVectors(t *testing.T) {
	for _, v := range readVectors(t, "to_r") {
		if v.Error != "" {
			continue // only R reads these
		}
		t.Run(v.Name, func(t *testing.T) {
			var out bytes.Buffer
			w := protocol.NewWriter(&out)
			m := typed(t, v.Message)
			var err error
			switch {
			case v.PayloadHex == nil:
				err = w.WriteMessage(m)
			case v.DecodedHex != nil:
				decoded := bytes.NewReader(unhex(t, *v.DecodedHex))
				err = w.WriteInvoke(m.(protocol.Invoke), unhex(t, *v.PayloadHex), decoded)
			default:
				err = w.WriteMessagePayload(m, unhex(t, *v.PayloadHex))
			}
			if err != nil {
				t.Fatal(err)
			}
			control, rest := cutFrame(t, out.Bytes())
			wantControl, wantRest := cutFrame(t, v.bytes(t))
			if got, want := anyJSON(t, control), anyJSON(t, v.Message); !reflect.DeepEqual(got, want) {
				t.Errorf("control frame:\n got %v\nwant %v", got, want)
			}
			if got, want := anyJSON(t, wantControl), anyJSON(t, v.Message); !reflect.DeepEqual(got, want) {
				t.Errorf("the vector's stream and its message differ:\n%v\n%v", got, want)
			}
			if !bytes.Equal(rest, wantRest) {
				t.Errorf("payload frame: got %x, want %x", rest, wantRest)
			}
		})
	}
}

// The vectors "… with every field" have every field of their type. The R tests rely on that.
func TestVectorsWithEveryField(t *testing.T) {
	vectors := readVectors(t, "to_r")
	for _, name := range []string{"invoke with every field", "restore with every field", "fork with every field", "outcome with every field"} {
		i := slices.IndexFunc(vectors, func(v vector) bool { return v.Name == name })
		if i < 0 {
			t.Fatalf("no vector %q", name)
		}
		fields := reflect.ValueOf(typed(t, vectors[i].Message))
		for n := range fields.NumField() {
			if fields.Field(n).Kind() != reflect.Func && fields.Field(n).IsZero() {
				t.Errorf("%s: %s is empty", name, fields.Type().Field(n).Name)
			}
		}
	}
}

// typed decodes the message into the type that bootstrap would send it as.
func typed(t *testing.T, message []byte) any {
	t.Helper()
	var head struct{ Type, Gone string }
	if err := json.Unmarshal(message, &head); err != nil {
		t.Fatal(err)
	}
	switch head.Type {
	case protocol.TypeHello:
		var hello protocol.Hello
		if err := strict(message, &hello); err != nil {
			t.Fatal(err)
		}
		return hello
	case protocol.TypePrime, protocol.TypeSnapshot, protocol.TypeRestore:
		var phase protocol.Phase
		if err := strict(message, &phase); err != nil {
			t.Fatal(err)
		}
		return phase
	case protocol.TypeOutcome:
		var outcome protocol.Outcome
		if err := strict(message, &outcome); err != nil {
			t.Fatal(err)
		}
		return outcome
	case protocol.TypeFork:
		var fork protocol.Fork
		if err := strict(message, &fork); err != nil {
			t.Fatal(err)
		}
		return fork
	case protocol.TypeThreads:
		var threads protocol.Threads
		if err := strict(message, &threads); err != nil {
			t.Fatal(err)
		}
		return threads
	case protocol.TypeCheck:
		return protocol.NewCheck()
	case protocol.TypeTemplate:
		var template protocol.Template
		if err := strict(message, &template); err != nil {
			t.Fatal(err)
		}
		return template
	case protocol.TypeShutdown:
		return protocol.NewShutdown()
	case protocol.TypeAck:
		if head.Gone != "" {
			return protocol.NewAck(errors.New(head.Gone))
		}
		return protocol.NewAck(nil)
	}
	var invoke protocol.Invoke
	if err := strict(message, &invoke); err != nil {
		t.Fatal(err)
	}
	return invoke
}

func anyJSON(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestErrorTexts(t *testing.T) {
	for _, test := range []struct {
		err  error
		text string
	}{
		{&protocol.HandlerError{Type: "simpleError", Message: "100%s of %d {x}"}, "simpleError: 100%s of %d {x}"},
		{&protocol.HandlerError{Type: "teapot"}, "teapot:"},
		{&protocol.ProtocolError{Reason: "why"}, "protocol violation: why"},
		{&protocol.ProtocolError{Reason: "why", Err: io.ErrUnexpectedEOF}, "protocol violation: why: unexpected EOF"},
	} {
		if text := test.err.Error(); text != test.text {
			t.Errorf("text %q, want %q", text, test.text)
		}
	}
}

func TestStackFrameText(t *testing.T) {
	for want, frame := range map[string]protocol.StackFrame{
		"f(x)":                 {Call: "f(x)"},
		"f(x) (functions.R:3)": {Call: "f(x)", File: "functions.R", Line: 3},
	} {
		if frame.String() != want {
			t.Errorf("got %q, want %q", frame, want)
		}
	}
}
