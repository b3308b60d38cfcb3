package protocol_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"lambda-r-runtime/protocol"
)

const resultOf1 = `{"type":"result","id":"1"}`

// frame returns the frame of body.
func frame[T string | []byte](body T) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// cutFrame takes the first frame off a stream and returns its body and the rest.
func cutFrame(t *testing.T, stream []byte) (body, rest []byte) {
	t.Helper()
	if len(stream) < 4 {
		t.Fatalf("no frame in %x", stream)
	}
	n := binary.BigEndian.Uint32(stream)
	if int64(n) > int64(len(stream)-4) {
		t.Fatalf("a frame of %d bytes in a stream of %d", n, len(stream))
	}
	return stream[4 : 4+n], stream[4+n:]
}

// allocated returns how many bytes act allocated.
func allocated(act func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	act()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A length is believed only as far as bytes arrive for it.
func TestLengthAloneAllocatesLittle(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream []byte
		limit  int
		most   uint64
	}{
		{"control frame over its limit", []byte{0xff, 0xff, 0xff, 0xff}, 0, 256 << 10},
		{"control frame at its limit", []byte{0x00, 0x80, 0x00, 0x00, '{'}, 0, 9 << 20},
		{"payload over its reader's limit", append(frame(resultOf1), 0x7f, 0xff, 0xff, 0xff), 6 << 20, 256 << 10},
		{"payload over every limit", append(frame(resultOf1), 0xff, 0xff, 0xff, 0xff), protocol.MaxPayload, 256 << 10},
		{"payload at its limit", append(frame(resultOf1), 0x7f, 0xff, 0xff, 0xff, '1'), protocol.MaxPayload, 9 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			size := allocated(func() {
				_, _, err = readMessage(protocol.NewReader(bytes.NewReader(test.stream)), test.limit)
			})
			if err == nil || err == io.EOF {
				t.Errorf("error is %v", err)
			}
			if size > test.most {
				t.Errorf("%d bytes were allocated, want at most %d", size, test.most)
			}
		})
	}
}

func TestDiscardStepsOverRefusedPayload(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 300<<10) // more than the reader buffers
	stream := bytes.Join([][]byte{
		frame(resultOf1), frame(large),
		frame(resultOf1), frame("2"),
	}, nil)
	r := protocol.NewReader(iotest.HalfReader(bytes.NewReader(stream)))

	_, _, err := readMessage(r, 9)
	tooLarge, ok := errors.AsType[*protocol.FrameTooLargeError](err)
	if !ok {
		t.Fatalf("error is %v, want a FrameTooLargeError", err)
	}
	if want := (protocol.FrameTooLargeError{Size: int64(len(large)), Limit: 9}); *tooLarge != want {
		t.Errorf("got %+v, want %+v", *tooLarge, want)
	}
	if err := r.Discard(tooLarge.Size); err != nil {
		t.Fatal(err)
	}
	if _, payload, err := readMessage(r, 9); err != nil || string(payload) != "2" {
		t.Errorf("after the discarded payload: %q, %v", payload, err)
	}
	if _, err := r.ReadReply(); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestDiscardOfTruncatedPayload(t *testing.T) {
	r := protocol.NewReader(strings.NewReader("abc"))
	err := r.Discard(4)
	if _, ok := errors.AsType[*protocol.ProtocolError](err); !ok || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v, want a ProtocolError of io.ErrUnexpectedEOF", err)
	}
}

func TestEOFOnlyBetweenMessages(t *testing.T) {
	var stream []byte
	whole := map[int]bool{0: true} // where a message ends
	for _, message := range [][]byte{
		frame(`{"type":"ready"}`),
		append(frame(resultOf1), frame("12345")...),
		frame(`{"type":"ready"}`),
	} {
		stream = append(stream, message...)
		whole[len(stream)] = true
	}
	for n := range len(stream) + 1 {
		r := protocol.NewReader(bytes.NewReader(stream[:n]))
		var err error
		for err == nil {
			_, _, err = readMessage(r, 100)
		}
		if whole[n] != (err == io.EOF) {
			t.Errorf("a stream that ends at byte %d: %v", n, err)
		}
	}
}

func TestReaderPassesOnOtherErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, stream := range map[string][]byte{
		"in a header": {0, 0},
		"in a body":   {0, 0, 0, 9, '{'},
	} {
		t.Run(name, func(t *testing.T) {
			source := io.MultiReader(bytes.NewReader(stream), iotest.ErrReader(broken))
			if _, err := protocol.NewReader(source).ReadReply(); err != broken {
				t.Errorf("error is %v, want %v", err, broken)
			}
		})
	}
}

func TestLargePayloadRoundTrip(t *testing.T) {
	payload := make([]byte, 5<<20+17)
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	var stream bytes.Buffer
	w := protocol.NewWriter(&stream)
	sent := protocol.Reply{Type: protocol.TypeResult, ID: "1", RMs: 12.5}
	if err := w.WriteMessagePayload(sent, payload); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteMessage(protocol.Reply{Type: protocol.TypeReady}); err != nil {
		t.Fatal(err)
	}
	r := protocol.NewReader(&stream)
	got, body, err := readMessage(r, len(payload))
	if err != nil {
		t.Fatal(err)
	}
	if got.Size = 0; !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
	if !bytes.Equal(body, payload) {
		t.Error("the payload changed on its way")
	}
	if next, err := r.ReadReply(); err != nil || next.Type != protocol.TypeReady {
		t.Errorf("next message: %+v, %v", next, err)
	}
	if n := r.Buffered(); n != 0 {
		t.Errorf("%d bytes left over", n)
	}
}

func TestBufferedCountsWhatNobodyAskedFor(t *testing.T) {
	stream := append(frame(`{"type":"ready"}`), "stray"...)
	r := protocol.NewReader(bytes.NewReader(stream))
	if _, err := r.ReadReply(); err != nil {
		t.Fatal(err)
	}
	if n := r.Buffered(); n != len("stray") {
		t.Errorf("%d bytes buffered, want %d", n, len("stray"))
	}
}

// writes counts the writes and, with err set, fails every one.
type writes struct {
	bytes.Buffer
	calls int
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	w.calls++
	if w.err != nil {
		return 0, w.err
	}
	return w.Buffer.Write(p)
}

func TestSmallMessageIsOneWrite(t *testing.T) {
	var out writes
	err := protocol.NewWriter(&out).WriteMessagePayload(protocol.Invoke{Type: protocol.TypeInvoke, ID: "1"}, []byte("{}"))
	if err != nil || out.calls != 1 {
		t.Errorf("%d writes, %v; want one", out.calls, err)
	}
}

func TestWriterErrorIsReturned(t *testing.T) {
	out := writes{err: io.ErrClosedPipe}
	w := protocol.NewWriter(&out)
	for range 2 {
		if err := w.WriteMessage(protocol.NewShutdown()); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error is %v, want %v", err, io.ErrClosedPipe)
		}
	}
	if err := w.WriteMessagePayload(protocol.Invoke{}, make([]byte, 1<<20)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("with a payload: %v, want %v", err, io.ErrClosedPipe)
	}
}

// A message that is too large is refused before any of it is written, so the
// next one is read.
func TestWriterRefusesLargeControlFrame(t *testing.T) {
	var out bytes.Buffer
	w := protocol.NewWriter(&out)
	err := w.WriteMessage(protocol.NewHello(strings.Repeat("x", protocol.MaxControl)))
	tooLarge, ok := errors.AsType[*protocol.FrameTooLargeError](err)
	if !ok || tooLarge.Limit != protocol.MaxControl || tooLarge.Size <= protocol.MaxControl {
		t.Fatalf("error is %v, want a FrameTooLargeError", err)
	}
	if err := w.WriteMessage(protocol.NewShutdown()); err != nil {
		t.Fatal(err)
	}
	if body, rest := cutFrame(t, out.Bytes()); string(body) != `{"type":"shutdown"}` || len(rest) > 0 {
		t.Errorf("written: %q", out.Bytes())
	}
}

// The chunks of a stream share one buffer, however many they are.
func TestChunksTakeOneBuffer(t *testing.T) {
	const chunks = 50
	var stream bytes.Buffer
	for range chunks {
		stream.Write(frame(make([]byte, protocol.MaxChunk)))
		stream.Write(frame("small"))
	}
	r := protocol.NewReader(&stream)
	var buf []byte
	size := allocated(func() {
		for i := range 2 * chunks {
			chunk, err := r.ReadChunk(buf)
			if err != nil {
				t.Fatal(err)
			}
			if want := []int{protocol.MaxChunk, len("small")}[i%2]; len(chunk) != want {
				t.Fatalf("chunk %d has %d bytes, want %d", i, len(chunk), want)
			}
			buf = chunk
		}
	})
	if string(buf) != "small" {
		t.Errorf("the last chunk is %q", buf)
	}
	if size > 2*protocol.MaxChunk {
		t.Errorf("%d bytes were allocated for %d chunks", size, 2*chunks)
	}
}
