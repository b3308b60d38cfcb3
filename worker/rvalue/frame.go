package rvalue

// Bounds of simplify.R on an event that is to be simplified. maxTable bounds the cells of all data
// frames together here, of 4 bytes each.
const (
	maxLists = 500_000
	maxTable = 2 << 20
)

// maxCells is max_cells() of simplify.R.
func (d *document) maxCells() int { return 1_000_000 + 2*len(d.text) }

// addWork counts work as count_work() of simplify.R does.
func (e *encoder) addWork(lists, cells int) {
	if !e.counting() || !e.simplify {
		return
	}
	e.lists += lists
	e.cells += cells
	e.refused = e.refused || e.lists > maxLists || e.cells > min(e.maxCells(), maxTable)
}

// A frame is the cells of a data frame by column: nodes, or 0 for what is missing or null.
type frame struct {
	keys  []uint16
	cells []uint32
}

// records writes a data frame of rows, objects or 0.
func (e *encoder) records(rows []uint32) {
	var f frame
	if e.counting() {
		if f = e.transpose(rows); e.refused {
			return
		}
		e.frames = append(e.frames, f)
	} else {
		f = e.frames[e.frame]
	}
	e.frame++
	e.vector(emptyFrame, len(f.keys))
	for j := range f.keys {
		e.column(f.cells[j*len(rows) : (j+1)*len(rows)])
	}
	e.frameAttributes(f.keys, len(rows))
}

func (e *encoder) frameAttributes(keys []uint16, rows int) {
	e.attribute("names")
	e.vector(textType, len(keys))
	for _, key := range keys {
		e.char(e.keys[key])
	}
	e.attribute("class")
	e.chars("data.frame")
	e.attribute("row.names")
	if rows == 0 {
		e.vector(integerType, 0)
	} else {
		e.vector(integerType, 2)
		e.int(naInteger)
		e.int(int32(-rows))
	}
	e.end()
}

// transpose makes the frame of rows. If an object repeats a key, its first value counts.
func (e *encoder) transpose(rows []uint32) frame {
	var f frame
	if e.columnOf == nil {
		e.columnOf = make([]int32, len(e.document.keys))
	}
	defer func() {
		for _, key := range f.keys {
			e.columnOf[key] = 0
		}
	}()
	for _, row := range rows {
		if row == 0 {
			continue
		}
		for c := row + 1; c < e.nodes[row].next; c = e.nodes[c].next {
			if key := e.nodes[c].key; e.columnOf[key] == 0 {
				f.keys = append(f.keys, key)
				e.columnOf[key] = int32(len(f.keys))
			}
		}
	}
	e.addWork(5+2*len(f.keys), len(rows)*len(f.keys))
	if e.refused {
		return f
	}
	f.cells = make([]uint32, len(rows)*len(f.keys))
	for r, row := range rows {
		if row == 0 {
			continue
		}
		for c := row + 1; c < e.nodes[row].next; c = e.nodes[c].next {
			cell := &f.cells[int(e.columnOf[e.nodes[c].key]-1)*len(rows)+r]
			if *cell == 0 {
				*cell = c
			}
		}
	}
	return f
}

// column writes a column of a data frame: a vector, a data frame, or a list.
func (e *encoder) column(cells []uint32) {
	var all types
	containers, objects, nulls := 0, 0, 0
	for _, i := range cells {
		if i == 0 {
			all |= 1 << null
			nulls++
			continue
		}
		n := &e.nodes[i]
		all |= n.types
		switch {
		case n.kind == null:
			nulls++
		case n.kind == object:
			objects++
			containers++
		case !n.kind.isScalar():
			containers++
		}
	}
	switch {
	case containers == 0:
		e.columnVector(cells, all)
	case objects > 0 && objects+nulls == len(cells):
		e.records(e.withoutNulls(cells))
	default:
		e.addWork(containers+4, 0)
		e.list(cells)
	}
}

// withoutNulls returns cells with 0 for each null.
func (e *encoder) withoutNulls(cells []uint32) []uint32 {
	for i, c := range cells {
		if e.nodes[c].kind == null {
			cells[i] = 0
		}
	}
	return cells
}

// columnVector writes a vector of cells that are scalars of these types.
func (e *encoder) columnVector(cells []uint32, all types) {
	k := all.vectorKind()
	e.vector(typeOf(k), len(cells))
	if e.counting() && k != text {
		e.skip(k, len(cells))
		return
	}
	if k == text && all&infinite != 0 {
		e.refused = true
		return
	}
	missing := node{}
	for _, i := range cells {
		n := &missing
		if i != 0 {
			n = &e.nodes[i]
		}
		e.scalar(n, k, false)
	}
}
