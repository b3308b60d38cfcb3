package rvalue

import (
	"bytes"
	"io"
)

// A Value is an event, ready to be written as a serialized R list:
//
//	simplified  whether arrays became vectors, matrices and data frames
//	value       the event
//	body        the value of the JSON in its member "body", if that was read
type Value struct {
	event, body *document
	size        int64
}

// Decode reads an event. With simplify, its arrays become vectors, matrices and data frames, else
// lists. Decode returns nil if the event is left to R.
//
// With bodies, the text in the member "body" of an HTTP request's event is read as a document of its
// own: it is often JSON.
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
		v.event.frames = nil
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

// jsonBody returns the text of the member "body" of an HTTP request's event, if it begins like JSON.
func (d *document) jsonBody() []byte {
	body := d.member("body")
	if body == nil || body.kind != text || !d.isRequest() {
		return nil
	}
	token := d.text[body.at : body.at+body.size]
	if begin := bytes.TrimLeft(token, " "); len(begin) == 0 || begin[0] != '{' && begin[0] != '[' {
		return nil
	}
	if body.types&escaped == 0 {
		return token
	}
	d.body, d.bodyText = body.at, unescape(make([]byte, 0, body.chars), token)
	return d.bodyText
}

// isRequest reports whether the document has a key that all events of an HTTP source have: see `key`
// in rscripts/sources/sources.R.
func (d *document) isRequest() bool {
	return d.member("requestContext") != nil || d.member("raw_path") != nil
}

// member returns the first member of the document with this key, or nil.
func (d *document) member(key string) *node {
	root := &d.nodes[0]
	if root.kind != object {
		return nil
	}
	for c := uint32(1); c < root.next; c = d.nodes[c].next {
		if string(d.keys[d.nodes[c].key]) == key {
			return &d.nodes[c]
		}
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
