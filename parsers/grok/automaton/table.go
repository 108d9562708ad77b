package automaton

import (
	"slices"
	"time"
	"unsafe"
)

// A table holds the states that were built since the machine forgot last, and the transitions between them. Matchers
// read it without a lock: cells are read and written atomically, all else is in place before a cell leads to it.
type table struct {
	gen    int
	cells  []uint64 // state's row + class → row of the next state, or edge; longer than used, shared by versions of the table
	used   uint32
	edges  []edge
	starts []start // by context
	states []*state
	ids    map[string]uint32 // key → row
	regs   int               // registers in use
	size   int               // bytes of states and edges, about
	column [][]uint16        // tag → the registers that it has had
}

// A cell is a state's row, which is even, and in the upper half the register that takes the place; or it is the number of
// an edge shifted by one with bit 0 set. The first edges are:
const (
	unknown = iota // not built yet
	dead           // no expression can match any more
	edgesUsed
)

// Registers are numbered by use; the first ones are:
const (
	regNone    = iota // holds -1: the capture took no part
	regPlace          // holds the place of the text at hand
	regScratch        // of moves that go round in a circle
	regsUsed
)

// A state is a list of items in the order of their priority.
type state struct {
	items  []item
	regs   []uint16 // tags of the first item, of the second, …: registers
	ctx    uint8    // what assertions can tell of the byte before, 0 where none asks
	key    string
	into   []uint32 // cells that lead here
	ahead  *ahead   // how to pass over what comes in it
	looked bool     // whether there is a run to skip was decided
}

// A start is the first state of a match.
type start struct {
	row   uint32 // 0: not built yet
	ahead *ahead
}

// An item is a place in the expressions. pending are the looks whose first byte was seen: if the second follows, the item
// dies.
type item struct {
	pc      uint32
	pending uint8
}

// An edge is a transition that does more than lead to a state.
type edge struct {
	next  uint32
	set   uint16 // takes the place, after the moves; regScratch where none has to
	moves []move
	ahead *ahead // of the next state
	found *found // the expression that has matched before this byte
}

// A move copies a register.
type move struct{ to, from uint16 }

// found is a match: the expression, and where its slots come from.
type found struct {
	expr  int
	slots []slotSource // of registers instead of tags
	none  []int32      // -1 for each slot, if few may be set or their registers are not local; else nil
	few   []uint16     // then: which
}

func (m *Machine) newTable(gen int) *table {
	t := &table{gen: gen, ids: map[string]uint32{}, edges: make([]edge, edgesUsed), starts: make([]start, len(m.pre)),
		regs: regsUsed, column: make([][]uint16, m.nfa.tags)}
	t.cells = newCells(64 * m.row)
	t.used = m.row // row 0 is no state
	t.states = append(t.states, nil)
	return t
}

func newCells(n uint32) []uint64 {
	cells := make([]uint64, n)
	for i := range cells {
		cells[i] = unknown<<1 | 1
	}
	return cells
}

// extend makes the cell of a state's row and a class and returns the table that has it and the row in that table. If the
// machine has forgotten the state meanwhile, ok is false and the caller has to begin anew. The lock is held.
func (m *Machine) extend(gen int, row, class uint32) (t *table, newRow uint32, ok bool) {
	t = m.table.Load()
	if t.gen != gen {
		return t, 0, false
	}
	if len(t.states) >= maxStates || t.bytes() >= maxBytes {
		st, old := t.states[row/m.row], t
		t = m.newTable(t.gen + 1)
		t.regs, t.column = old.regs, old.column // the captures of the text at hand stay in their registers
		row = m.add(&t, st.items, st.regs, st.ctx, st.key)
		m.forgetful()
		m.built, m.calm = 0, 0
	}
	if t.cells[row+class] == unknown<<1|1 {
		m.b.transition(&t, row, class)
		if m.built++; m.built >= m.calm {
			m.watching.Store(true)
			if !m.search {
				m.filter.Store(nil)
			}
		}
	}
	m.table.Store(t)
	return t, row, true
}

// forgetful notes that the machine forgets.
func (m *Machine) forgetful() {
	now := time.Now()
	if now.Sub(m.forgot) > soon {
		m.hasty = 0
	}
	m.forgot = now
	if m.hasty++; m.hasty > tooHasty {
		m.restive.Store(true)
	}
}

// first returns the state that begins a match where ctx is before it. The lock is held.
func (m *Machine) first(ctx uint8) (*table, start) {
	t := m.table.Load()
	if s := t.starts[ctx]; s.row != 0 {
		return t, s
	}
	b := &m.b
	b.items, b.regs = append(b.items[:0], item{pc: m.nfa.start}), append(b.regs[:0], make([]uint16, m.nfa.tags)...)
	known := ctx
	if !m.nfa.behindReach[m.nfa.start] {
		known = 0
	}
	row, _ := b.intern(&t, known)
	n := *t
	n.starts = slices.Clone(t.starts)
	n.starts[ctx] = start{row, n.states[row/m.row].ahead}
	m.table.Store(&n)
	return &n, n.starts[ctx]
}

// add appends a state to the table.
func (m *Machine) add(t **table, items []item, regs []uint16, ctx uint8, key string) uint32 {
	n := **t
	row := n.used
	if n.used += m.row; int(n.used) > len(n.cells) {
		cells := newCells(2 * uint32(len(n.cells)))
		copy(cells, n.cells)
		n.cells = cells
	}
	n.states = append(n.states, &state{items: slices.Clone(items), regs: slices.Clone(regs), ctx: ctx, key: key})
	n.ids[key] = row
	n.size += stateBytes + len(items)*int(unsafe.Sizeof(item{})) + 2*len(regs) + 2*len(key)
	*t = &n
	return row
}

// What a state, an edge and what lies ahead of a state take beside their lists.
const (
	stateBytes = int(unsafe.Sizeof(state{})) + 64 // and its places in states and ids
	edgeBytes  = int(unsafe.Sizeof(edge{}))
	aheadBytes = int(unsafe.Sizeof(ahead{}) + unsafe.Sizeof(skip{}))
)

// bytes returns the memory of the table, about.
func (t *table) bytes() int { return t.size + 8*len(t.cells) }

// free returns a register that is not in use, if it can be one that the tag has had before: ways that lead to the same
// state then tend to agree.
func (t *table) free(tag int, used []uint16) uint16 {
	for _, r := range t.column[tag] {
		if !slices.Contains(used, r) {
			return r
		}
	}
	r := uint16(t.regs)
	t.regs++
	t.column = slices.Clone(t.column)
	t.column[tag] = append(slices.Clone(t.column[tag]), r)
	return r
}
