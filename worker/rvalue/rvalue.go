package rvalue

import (
	"bytes"
	"io"
)

// A Value is an event, ready to be written as a serialized R list:
//
//	simplified  whether arrays became vectors, matrices and data frames
//	value       the event
//	body        the value of the JSON in its member "body", if there is some
type Value struct {
	event, body *document
	size        int64
}

// Decode reads an event. With simplify, its arrays become vectors, matrices and data frames, else
// lists. Decode returns nil if the event is left to R.
//
// With bodies, the text in the member "body" is read as a document of its own: in the event of an
// HTTP request, this is often JSON.
func Decode(event []byte, simplify, bodies bool) *Value {
	v := &Value{event: read(event, simplify)}
	if v.event == nil {
		return nil
	}
	if bodies {
		if body := v.event.jsonBody(); body != nil {
			v.body = read(body, simplify)
		}
	}
	for {
		count := newStream(nil)
		refused := v.encode(count)
		switch {
		case refused == nil:
			v.size = count.n
			return v
		case refused == v.event:
			return nil
		}
		v.body = nil
	}
}

// jsonBody returns the text of the member "body" of an object, if it begins like JSON.
func (d *document) jsonBody() []byte {
	root := &d.nodes[0]
	if root.kind != object {
		return nil
	}
	for c := uint32(1); c < root.next; c = d.nodes[c].next {
		n := &d.nodes[c]
		if string(d.keys[n.key]) != "body" {
			continue
		}
		token := d.text[n.at : n.at+n.size]
		if n.kind != text {
			return nil
		}
		if begin := bytes.TrimLeft(token, " "); len(begin) == 0 || begin[0] != '{' && begin[0] != '[' {
			return nil
		}
		if n.types&escaped == 0 {
			return token
		}
		d.body, d.bodyText = n.at, unescape(make([]byte, 0, n.chars), token)
		return d.bodyText
	}
	return nil
}

// encode writes v to s. It returns the document that is left to R, or nil.
func (v *Value) encode(s *stream) *document {
	documents, names := []*document{v.event}, []string{"simplified", "value"}
	if v.body != nil {
		documents, names = append(documents, v.body), append(names, "body")
	}
	s.bytes([]byte(header))
	s.vector(listType|hasAttributes, len(names))
	s.vector(logicalType, 1)
	s.truth(v.event.simplify)
	for _, d := range documents {
		e := encoder{document: d, stream: s, lists: d.lists}
		if e.value(0); e.refused {
			return d
		}
	}
	s.attribute("names")
	s.chars(names...)
	s.end()
	return nil
}

// Size returns how many bytes WriteTo writes.
func (v *Value) Size() int64 { return v.size }

// WriteTo writes the serialized list.
func (v *Value) WriteTo(w io.Writer) (int64, error) {
	s := newStream(w)
	v.encode(s)
	s.flush()
	return s.n, s.err
}
