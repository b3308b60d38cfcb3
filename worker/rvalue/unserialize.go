package rvalue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errPayload is why a payload is refused: R broke the protocol.
var errPayload = errors.New("payload is not a list of JSON text and tables")

// The values that unserialize reads. Those with data keep it as it is in the payload.
type (
	listValue    []any
	textValue    struct{ chars [][]byte } // nil is NA
	logicalValue struct{ data []byte }
	integerValue struct{ data []byte }
	doubleValue  struct{ data []byte }
)

func (v logicalValue) at(i int) int32 { return int32At(v.data, i) }
func (v integerValue) at(i int) int32 { return int32At(v.data, i) }

func (v doubleValue) at(i int) float64 {
	return math.Float64frombits(binary.BigEndian.Uint64(v.data[8*i:]))
}

func int32At(data []byte, i int) int32 { return int32(binary.BigEndian.Uint32(data[4*i:])) }

// A reader reads vectors without attributes.
type reader struct {
	data []byte
	err  error
}

// unserialize returns the list that R has serialized.
func unserialize(payload []byte) (listValue, error) {
	// The versions of R are in bytes 6 to 13.
	if len(payload) < len(header) || string(payload[:6]) != header[:6] {
		return nil, errPayload
	}
	r := &reader{data: payload[len(header):]}
	pieces, ok := r.value(0).(listValue)
	if r.err == nil && (!ok || len(r.data) > 0) {
		r.err = errPayload
	}
	return pieces, r.err
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.data) {
		r.fail(fmt.Errorf("%w: it is cut short", errPayload))
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) int() int {
	if b := r.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// value reads a value; nil is NULL.
func (r *reader) value(depth int) any {
	const deepest = 4 // pieces, table, columns, vector
	switch flags := r.int(); flags {
	case nilType:
		return nil
	case logicalType:
		return logicalValue{r.take(4 * r.int())}
	case integerType:
		return integerValue{r.take(4 * r.int())}
	case doubleType:
		return doubleValue{r.take(8 * r.int())}
	case textType:
		return r.texts()
	case listType:
		if depth == deepest {
			break
		}
		n := r.int()
		if n < 0 {
			break
		}
		var v listValue
		for range n {
			if v = append(v, r.value(depth+1)); r.err != nil {
				return nil
			}
		}
		return v
	default:
		r.fail(fmt.Errorf("%w: a value of type %d", errPayload, flags&255))
	}
	r.fail(errPayload)
	return nil
}

func (r *reader) texts() textValue {
	n := r.int()
	if n < 0 || n > len(r.data)/8 { // each has a type and a length
		r.fail(errPayload)
		return textValue{}
	}
	v := textValue{make([][]byte, n)}
	for i := range v.chars {
		if flags := r.int(); flags&255 != charType {
			r.fail(errPayload)
		}
		if size := r.int(); size >= 0 {
			v.chars[i] = r.take(size)
		}
		if r.err != nil {
			return textValue{}
		}
	}
	return v
}
