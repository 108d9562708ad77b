package automaton

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"
)

// A table holds the states that were built since the machine forgot last, and the transitions between them. Matchers
// read it without a lock: cells are read and written atomically, all else is in place before a cell leads to it.
type table struct {
	gen    int
	cells  []uint64 // state's row + class → row of the next state, or edge; longer than used, shared by versions of the table
	used   uint32
	edges  []edge
	starts []uint32 // context → row of the first state, or 0
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
	skip   *skip    // how to pass over a run of bytes that leaves the state as it is
	looked bool     // skip was decided
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
	skip  *skip
	found *found // the expression that has matched before this byte
}

// A move copies a register.
type move struct{ to, from uint16 }

// found is a match: the expression, and where its slots come from.
type found struct {
	expr  int
	slots []slotSource // of registers instead of tags
	local bool         // none of which is beyond the local ones
}

func (m *Machine) newTable(gen int) *table {
	t := &table{gen: gen, ids: map[string]uint32{}, edges: make([]edge, edgesUsed), starts: make([]uint32, len(m.pre)),
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

// A builder computes transitions. It is used under the machine's lock.
type builder struct {
	m       *Machine
	seen    []uint32 // instruction → the closure that came by last
	taken   []uint32 // the same of items without pending looks
	closure uint32
	pended  []item // places with pending looks that the closure came by

	before int // class of the byte before, -1 at the beginning
	class  uint32
	byte   int // a byte of the class, -1 at the end of the text
	items  []item
	regs   []uint16
	found  *found
	key    []byte
	ids    map[uint16]uint64 // register → its number in the key, for one tag
}

func (b *builder) init(m *Machine) {
	b.m = m
	b.seen, b.taken = make([]uint32, len(m.nfa.insts)), make([]uint32, len(m.nfa.insts))
	b.ids = map[uint16]uint64{}
}

// close computes what follows st on class: the items and where their captures stand, and a match before that byte.
func (b *builder) close(st *state, class uint32) {
	n := b.m.nfa
	b.closure++
	b.pended, b.items, b.regs, b.found = b.pended[:0], b.items[:0], b.regs[:0], nil
	b.before, b.class, b.byte = -1, class, -1
	if pre := b.m.pre[st.ctx]; pre >= 0 {
		b.before = int(b.m.rep[pre])
	}
	if int(class) < len(b.m.rep) {
		b.byte = int(b.m.rep[class])
	}
	for i, it := range st.items {
		if it.pending != 0 && b.byte >= 0 && b.dies(it.pending) {
			continue
		}
		if b.follow(it.pc, 0, st.regs[i*n.tags:(i+1)*n.tags]) {
			return
		}
	}
}

// dies reports whether the byte is the second one of a pending look.
func (b *builder) dies(pending uint8) bool {
	for bit := range b.m.nfa.second {
		if pending>>bit&1 != 0 && b.m.nfa.second[bit].has(byte(b.byte)) {
			return true
		}
	}
	return false
}

// follow goes from pc to all instructions that take the byte, and reports whether one that matches was reached first.
func (b *builder) follow(pc uint32, pending uint8, regs []uint16) bool {
	n := b.m.nfa
	for {
		if !b.visit(pc, pending) {
			return false
		}
		i := &n.insts[pc]
		switch i.op {
		case opAlt:
			if b.follow(i.out, pending, regs) {
				return true
			}
			pc = i.alt
		case opTag:
			regs = slices.Clone(regs)
			regs[i.arg] = regPlace
			pc = i.out
		case opAssert:
			if !b.holds(syntax.EmptyOp(i.arg)) {
				return false
			}
			pc = i.out
		case opLook:
			bit, ok := b.look(int(i.arg))
			if !ok {
				return false
			}
			pending |= bit
			pc = i.out
		case opBytes:
			if b.byte < 0 {
				return false
			}
			for _, a := range i.arcs {
				if n.sets[a.set].has(byte(b.byte)) {
					b.take(item{a.out, pending}, regs)
				}
			}
			return false
		case opMatch:
			if pending != 0 { // it matches unless the second byte of a look follows: wait for it
				b.take(item{pc, pending}, regs)
				return false
			}
			b.found = &found{expr: int(i.arg), local: true}
			for _, s := range n.exprs[i.arg].slots {
				b.found.slots = append(b.found.slots, slotSource{uint32(regs[s.tag]), s.dist})
				b.found.local = b.found.local && regs[s.tag] < localRegs
			}
			return true
		default:
			return false
		}
	}
}

// visit reports whether the closure comes by for the first time.
func (b *builder) visit(pc uint32, pending uint8) bool {
	if pending == 0 {
		if b.seen[pc] == b.closure {
			return false
		}
		b.seen[pc] = b.closure
		return true
	}
	if slices.Contains(b.pended, item{pc, pending}) {
		return false
	}
	b.pended = append(b.pended, item{pc, pending})
	return true
}

// take adds an item of the next state, unless it has it already with a higher priority.
func (b *builder) take(it item, regs []uint16) {
	if it.pending == 0 {
		if b.taken[it.pc] == b.closure {
			return
		}
		b.taken[it.pc] = b.closure
	} else if slices.Contains(b.items, it) {
		return
	}
	b.items = append(b.items, it)
	b.regs = append(b.regs, regs...)
}

// holds reports whether assertions hold between the byte before and the byte.
func (b *builder) holds(op syntax.EmptyOp) bool {
	word := func(c int) bool { return c >= 0 && c < 128 && syntax.IsWordChar(rune(c)) }
	var have syntax.EmptyOp
	if b.before < 0 {
		have |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	} else if b.before == '\n' {
		have |= syntax.EmptyBeginLine
	}
	if b.byte < 0 {
		have |= syntax.EmptyEndText | syntax.EmptyEndLine
	} else if b.byte == '\n' {
		have |= syntax.EmptyEndLine
	}
	if word(b.before) != word(b.byte) {
		have |= syntax.EmptyWordBoundary
	} else {
		have |= syntax.EmptyNoWordBoundary
	}
	return op&^have == 0
}

// look reports whether look k holds, or may hold if what it leaves pending does not follow.
func (b *builder) look(k int) (pending uint8, ok bool) {
	l := &b.m.nfa.looks[k]
	c := b.byte
	if l.Behind {
		c = b.before
	}
	first := c >= 0 && l.First[c]
	if bit := b.m.nfa.seconds[k]; bit >= 0 {
		if first {
			return 1 << bit, true
		}
		return 0, true
	}
	return 0, first != l.Negative
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
	}
	if t.cells[row+class] == unknown<<1|1 {
		m.b.transition(&t, row, class)
	}
	m.table.Store(t)
	return t, row, true
}

// first returns the state that begins a match where ctx is before it. The lock is held.
func (m *Machine) first(ctx uint8) (*table, uint32) {
	t := m.table.Load()
	if row := t.starts[ctx]; row != 0 {
		return t, row
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
	n.starts[ctx] = row
	m.table.Store(&n)
	return &n, row
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

// stateBytes and edgeBytes are what a state and an edge take beside their lists.
const (
	stateBytes = int(unsafe.Sizeof(state{})) + 64 // and its places in states and ids
	edgeBytes  = int(unsafe.Sizeof(edge{}))
)

// bytes returns the memory of the table, about.
func (t *table) bytes() int { return t.size + 8*len(t.cells) }

// stateKey writes down what makes a state: its items, its context, and which captures stand at the same place.
func (b *builder) stateKey(ctx uint8) {
	key := append(b.key[:0], ctx)
	for _, it := range b.items {
		key = binary.AppendUvarint(key, uint64(it.pc))
		key = append(key, it.pending)
	}
	clear(b.ids)
	for _, r := range b.regs {
		id, ok := b.ids[r]
		if !ok && r != regNone {
			id = uint64(len(b.ids) + 1)
			b.ids[r] = id
		}
		key = binary.AppendUvarint(key, id)
	}
	b.key = key
}

// transition computes the cell of a state and a class.
func (b *builder) transition(t **table, row, class uint32) {
	st := (*t).states[row/b.m.row]
	b.close(st, class)
	if len(b.items) == 0 && b.found == nil {
		atomic.StoreUint64(&(*t).cells[row+class], dead<<1|1)
		return
	}
	e := edge{found: b.found}
	if len(b.items) > 0 {
		e.next, e.moves = b.intern(t, b.context(class))
	}
	b.lead(t, row+class, e)
	if e.next == row && len(e.moves) == 0 && !st.looked {
		b.decideSkip(t, st, row)
	}
}

// lead makes a cell lead where e does.
func (b *builder) lead(t **table, at uint32, e edge) {
	n := **t
	if e.set == 0 {
		e.set = regScratch
		if last := len(e.moves) - 1; last >= 0 && e.moves[last].from == regPlace {
			e.set, e.moves = e.moves[last].to, e.moves[:last]
		}
	}
	if target := n.states[e.next/b.m.row]; target != nil {
		if e.found != nil && b.matchesAnyway(target) {
			e.found = nil
		}
		e.skip = target.skip
		target.into = append(target.into, at)
		if e.found == nil && len(e.moves) == 0 && e.skip == nil && e.set < localRegs && !b.beyondASCII(at) {
			atomic.StoreUint64(&n.cells[at], uint64(e.set)<<32|uint64(e.next))
			return
		}
	}
	n.edges = append(n.edges, e)
	n.size += edgeBytes + 4*len(e.moves)
	*t = &n
	b.m.table.Store(&n) // before the cell: who reads it in an older version of the table finds the edge in this one
	atomic.StoreUint64(&n.cells[at], uint64(len(n.edges)-1)<<1|1)
}

// beyondASCII reports whether a cell is of bytes that are not ASCII.
func (b *builder) beyondASCII(cell uint32) bool {
	class := int(cell % b.m.row)
	return class < len(b.m.rep) && b.m.rep[class] >= utf8.RuneSelf
}

// worthSkipping is how many ASCII bytes have to leave a state as it is for the run to be passed over: digits and words are
// mostly so short that going from byte to byte is faster.
const worthSkipping = 80

// decideSkip finds the bytes that leave st as it is, and makes all cells that lead to st pass over them.
func (b *builder) decideSkip(t **table, st *state, row uint32) {
	st.looked = true
	var loop [256]bool
	ascii := 0
	for c := range b.m.rep {
		b.close(st, uint32(c))
		if len(b.items) == 0 || b.found != nil && !b.matchesAnyway(st) {
			continue
		}
		if b.stateKey(b.context(uint32(c))); string(b.key) != st.key || len(b.moves(st.regs)) > 0 {
			continue
		}
		for i := range loop {
			if int(b.m.class[i]) == c && i < utf8.RuneSelf {
				loop[i] = true
				ascii++
			}
		}
	}
	if ascii < worthSkipping {
		return
	}
	st.skip = newSkip(&loop)
	into := st.into
	st.into = nil
	for _, at := range into {
		c := (*t).cells[at]
		e := edge{next: row, set: uint16(c >> 32)}
		if c&1 != 0 {
			e = (*t).edges[c>>1]
		}
		b.lead(t, at, e)
	}
}

// context returns what assertions of the items can tell of a byte of class before them.
func (b *builder) context(class uint32) uint8 {
	for _, it := range b.items {
		if b.m.nfa.behindReach[it.pc] {
			return b.m.ctx[class]
		}
	}
	return 0
}

// intern returns the state of the items and the moves that bring the captures into its registers.
func (b *builder) intern(t **table, ctx uint8) (uint32, []move) {
	m, tags := b.m, b.m.nfa.tags
	b.stateKey(ctx)
	if row, ok := (*t).ids[string(b.key)]; ok {
		return row, b.moves((*t).states[row/m.row].regs)
	}
	n := **t
	regs := slices.Clone(b.regs)
	if first := slices.Index(regs, regPlace); first >= 0 { // all captures that stand here share a register
		fresh := n.free(first%tags, regs)
		for i := range regs {
			if regs[i] == regPlace {
				regs[i] = fresh
			}
		}
	}
	*t = &n
	row := m.add(t, b.items, regs, ctx, string(b.key))
	return row, b.moves(regs)
}

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

// moves returns what brings the captures of b.items from where they stand into the registers regs, in an order in which
// no register is overwritten before it is read.
func (b *builder) moves(regs []uint16) []move {
	var todo, places []move
	for i, to := range regs {
		from := b.regs[i]
		switch {
		case from == to || slices.Contains(todo, move{to, from}) || slices.Contains(places, move{to, from}):
		case from == regPlace:
			places = append(places, move{to, regPlace})
		default:
			todo = append(todo, move{to, from})
		}
	}
	var out []move
	for len(todo) > 0 {
		i := slices.IndexFunc(todo, func(mv move) bool {
			return !slices.ContainsFunc(todo, func(o move) bool { return o.from == mv.to })
		})
		if i < 0 { // a circle: what the first overwrites is read later
			out = append(out, move{regScratch, todo[0].to})
			for j := range todo {
				if todo[j].from == todo[0].to {
					todo[j].from = regScratch
				}
			}
			continue
		}
		out = append(out, todo[i])
		todo = slices.Delete(todo, i, i+1)
	}
	return append(out, places...)
}

// matchesAnyway reports whether every way on from st, the end of the text too, begins with a match: one noted before is
// overwritten then and need not be noted.
func (b *builder) matchesAnyway(st *state) bool {
	b.closure++
	var from func(pc uint32) bool
	from = func(pc uint32) bool {
		if b.seen[pc] == b.closure {
			return false
		}
		b.seen[pc] = b.closure
		switch i := &b.m.nfa.insts[pc]; i.op {
		case opMatch:
			return true
		case opAlt:
			return from(i.out) || from(i.alt)
		case opTag:
			return from(i.out)
		}
		return false
	}
	for _, it := range st.items {
		if it.pending == 0 && from(it.pc) {
			return true
		}
	}
	return false
}
