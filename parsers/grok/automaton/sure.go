package automaton

import "regexp/syntax"

// An anyRune is the instruction that takes any rune and leads to out. Those from first to last, exclusively, take its other
// bytes.
type anyRune struct{ at, out, first, last uint32 }

// sure finds the instructions from which every text matches to its end, since any rune leads back to where the end matches:
// as in .* at the end of an expression. What has a lower priority than such an instruction need not be followed.
func (n *nfa) sure() {
	var work []uint32
	mark := func(pc uint32) {
		if n.surely == nil {
			n.surely = make([]bool, len(n.insts))
		}
		if !n.surely[pc] {
			n.surely[pc] = true
			work = append(work, pc)
		}
	}
	for _, any := range n.anyRune {
		if n.endsOrTakes(any.out, any.at) {
			mark(any.out)
			for pc := any.first; pc < any.last; pc++ {
				mark(pc)
			}
		}
	}
	if work == nil {
		return
	}
	// what leads to such an instruction without a condition is one, too
	from := make([][]uint32, len(n.insts))
	for pc := range n.insts {
		switch i := &n.insts[pc]; i.op {
		case opAlt:
			from[i.alt] = append(from[i.alt], uint32(pc))
			from[i.out] = append(from[i.out], uint32(pc))
		case opTag:
			from[i.out] = append(from[i.out], uint32(pc))
		}
	}
	for len(work) > 0 {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		for _, f := range from[pc] {
			mark(f)
		}
	}
}

// endsOrTakes reports whether from pc, before a byte is taken, both the instruction take is reached and a match, if the text
// ends there.
func (n *nfa) endsOrTakes(pc, take uint32) bool {
	seen := map[uint32]bool{}
	takes, ends := false, false
	var follow func(pc uint32, atEnd bool)
	follow = func(pc uint32, atEnd bool) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch i := &n.insts[pc]; i.op {
		case opAlt:
			follow(i.out, atEnd)
			follow(i.alt, atEnd)
		case opTag:
			follow(i.out, atEnd)
		case opAssert:
			if i.arg == uint32(syntax.EmptyEndText) {
				follow(i.out, true)
			}
		case opBytes:
			takes = takes || pc == take && !atEnd
		case opMatch:
			ends = true
		}
	}
	follow(pc, false)
	return takes && ends
}
