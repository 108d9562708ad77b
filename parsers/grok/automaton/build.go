package automaton

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unicode/utf8"
)

// stateKey writes down what makes a state: its items, its context, and which captures stand at the same place.
func (b *builder) stateKey(ctx uint8) {
	key := append(b.key[:0], ctx)
	for _, it := range b.items {
		key = binary.AppendUvarint(key, uint64(it.pc))
		key = append(key, it.pending)
	}
	b.keys++
	id := uint16(0)
	for _, r := range b.regs {
		if more := int(r) + 1 - len(b.ids); more > 0 {
			b.ids = append(b.ids, make([]keyID, more)...)
		}
		if at := &b.ids[r]; at.key != b.keys && r != regNone {
			id++
			*at = keyID{b.keys, id}
		}
		key = binary.AppendUvarint(key, uint64(b.ids[r].id))
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
		if e.ahead = target.ahead; e.ahead != nil && e.ahead.skip == nil && e.next == at-at%b.m.row {
			e.ahead = nil // it was tried when the texts came here first
		}
		target.into = append(target.into, at)
		if e.found == nil && len(e.moves) == 0 && e.ahead == nil && e.set < localRegs && !b.beyondASCII(at) {
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
	a := ahead{}
	if st.ahead != nil {
		a = *st.ahead
	}
	a.skip = newSkip(&loop)
	b.setAhead(t, row, &a)
}

// setAhead makes all cells that lead to the state of row pass over a.
func (b *builder) setAhead(t **table, row uint32, a *ahead) {
	n := **t
	n.size += aheadBytes
	if slices.ContainsFunc(n.starts, func(s start) bool { return s.row == row }) {
		n.starts = slices.Clone(n.starts)
		for i := range n.starts {
			if n.starts[i].row == row {
				n.starts[i].ahead = a
			}
		}
	}
	*t = &n
	b.m.table.Store(&n)
	st := n.states[row/b.m.row]
	st.ahead = a
	into := st.into
	st.into = nil
	for _, at := range into {
		e, _ := (*t).edge(at)
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
