package rvalue

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// Limits on what is read here. Beyond them, R reads the text itself.
const (
	maxDepth = 400
	maxKeys  = 1 << 14   // different keys
	maxNodes = 1 << 20   // 20 bytes each: of an event of 6 MB, values of 6 bytes
	maxSize  = 512 << 20 // bytes of text
)

// read reads text, or returns nil if it is left to R.
func read(text []byte, simplify bool) *document {
	if len(text) > maxSize || !utf8.Valid(text) {
		return nil
	}
	s := &scanner{document: document{text: text, simplify: simplify}, index: map[string]uint16{}}
	s.space()
	if !s.value(0) {
		return nil
	}
	s.space()
	if s.pos < len(text) {
		return nil
	}
	return &s.document
}

// A scanner reads a document. Its methods return false where it is left to R.
type scanner struct {
	document
	pos   int
	index map[string]uint16 // the indexes of the keys, without their escapes
	last  [][]uint16        // by depth, the keys of the last object
}

func (s *scanner) space() {
	for s.pos < len(s.text) && s.text[s.pos] <= ' ' && isSpace(s.text[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skip skips space and the byte c, or returns false.
func (s *scanner) skip(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] <= ' ' {
		s.space()
	}
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// value reads a value, at which the text must be, into a new node.
func (s *scanner) value(depth int) bool {
	if s.pos >= len(s.text) || depth > maxDepth || len(s.nodes) >= maxNodes {
		return false
	}
	switch s.text[s.pos] {
	case '{':
		return s.object(depth)
	case '[':
		return s.array(depth)
	}
	return s.scalar(&s.nodes[s.add(node{next: uint32(len(s.nodes) + 1)})])
}

// add adds a node and returns its index. The text that was read shows how many the rest needs: a
// slice that grows step by step would leave several times its size to the collector.
func (s *scanner) add(n node) int {
	if len(s.nodes) == cap(s.nodes) {
		const first = 256
		estimate := int(float64(len(s.nodes)) * float64(len(s.text)) / float64(s.pos+1) * 1.1)
		s.nodes = append(make([]node, 0, max(first, len(s.nodes)*5/4, min(estimate, maxNodes))), s.nodes...)
	}
	s.nodes = append(s.nodes, n)
	return len(s.nodes) - 1
}

// scalar reads a text, a number, or a literal into n.
func (s *scanner) scalar(n *node) bool {
	n.at = uint32(s.pos)
	switch c := s.text[s.pos]; c {
	case '"':
		n.types = 1 << text
		return s.string(n)
	case 't':
		n.kind, n.types = logical, 1<<logical
		return s.literal("true")
	case 'f':
		n.kind, n.types = logical, 1<<logical
		return s.literal("false")
	case 'n':
		n.kind, n.types = null, 1<<null
		return s.literal("null")
	}
	return s.number(n)
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.text[s.pos:], []byte(word)) {
		return false
	}
	s.pos += len(word)
	return true
}

// string reads a text into n. It checks its escapes, too.
func (s *scanner) string(n *node) bool {
	n.at, n.kind = uint32(s.pos+1), text
	lost := 0 // bytes that only escapes have
	data := s.text
	for i := s.pos + 1; i < len(data); i++ {
		c := data[i]
		if !special[c] {
			continue
		}
		switch c {
		case '"':
			n.size = uint32(i) - n.at
			n.chars = n.size - uint32(lost)
			s.pos = i + 1
			return true
		case '\\':
			n.types |= escaped
			r, size := unescapeOne(data[i:])
			if size == 0 {
				return false
			}
			lost += size - utf8.RuneLen(r)
			i += size - 1
		default: // a control character
			return false
		}
	}
	return false
}

// special has the bytes that are not themselves in a text.
var special = func() (special [256]bool) {
	for c := range ' ' {
		special[c] = true
	}
	special['"'], special['\\'] = true, true
	return special
}()

// number reads a number into n. An infinite one is too large for a double.
func (s *scanner) number(n *node) bool {
	begin := s.pos
	if s.text[begin] == '-' {
		begin++
	}
	end := s.digits(begin)
	if end == begin || end > begin+1 && s.text[begin] == '0' {
		return false
	}
	n.kind = integer
	if end < len(s.text) && s.text[end] == '.' {
		n.kind = double
		fraction := end + 1
		if end = s.digits(fraction); end == fraction {
			return false
		}
	}
	hasExponent := end < len(s.text) && s.text[end]|' ' == 'e'
	if hasExponent {
		n.kind = double
		exponent := end + 1
		if exponent < len(s.text) && (s.text[exponent] == '+' || s.text[exponent] == '-') {
			exponent++
		}
		if end = s.digits(exponent); end == exponent {
			return false
		}
	}
	number := s.text[s.pos:end]
	if n.kind == integer && len(number) > 9 && !fitsInteger(number) {
		n.kind = double
	}
	n.size = uint32(len(number))
	n.types = 1 << n.kind
	if (hasExponent || len(number) > 300) && math.IsInf(parseDouble(number), 0) {
		n.types |= infinite
	}
	s.pos = end
	return true
}

// digits returns where the digits end that begin at i.
func (s *scanner) digits(i int) int {
	for i < len(s.text) && s.text[i]-'0' <= 9 {
		i++
	}
	return i
}

// object reads an object: its members' nodes follow.
func (s *scanner) object(depth int) bool {
	self := s.add(node{at: uint32(s.pos), kind: object})
	s.pos++
	size := 0
	if !s.skip('}') {
		for {
			s.space()
			key, ok := s.key(depth, size)
			if !ok || !s.skip(':') {
				return false
			}
			s.space()
			member := len(s.nodes)
			if !s.value(depth + 1) {
				return false
			}
			s.nodes[member].key = key
			size++
			if s.skip('}') {
				break
			}
			if !s.skip(',') {
				return false
			}
		}
	}
	s.nodes[self].size = uint32(size)
	s.nodes[self].next = uint32(len(s.nodes))
	return true
}

// key reads the key of the n-th member of an object, and returns its index. Objects of the same
// depth mostly have the same keys in the same order, so the key that was last read there is tried
// first.
func (s *scanner) key(depth, n int) (uint16, bool) {
	if s.pos >= len(s.text) || s.text[s.pos] != '"' {
		return 0, false
	}
	for len(s.last) <= depth {
		s.last = append(s.last, nil)
	}
	last := s.last[depth]
	if n < len(last) {
		key := s.keys[last[n]]
		rest := s.text[s.pos+1:]
		if len(rest) > len(key) && rest[len(key)] == '"' && string(rest[:len(key)]) == string(key) {
			s.pos += len(key) + 2
			return last[n], true
		}
	}
	var token node
	if !s.string(&token) {
		return 0, false
	}
	key := s.text[token.at : token.at+token.size]
	if token.types&escaped != 0 {
		key = unescape(nil, key)
	}
	i, ok := s.index[string(key)]
	if !ok {
		if len(s.keys) >= maxKeys {
			return 0, false
		}
		i = uint16(len(s.keys))
		s.keys = append(s.keys, key)
		s.index[string(key)] = i
	}
	if token.types&escaped != 0 {
		return i, true // it is not the same in the text
	}
	if n < len(last) {
		last[n] = i
	} else if n == len(last) {
		s.last[depth] = append(last, i)
	}
	return i, true
}

// array reads an array and decides what it becomes.
func (s *scanner) array(depth int) bool {
	begin := s.pos
	self := s.add(node{at: uint32(begin), kind: emptyArray})
	s.pos++
	if s.skip(']') {
		s.nodes[self].next = uint32(self + 1)
		return true
	}
	flat, ok := s.scalars(&s.nodes[self])
	if !ok {
		return false
	}
	if !flat {
		s.nodes[self] = node{at: uint32(begin)}
		s.pos = begin + 1
		if !s.elements(self, depth) {
			return false
		}
	}
	s.nodes[self].next = uint32(len(s.nodes))
	return true
}

// scalars reads the elements of an array into its node n, if they are all scalars. If one is not,
// flat is false.
func (s *scanner) scalars(n *node) (flat, ok bool) {
	n.types = 0
	var element node
	for {
		s.space()
		if s.pos >= len(s.text) {
			return false, false
		}
		if c := s.text[s.pos]; c == '{' || c == '[' {
			return false, true
		}
		element.chars = 0
		if !s.scalar(&element) {
			return false, false
		}
		n.types |= element.types
		n.size++
		n.chars += element.chars
		if s.skip(']') {
			n.kind = vector
			return true, true
		}
		if !s.skip(',') {
			return false, false
		}
	}
}

// elements reads the elements of an array into nodes.
func (s *scanner) elements(self, depth int) bool {
	size, containers := 0, 0
	onlyRecords, sameShape := true, true
	first := len(s.nodes)
	var all types
	for {
		s.space()
		i := len(s.nodes)
		if !s.value(depth + 1) {
			return false
		}
		element := &s.nodes[i]
		if !element.kind.isScalar() {
			containers++
		}
		onlyRecords = onlyRecords && (element.kind == object || element.kind == null)
		sameShape = sameShape && s.sameDim(first, i)
		all |= element.types
		size++
		if s.skip(']') {
			break
		}
		if !s.skip(',') {
			return false
		}
	}
	n := &s.nodes[self]
	n.size = uint32(size)
	switch {
	case onlyRecords:
		n.kind = records
	case sameShape:
		n.kind, n.types = matrix, all
	default:
		n.kind = list
	}
	if n.kind != records {
		s.lists += containers + 4
	}
	return !s.simplify || s.lists <= maxLists
}

// sameDim reports whether two nodes are vectors of the same length, or matrices of the same
// dimensions.
func (s *scanner) sameDim(i, j int) bool {
	for {
		a, b := &s.nodes[i], &s.nodes[j]
		if a.kind != b.kind || a.size != b.size || a.kind != vector && a.kind != matrix {
			return false
		}
		if a.kind == vector {
			return true
		}
		i, j = i+1, j+1 // the first element of each
	}
}
