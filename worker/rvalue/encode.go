package rvalue

// An encoder writes a document, first to count its bytes and then to send them.
type encoder struct {
	*document
	*stream
	frame    int     // how many data frames were written
	columnOf []int32 // by key, while a frame is made: 1 + the index of its column, or 0
	scratch  []byte  // for texts with escapes
	element  node    // the argument of the function that each calls
	lists    int     // work, see addWork
	cells    int
	refused  bool // the document is left to R
}

// value writes the value of node i.
func (e *encoder) value(i uint32) {
	n := &e.nodes[i]
	switch n.kind {
	case null:
		e.end()
	case logical, integer, double, text:
		e.vector(typeOf(n.kind), 1)
		e.scalar(n, n.kind, false)
	case object:
		e.object(i)
	case emptyArray:
		e.vector(listType, 0)
	case vector:
		if e.simplify {
			e.atoms(n)
		} else {
			e.scalars(n)
		}
	case matrix:
		if e.simplify {
			e.matrix(i)
		} else {
			e.list(e.children(i))
		}
	case records:
		if e.simplify {
			e.records(e.children(i))
		} else {
			e.list(e.children(i))
		}
	case list:
		e.list(e.children(i))
	}
}

// typeOf returns the type of R's vectors for scalars of kind k.
func typeOf(k kind) int {
	switch k {
	case integer:
		return integerType
	case double:
		return doubleType
	case text:
		return textType
	}
	return logicalType
}

// children returns the nodes of the elements of an array.
func (e *encoder) children(i uint32) []uint32 {
	children := make([]uint32, 0, e.nodes[i].size)
	for c := i + 1; c < e.nodes[i].next; c = e.nodes[c].next {
		children = append(children, c)
	}
	return children
}

// object writes an object as a list with names.
func (e *encoder) object(i uint32) {
	n := &e.nodes[i]
	e.vector(listType|hasAttributes, int(n.size))
	containers := 0
	for c := i + 1; c < n.next; c = e.nodes[c].next {
		if !e.nodes[c].kind.isScalar() {
			containers++
		}
		e.value(c)
	}
	if n.size > 0 {
		e.addWork(containers+1, 0)
	}
	e.attribute("names")
	e.vector(textType, int(n.size))
	for c := i + 1; c < n.next; c = e.nodes[c].next {
		e.char(e.keys[e.nodes[c].key])
	}
	e.end()
}

// atoms writes a vector of the scalars of an array.
func (e *encoder) atoms(n *node) {
	k := n.types.vectorKind()
	e.vector(typeOf(k), int(n.size))
	switch {
	case e.counting() && k != text:
		e.skip(k, int(n.size))
	case e.counting() && n.types&^(1<<text|1<<null|escaped) == 0:
		e.n += 8*int64(n.size) + int64(n.chars)
	case k == text && n.types&infinite != 0:
		e.refused = true
	default:
		e.each(n, func(element *node) { e.scalar(element, k, false) })
	}
}

// skip counts n elements of vectors of kind k.
func (e *encoder) skip(k kind, n int) {
	if k == double {
		e.n += 8 * int64(n)
	} else {
		e.n += 4 * int64(n)
	}
}

// scalars writes a list of the scalars of an array.
func (e *encoder) scalars(n *node) {
	e.vector(listType, int(n.size))
	e.each(n, func(element *node) {
		if element.kind == null {
			e.end()
			return
		}
		e.vector(typeOf(element.kind), 1)
		e.scalar(element, element.kind, false)
	})
}

// each calls f for each element of an array of scalars.
func (e *encoder) each(n *node, f func(*node)) {
	// The text was read before, so nothing here fails.
	s := scanner{document: document{text: e.text}, pos: int(n.at) + 1}
	for range n.size {
		s.space()
		e.element = node{}
		s.scalar(&e.element)
		f(&e.element)
		s.space()
		s.pos++ // a comma or a bracket
	}
}

// scalar writes an element of a vector of kind k. Among text, true is TRUE, or 1 if the vector was
// one of numbers before it became one of text.
func (e *encoder) scalar(n *node, k kind, numeric bool) {
	switch k {
	case text:
		e.textOf(n, numeric)
	case double:
		switch n.kind {
		case null:
			e.doubleBits(naDouble)
		case logical:
			e.double(float64(oneIf(e.isTrue(n))))
		default:
			if e.count(8) {
				return
			}
			e.double(parseDouble(e.token(n)))
		}
	default:
		switch n.kind {
		case null:
			e.int(naInteger)
		case logical:
			e.truth(e.isTrue(n))
		default:
			e.int(int32(parseInteger(e.token(n))))
		}
	}
}

// isTrue returns the value of a logical.
func (e *encoder) isTrue(n *node) bool { return e.text[n.at] == 't' }

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *encoder) token(n *node) []byte { return e.text[n.at : n.at+n.size] }

// textOf writes an element of a text vector.
func (e *encoder) textOf(n *node, numeric bool) {
	switch n.kind {
	case null:
		e.naChar()
	case logical:
		word := "FALSE"
		switch truth := e.isTrue(n); {
		case truth && numeric:
			word = "1"
		case numeric:
			word = "0"
		case truth:
			word = "TRUE"
		}
		e.char([]byte(word))
	case text:
		switch {
		case e.counting():
			e.count(8 + int(n.chars))
		case n.types&escaped == 0:
			e.char(e.token(n))
		case n.at == e.body:
			e.char(e.bodyText)
		default:
			e.scratch = unescape(e.scratch[:0], e.token(n))
			e.char(e.scratch)
		}
	default:
		e.scratch = appendNumber(e.scratch[:0], e.token(n))
		e.char(e.scratch)
	}
}

// list writes a list of nodes, in which 0 stands for null. If vectors or data frames are made,
// empty arrays among vectors or data frames become such, too, as in as_matrix() of simplify.R.
func (e *encoder) list(nodes []uint32) {
	e.vector(listType, len(nodes))
	fill := e.fillOf(nodes)
	for _, i := range nodes {
		if i == 0 {
			e.end()
		} else if e.nodes[i].kind == emptyArray {
			e.vector(fill, 0)
			if fill == emptyFrame {
				e.frameAttributes(nil, 0)
			}
		} else {
			e.value(i)
		}
	}
}

// emptyFrame is the type of a data frame.
const emptyFrame = listType | isObject | hasAttributes

// fillOf returns what empty arrays among these nodes become.
func (e *encoder) fillOf(nodes []uint32) int {
	if !e.simplify {
		return listType
	}
	first := null
	empty, frames, vectors := false, true, true
	for _, i := range nodes {
		n := node{}
		if i != 0 {
			n = e.nodes[i]
		}
		k := n.kind
		if k == emptyArray {
			empty = true
			continue
		}
		if k == vector {
			k = n.types.vectorKind()
		}
		frames = frames && k == records
		vectors = vectors && k.isScalar() && k != null
		if first == null {
			first = k
		}
	}
	switch {
	case !empty || first == null:
		return listType
	case frames:
		return emptyFrame
	case vectors:
		return typeOf(first)
	}
	return listType
}
