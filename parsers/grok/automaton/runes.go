package automaton

import (
	"unicode"
	"unicode/utf8"
)

// byteRange is a range of bytes.
type byteRange struct{ lo, hi byte }

// runes returns the arcs that take one rune of the ranges (pairs of first and last rune) and lead to out. The text is
// valid UTF-8, so what no valid text can hold need not be refused.
func (n *nfa) runes(ranges []rune, out uint32) []arc {
	var r *runeCompiler
	var ascii byteSet
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], min(ranges[i+1], unicode.MaxRune)
		if lo < utf8.RuneSelf {
			ascii.add(byte(lo), byte(min(hi, utf8.RuneSelf-1)))
			lo = utf8.RuneSelf
		}
		if lo <= hi {
			if r == nil {
				r = &runeCompiler{n: n, out: out, made: map[[2]uint32]uint32{}}
			}
			r.split(lo, hi)
		}
	}
	var arcs []arc
	if ascii != (byteSet{}) {
		arcs = append(arcs, arc{n.set(ascii), out})
	}
	if r == nil {
		return arcs
	}
	return append(arcs, r.arcs(r.root)...)
}

// A runeCompiler collects sequences of bytes as a tree and turns it into arcs.
type runeCompiler struct {
	n    *nfa
	out  uint32
	root []*branch
	made map[[2]uint32]uint32 // (set, out) → instruction, so that common ends exist once
}

// A branch takes a byte of its range, then one of what follows; nothing follows the last byte of a rune.
type branch struct {
	byteRange
	next []*branch
}

// split adds the runes from lo to hi, none of them ASCII.
func (r *runeCompiler) split(lo, hi rune) {
	// surrogates are in no valid text: ranges may run over them as far as the bytes allow
	for n := 2; n <= 4; n++ { // of as many bytes
		first, last := [...]rune{2: 0x80, 3: 0x800, 4: 0x10000}[n], [...]rune{2: 0x7FF, 3: 0xFFFF, 4: unicode.MaxRune}[n]
		from, to := max(lo, first), min(hi, last)
		if from <= to {
			r.splitSame(from, to, n)
		}
	}
}

// splitSame adds a range of runes that are encoded in n bytes.
func (r *runeCompiler) splitSame(lo, hi rune, n int) {
	if n == 4 && lo <= 0x10000 && hi == unicode.MaxRune { // all of them
		r.add([]byteRange{{0xF0, 0xF4}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}})
		return
	}
	if n == 3 && lo == 0x800 && hi == 0xFFFF {
		r.add([]byteRange{{0xE0, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}})
		return
	}
	for i := 1; i < n; i++ {
		mask := rune(1)<<(6*i) - 1
		if lo&^mask != hi&^mask {
			if lo&mask != 0 {
				r.splitSame(lo, lo|mask, n)
				r.splitSame(lo|mask+1, hi, n)
				return
			}
			if hi&mask != mask {
				r.splitSame(lo, hi&^mask-1, n)
				r.splitSame(hi&^mask, hi, n)
				return
			}
		}
	}
	a, b := encode(lo, n), encode(hi, n)
	seq := make([]byteRange, n)
	for i := range seq {
		seq[i] = byteRange{a[i], b[i]}
	}
	r.add(seq)
}

// encode writes r in n bytes, surrogates too.
func encode(r rune, n int) [4]byte {
	var b [4]byte
	for i := n - 1; i > 0; i-- {
		b[i] = 0x80 | byte(r&0x3F)
		r >>= 6
	}
	b[0] = [...]byte{2: 0xC0, 3: 0xE0, 4: 0xF0}[n] | byte(r)
	return b
}

func (r *runeCompiler) add(seq []byteRange) {
	at := &r.root
	for _, br := range seq {
		if n := len(*at); n > 0 && (*at)[n-1].byteRange == br {
			at = &(*at)[n-1].next
			continue
		}
		b := &branch{byteRange: br}
		*at = append(*at, b)
		at = &b.next
	}
}

// arcs returns the arcs of the branches, those with the same continuation as one.
func (r *runeCompiler) arcs(branches []*branch) []arc {
	var outs []uint32
	sets := map[uint32]*byteSet{}
	for _, b := range branches {
		out := r.out
		if len(b.next) > 0 {
			out = r.cont(b.next)
		}
		if sets[out] == nil {
			sets[out] = &byteSet{}
			outs = append(outs, out)
		}
		sets[out].add(b.lo, b.hi)
	}
	var arcs []arc
	for _, out := range outs {
		arcs = append(arcs, arc{r.n.set(*sets[out]), out})
	}
	return arcs
}

// cont returns the instruction that takes one of the branches.
func (r *runeCompiler) cont(branches []*branch) uint32 {
	arcs := r.arcs(branches)
	if len(arcs) == 1 {
		key := [2]uint32{arcs[0].set, arcs[0].out}
		if at, ok := r.made[key]; ok {
			return at
		}
		at := r.n.emit(inst{op: opBytes, arcs: arcs})
		r.made[key] = at
		return at
	}
	return r.n.emit(inst{op: opBytes, arcs: arcs})
}
