package rvalue

// kind is what a node becomes in R.
type kind uint8

const (
	null kind = iota
	logical
	integer // a number that fits R's integers
	double
	text

	object     // a list with names
	emptyArray // an empty list
	vector     // of an array of scalars and nulls
	matrix     // of an array of vectors or matrices with the same dimensions
	records    // a data frame, of an array of objects and nulls
	list       // of any other array
)

// isScalar reports whether k is that of a value that is neither an array nor an object.
func (k kind) isScalar() bool { return k <= text }

// types is a set: the kinds of the scalars in a vector or a matrix.
type types uint8

const numbers = types(1<<integer | 1<<double)

func (t types) has(k kind) bool { return t&(1<<k) != 0 }

// infinite marks numbers that are too large for a double, escaped texts with backslashes. Both
// are members of a set of types.
const (
	infinite types = 1 << 6
	escaped  types = 1 << 7
)

// vectorKind returns the kind of a vector that holds scalars of these types.
func (t types) vectorKind() kind {
	for k := text; k > logical; k-- {
		if t.has(k) {
			return k
		}
	}
	return logical
}

// A node is a value in the text. The nodes of an array or an object follow its own. Those of a
// vector do not exist: its text is read again.
type node struct {
	at    uint32 // where the value begins; of a text, its first character
	size  uint32 // of a scalar: its bytes; of others: how many elements it has
	chars uint32 // of a text or a vector: the bytes of its texts, without escapes
	next  uint32 // the index of the node after this one and what it contains
	key   uint16 // of a member of an object: the index of its key
	kind  kind
	types types
}

// A document is JSON text that was read.
type document struct {
	text  []byte
	nodes []node
	keys  [][]byte

	simplify bool
	lists    int // what making lists of arrays costs, see addWork

	body     uint32 // where a text begins that was unescaped
	bodyText []byte // that text

	frames []frame // the data frames, in the order in which they are written
}
