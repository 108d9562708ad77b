package automaton

import (
	"regexp/syntax"
	"slices"
)

// A builder computes transitions. It is used under the machine's lock.
type builder struct {
	m       *Machine
	seen    []uint32 // instruction → the closure that came by last
	taken   []uint32 // the same of items without pending looks
	closure uint32
	pended  []item   // places with pending looks that the closure came by
	tagged  []uint16 // memory for the registers of the way at hand

	before int // class of the byte before, -1 at the beginning
	class  uint32
	byte   int // a byte of the class, -1 at the end of the text
	items  []item
	regs   []uint16
	found  *found
	key    []byte
	keys   uint64
	ids    []keyID // register → its number in the key that it stood in last
}

// A keyID is the number of a register in the key with a number.
type keyID struct {
	key uint64
	id  uint16
}

func (b *builder) init(m *Machine) {
	b.m = m
	b.seen, b.taken = make([]uint32, len(m.nfa.insts)), make([]uint32, len(m.nfa.insts))
}

// close computes what follows st on class: the items and where their captures stand, and a match before that byte.
func (b *builder) close(st *state, class uint32) {
	n := b.m.nfa
	b.closure++
	b.pended, b.tagged, b.items, b.regs, b.found = b.pended[:0], b.tagged[:0], b.items[:0], b.regs[:0], nil
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

// follow goes from pc to all instructions that take the byte, and reports whether one that matches, or surely will, was
// reached first: what has a lower priority does not matter.
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
			at := len(b.tagged)
			b.tagged = append(b.tagged, regs...)
			regs = b.tagged[at:len(b.tagged):len(b.tagged)]
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
					return pending == 0 && n.surely != nil && n.surely[a.out]
				}
			}
			return false
		case opMatch:
			if pending != 0 { // it matches unless the second byte of a look follows: wait for it
				b.take(item{pc, pending}, regs)
				return false
			}
			b.found = n.exprs[i.arg].found(int(i.arg), regs)
			return true
		default:
			return false
		}
	}
}

// found returns the match of an expression whose tags are in regs.
func (e *expression) found(expr int, regs []uint16) *found {
	f := &found{expr: expr, slots: make([]slotSource, len(e.slots))}
	var set []uint16
	local := true
	for i, s := range e.slots {
		r := regs[s.tag]
		f.slots[i] = slotSource{uint32(r), s.dist}
		local = local && r < localRegs
		if r != regNone {
			set = append(set, uint16(i))
		}
	}
	if !local || 3*len(set) <= len(e.slots) {
		f.few, f.none = set, e.none
	}
	return f
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
