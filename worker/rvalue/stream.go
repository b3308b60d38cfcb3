package rvalue

import (
	"encoding/binary"
	"io"
	"math"
)

// Types and flags of R's serialization format.
const (
	refType     = 255
	nilType     = 254
	symbolType  = 1
	pairType    = 2
	charType    = 9
	logicalType = 10
	integerType = 13
	doubleType  = 14
	textType    = 16
	listType    = 19

	isObject      = 1 << 8
	hasAttributes = 1 << 9
	hasTag        = 1 << 10
	isUTF8        = 1 << 15
)

// header begins a serialized value: XDR, version 2, written by R 4.0.0, for R 2.3.0.
const header = "X\n\x00\x00\x00\x02\x00\x04\x00\x00\x00\x02\x03\x00"

// The missing values. R's missing double is the NaN whose lower word is 1954.
const (
	naInteger = math.MinInt32
	naDouble  = 0x7FF00000000007A2
)

// bufferSize is how many bytes are written at once.
const bufferSize = 64 << 10

// A stream writes the items of the format to w, or only counts their bytes if w is nil.
type stream struct {
	w       io.Writer
	err     error
	buffer  []byte
	n       int64          // bytes written or counted
	symbols map[string]int // the names of attributes that were written, and their numbers
}

func newStream(w io.Writer) *stream {
	s := &stream{w: w, symbols: map[string]int{}}
	if w != nil {
		s.buffer = make([]byte, 0, bufferSize)
	}
	return s
}

// counting reports whether bytes are only counted.
func (s *stream) counting() bool { return s.w == nil }

// count adds n bytes and returns true, if bytes are only counted. Else it makes room for them.
func (s *stream) count(n int) bool {
	if s.w == nil {
		s.n += int64(n)
		return true
	}
	if len(s.buffer)+n > bufferSize {
		s.flush()
	}
	return false
}

func (s *stream) flush() {
	if s.err == nil && len(s.buffer) > 0 {
		var n int
		n, s.err = s.w.Write(s.buffer)
		s.n += int64(n)
	}
	s.buffer = s.buffer[:0]
}

func (s *stream) int(v int32) {
	if !s.count(4) {
		s.buffer = binary.BigEndian.AppendUint32(s.buffer, uint32(v))
	}
}

func (s *stream) truth(v bool) { s.int(int32(oneIf(v))) }

func (s *stream) double(v float64) { s.doubleBits(math.Float64bits(v)) }

func (s *stream) doubleBits(v uint64) {
	if !s.count(8) {
		s.buffer = binary.BigEndian.AppendUint64(s.buffer, v)
	}
}

// bytes writes b. It may be larger than the buffer.
func (s *stream) bytes(b []byte) {
	if s.count(len(b)) {
		return
	}
	if len(b) <= bufferSize {
		s.buffer = append(s.buffer, b...)
	} else if s.err == nil { // the buffer is empty
		var n int
		n, s.err = s.w.Write(b)
		s.n += int64(n)
	}
}

// char writes an element of a text vector.
func (s *stream) char(b []byte) {
	s.int(charType | isUTF8)
	s.int(int32(len(b)))
	s.bytes(b)
}

// naChar writes an element of a text vector that is missing.
func (s *stream) naChar() {
	s.int(charType)
	s.int(-1)
}

// vector begins a vector of n elements.
func (s *stream) vector(flags, n int) {
	s.int(int32(flags))
	s.int(int32(n))
}

// attribute begins an attribute, whose value must follow. After the last one follows end.
func (s *stream) attribute(name string) {
	s.int(pairType | hasTag)
	if i, ok := s.symbols[name]; ok {
		s.int(int32(i<<8 | refType))
		return
	}
	s.symbols[name] = len(s.symbols) + 1
	s.int(symbolType)
	s.char([]byte(name))
}

func (s *stream) end() { s.int(nilType) }

// chars writes a text vector.
func (s *stream) chars(texts ...string) {
	s.vector(textType, len(texts))
	for _, text := range texts {
		s.char([]byte(text))
	}
}
