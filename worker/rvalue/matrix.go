package rvalue

// maxElements bounds the elements of a matrix, for each of which its place in the text is kept.
const maxElements = 2 << 20

// numeric marks a place whose element was part of a vector of numbers before that became one of
// text.
const numeric = 1 << 31

// matrix writes an array of vectors, or of matrices of the same dimensions.
func (e *encoder) matrix(i uint32) {
	n := &e.nodes[i]
	k := n.types.vectorKind()
	dims := e.dims(i)
	size := 1
	for _, d := range dims {
		size *= d
	}
	if size > maxElements || k == text && n.types&infinite != 0 {
		e.refused = true
		return
	}
	e.vector(typeOf(k)|hasAttributes, size)
	if e.counting() && k != text {
		e.skip(k, size)
	} else {
		e.elements(e.places(make([]uint32, 0, size), i, 0), dims, k)
	}
	e.attribute("dim")
	e.vector(integerType, len(dims))
	for _, d := range dims {
		e.int(int32(d))
	}
	e.end()
}

// dims returns the dimensions of a matrix.
func (e *encoder) dims(i uint32) (dims []int) {
	for ; e.nodes[i].kind == matrix; i++ { // to the first element
		dims = append(dims, int(e.nodes[i].size))
	}
	return append(dims, int(e.nodes[i].size))
}

// places appends where the elements of node i are in the text, row by row.
func (e *encoder) places(places []uint32, i, mark uint32) []uint32 {
	n := &e.nodes[i]
	if n.types&numbers != 0 && !n.types.has(text) {
		mark = numeric
	}
	if n.kind == vector {
		e.each(n, func(element *node) { places = append(places, e.start(element)|mark) })
		return places
	}
	for c := i + 1; c < n.next; c = e.nodes[c].next {
		places = e.places(places, c, mark)
	}
	return places
}

// start returns where an element begins in the text, with its quote.
func (e *encoder) start(n *node) uint32 {
	if n.kind == text {
		return n.at - 1
	}
	return n.at
}

// elements writes the elements of a matrix in R's order, in which the first index grows fastest.
func (e *encoder) elements(places []uint32, dims []int, k kind) {
	index := make([]int, len(dims))
	s := scanner{document: document{text: e.text}}
	for range places {
		p := 0
		for d, x := range index {
			p = p*dims[d] + x
		}
		s.pos = int(places[p] &^ numeric)
		e.element = node{}
		s.scalar(&e.element) // it was read before
		e.scalar(&e.element, k, places[p]&numeric != 0)
		for d := range index {
			if index[d]++; index[d] < dims[d] {
				break
			}
			index[d] = 0
		}
	}
}
