package protocol_test

import (
	"bytes"
	"io"
	"reflect"
	"runtime/metrics"
	"testing"

	"lambda-r-runtime/protocol"
)

// fuzzLimit is the payload limit of the fuzzed reader: small, so that inputs get
// over it.
const fuzzLimit = 64

// FuzzReader reads whatever comes as messages from R. Every error is one of three,
// what was read can be written and read again, and lengths alone allocate little.
func FuzzReader(f *testing.F) {
	for _, v := range readVectors(f, "from_r") {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		// One step of a growing buffer, and what JSON takes in memory.
		most := 10<<20 + 256*uint64(len(stream))
		before := heapAllocs()
		r := protocol.NewReader(bytes.NewReader(stream))
		for fuzzMessage(t, r) {
		}
		if size := heapAllocs() - before; size > most {
			t.Errorf("%d bytes were allocated for a stream of %d", size, len(stream))
		}
	})
}

// fuzzMessage reads one message and reports whether another may follow. It looks at
// the error's own type: a violation may wrap a FrameTooLargeError.
func fuzzMessage(t *testing.T, r *protocol.Reader) bool {
	reply, payload, err := readMessage(r, fuzzLimit)
	if large, ok := err.(*protocol.FrameTooLargeError); ok {
		if large.Size <= fuzzLimit || large.Limit != fuzzLimit {
			t.Fatalf("refused: %+v", *large)
		}
		err = r.Discard(large.Size)
	} else if err == nil {
		checkAgain(t, reply, payload)
	}
	if _, ok := err.(*protocol.ProtocolError); err != nil && err != io.EOF && !ok {
		t.Fatalf("error of type %T: %v", err, err)
	}
	return err == nil
}

// checkAgain writes what was read, and reads it again.
func checkAgain(t *testing.T, reply protocol.Reply, payload []byte) {
	t.Helper()
	limit := fuzzLimit
	if reply.Type == protocol.TypeChunk {
		limit = protocol.MaxChunk
	}
	if len(payload) > limit {
		t.Fatalf("a payload of %d bytes is over the limit of %d", len(payload), limit)
	}
	var stream bytes.Buffer
	w := protocol.NewWriter(&stream)
	var err error
	if reply.Type == protocol.TypeResult || reply.Type == protocol.TypeChunk {
		err = w.WriteMessagePayload(reply, payload)
	} else {
		err = w.WriteMessage(reply)
	}
	if err != nil {
		t.Fatalf("cannot be written again: %v", err)
	}
	again, body, err := readMessage(protocol.NewReader(&stream), fuzzLimit)
	if err != nil {
		t.Fatalf("cannot be read again: %v", err)
	}
	again.Size = reply.Size // escapes are written in another way
	if !reflect.DeepEqual(again, reply) {
		t.Errorf("read again:\n got %+v\nwant %+v", again, reply)
	}
	if !bytes.Equal(body, payload) {
		t.Errorf("payload read again: got %x, want %x", body, payload)
	}
}

// heapAllocs returns how many bytes were allocated so far. Unlike ReadMemStats it
// does not stop the world for every input.
func heapAllocs() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
