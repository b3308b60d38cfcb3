package rvalue

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestRandomTables(t *testing.T) {
	if testing.Short() {
		t.Skip("needs R")
	}
	cmd := exec.Command("Rscript", "--vanilla", "testdata/tables.R", strconv.Itoa(*documents), strconv.FormatUint(*seed, 10))
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "LANGUAGE=en", "TZ=UTC")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	frame := func() []byte {
		n := binary.BigEndian.Uint32(out)
		body := out[4 : 4+n]
		out = out[4+n:]
		return body
	}
	results, tables := 0, 0
	for len(out) > 0 {
		want, payload := frame(), frame()
		results++
		if len(payload) == 0 {
			continue
		}
		tables++
		got, size, err := EncodeRows(payload, 1<<20)
		if err != nil || !bytes.Equal(got, want) || size != int64(len(want)) {
			t.Fatalf("%v, %d bytes:\n got %.1000s\nwant %.1000s", err, size, got, want)
		}
		if got, size, err := EncodeRows(payload, len(want)-1); err != nil || got != nil || size != int64(len(want)) {
			t.Fatalf("over the limit: %v, %d of %d bytes, %s", err, size, len(want), got)
		}
	}
	if results < *documents/2 || tables < results/2 {
		t.Errorf("%d results, %d with tables, of %d", results, tables, *documents)
	}
}

// A payload of any bytes is refused, or has an encoding: R's user code can write to its pipe.
func FuzzEncodeRows(f *testing.F) {
	var b bytes.Buffer
	s := newStream(&b)
	s.bytes([]byte(header))
	s.vector(listType, 2)
	s.chars("{\"rows\":")
	s.vector(listType, 3)
	s.chars(`"a"`, `"b"`, `"c"`)
	s.chars("", "date", "")
	s.vector(listType, 3)
	s.vector(integerType, 2)
	s.int(1)
	s.int(naInteger)
	s.vector(doubleType, 2)
	s.double(19000)
	s.doubleBits(naDouble)
	s.vector(textType, 2)
	s.char([]byte("</"))
	s.naChar()
	s.flush()
	f.Add(b.Bytes())
	json, _, err := EncodeRows(b.Bytes(), 1<<20)
	if want := `{"rows":[{"a":1,"b":"2022-01-08","c":"<\/"},{"a":null,"b":null,"c":null}]`; err != nil || string(json) != want {
		f.Fatalf("%v, %s, want %s", err, json, want)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		json, size, err := EncodeRows(payload, 1<<10)
		if err == nil && json != nil && int64(len(json)) != size {
			t.Errorf("%d bytes, size %d", len(json), size)
		}
	})
}

func TestPayloadsThatAreRefused(t *testing.T) {
	for _, payload := range []string{
		"", "X", header, header + "\x00\x00\x00\xfe", header + "\x00\x00\x00\x13\x7f\xff\xff\xff", header + "\x00\x00\x00\x13\xff\xff\xff\xff",
		header + "\x00\x00\x00\x10\x7f\xff\xff\xff", header + "\x00\x00\x00\x13\x00\x00\x00\x01\x00\x00\x00\x06",
		header + strings.Repeat("\x00\x00\x00\x13\x00\x00\x00\x01", 100_000), "A\n\x00\x00\x00\x02" + header[6:],
	} {
		if json, _, err := EncodeRows([]byte(payload), 1<<20); err == nil {
			t.Errorf("%.40q: got %s, want an error", payload, json)
		}
	}
}

func TestAppendDouble(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1.5: "-1.5", 0.1: "0.1", 1e15: "1000000000000000", 1 << 53: "9007199254740992", 1<<53 + 2: "9.00719925474099e+15",
		1e-4: "0.0001", 1e-5: "1e-05", 0.00012345: "0.00012345", 1e22: "1e+22", 1e300: "1e+300", 5e-324: "4.94065645841247e-324",
		99999999999999.95: "100000000000000", 9999999999999.95: "9999999999999.95", 1.0 / 3: "0.333333333333333", 123456.789: "123456.789",
	} {
		if got := string(appendDouble(nil, v)); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
	if got := string(appendDouble(nil, math.Copysign(0, -1))); got != "-0" {
		t.Errorf("got %s, want -0", got)
	}
}
