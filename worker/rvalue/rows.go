package rvalue

import "fmt"

// EncodeRows returns the JSON of a result that R has sent in pieces, because it has large data
// frames: R serializes their columns in a tenth of the time that it takes to format them. The JSON
// is the same as that of rscripts/json/encode.R, byte for byte.
//
// The payload is a serialized list. Its elements are JSON text, or tables: lists of
//
//	keys     the JSON of the names of the columns; NULL if each row is an array
//	kinds    of each column: "", "date" (days since 1970), "time" (seconds), or "json" (JSON text)
//	columns  vectors of the same length
//
// If the JSON has more than limit bytes, EncodeRows returns only its size.
func EncodeRows(payload []byte, limit int) (json []byte, size int64, err error) {
	pieces, err := unserialize(payload)
	if err != nil {
		return nil, 0, err
	}
	w := &writer{limit: limit}
	for _, piece := range pieces {
		switch piece := piece.(type) {
		case textValue:
			if len(piece.chars) != 1 {
				return nil, 0, errPayload
			}
			w.out = append(w.out, piece.chars[0]...)
		case listValue:
			t, err := newTable(piece)
			if err != nil {
				return nil, 0, err
			}
			t.write(w)
		default:
			return nil, 0, errPayload
		}
		w.keep()
	}
	if w.dropped > 0 {
		return nil, w.dropped + int64(len(w.out)), nil
	}
	return w.out, int64(len(w.out)), nil
}

// A writer collects JSON, or only its size once that exceeds the limit.
type writer struct {
	out     []byte
	limit   int
	dropped int64
}

// keep drops the JSON if there is too much of it.
func (w *writer) keep() {
	if w.dropped > 0 || len(w.out) > w.limit {
		w.dropped += int64(len(w.out))
		w.out = w.out[:0]
	}
}

// A table is a data frame.
type table struct {
	before  [][]byte // what precedes the cell of each column: a bracket or comma, and the key
	after   string
	columns []column
	rows    int
}

func newTable(fields listValue) (*table, error) {
	if len(fields) != 3 {
		return nil, errPayload
	}
	keys, hasKeys := fields[0].(textValue)
	kinds, ok := fields[1].(textValue)
	columns, isList := fields[2].(listValue)
	n := len(columns)
	if !ok || !isList || n == 0 || len(kinds.chars) != n || hasKeys && len(keys.chars) != n {
		return nil, errPayload
	}
	t := &table{after: "]"}
	opening := "["
	if hasKeys {
		t.after, opening = "}", "{"
	}
	for j, values := range columns {
		c, err := newColumn(values, string(kinds.chars[j]))
		if err != nil {
			return nil, err
		}
		if j == 0 {
			t.rows = c.size()
		} else if c.size() != t.rows {
			return nil, fmt.Errorf("%w: columns of %d and of %d rows", errPayload, t.rows, c.size())
		}
		before := []byte(opening)
		if hasKeys {
			before = append(append(before, keys.chars[j]...), ':')
		}
		t.columns, t.before = append(t.columns, c), append(t.before, before)
		opening = ","
	}
	return t, nil
}

// sampled is the number of rows after which the size of the rest is estimated.
const sampled = 500

func (t *table) write(w *writer) {
	begin := len(w.out)
	w.out = append(w.out, '[')
	for i := range t.rows {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		for j, c := range t.columns {
			w.out = append(w.out, t.before[j]...)
			w.out = c.appendCell(w.out, i)
		}
		w.out = append(w.out, t.after...)
		if i == sampled && w.dropped == 0 {
			rest := (len(w.out) - begin) / sampled * (t.rows - sampled) / 8 * 9
			w.out = grow(w.out, min(rest, w.limit))
		}
		w.keep()
	}
	w.out = append(w.out, ']')
}

// grow returns b with room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, len(b)+n), b...)
}

// appendText appends a text in quotes, as jsonlite writes it: a slash is escaped after "<", so that
// </script> cannot end a script.
func appendText(b, text []byte) []byte {
	b = append(b, '"')
	for {
		i := 0
		for i < len(text) && !special[text[i]] && text[i] != '/' {
			i++
		}
		if i == len(text) {
			return append(append(b, text...), '"')
		}
		b = append(b, text[:i]...)
		switch c := text[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '/':
			if len(b) > 0 && b[len(b)-1] == '<' {
				b = append(b, '\\')
			}
			b = append(b, '/')
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
		text = text[i+1:]
	}
}
