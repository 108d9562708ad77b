package automaton

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// distances gives the captures of re their tags. A slot that always follows another at the same distance is no tag of
// its own: it is computed from the other one when the match is known.
func distances(re *syntax.Regexp) expression {
	n := 2 * re.MaxCap()
	w := distanceWalk{e: expression{slots: make([]slotSource, n), none: slices.Repeat([]int32{-1}, n)}}
	w.walk(re, &reference{tag: -1})
	return w.e
}

type distanceWalk struct{ e expression }

// A reference is the tag before a place and how many bytes lie between, or tag -1 where that is not known.
type reference struct {
	tag  int
	dist int32
}

// walk goes through re in the order of the text; at is the reference before re and, on return, after it.
func (w *distanceWalk) walk(re *syntax.Regexp, at *reference) {
	switch re.Op {
	case syntax.OpCapture:
		w.slot(2*re.Cap-2, at)
		w.walk(re.Sub[0], at)
		w.slot(2*re.Cap-1, at)
		return
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			w.walk(sub, at)
		}
		return
	}
	// what stands in an alternative or a repetition may take no part: its slots refer to each other only
	for _, sub := range re.Sub {
		w.walk(sub, &reference{tag: -1})
	}
	if n, ok := width(re); ok {
		at.dist += n
	} else {
		at.tag = -1
	}
}

// slot makes slot i a tag, or computed from the one before. Distance 0 marks tags of their own, so a slot at the place of
// another one stays a tag.
func (w *distanceWalk) slot(i int, at *reference) {
	if at.tag >= 0 && at.dist > 0 {
		w.e.slots[i] = slotSource{uint32(at.tag), at.dist}
		return
	}
	w.e.slots[i] = slotSource{tag: uint32(w.e.tags)}
	*at = reference{tag: w.e.tags}
	w.e.tags++
}

// width returns the number of bytes that re takes, if it is always the same.
func width(re *syntax.Regexp) (int32, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, true
	case syntax.OpLiteral:
		n := 0
		for _, r := range re.Rune {
			if isMarker(r) {
				continue
			}
			if re.Flags&syntax.FoldCase != 0 && !foldsWithin(r) {
				return 0, false
			}
			n += utf8.RuneLen(r)
		}
		return int32(n), true
	case syntax.OpCharClass:
		if len(re.Rune) == 0 || re.Rune[len(re.Rune)-1] >= utf8.RuneSelf {
			return 0, false
		}
		return 1, true
	case syntax.OpCapture:
		return width(re.Sub[0])
	case syntax.OpConcat:
		sum := int32(0)
		for _, sub := range re.Sub {
			n, ok := width(sub)
			if !ok {
				return 0, false
			}
			sum += n
		}
		return sum, true
	case syntax.OpAlternate:
		first, ok := width(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n, same := width(sub)
			ok = ok && same && n == first
		}
		return first, ok
	case syntax.OpRepeat:
		n, ok := width(re.Sub[0])
		return n * int32(re.Min), ok && re.Min == re.Max
	}
	return 0, false
}

// foldsWithin reports whether all forms of r have the same length.
func foldsWithin(r rune) bool {
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if utf8.RuneLen(f) != utf8.RuneLen(r) {
			return false
		}
	}
	return true
}
