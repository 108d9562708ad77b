package grok

import (
	"regexp/syntax"
	"unicode"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// newLook returns the assertion whose inside is expr, in Go's syntax. ok is false where an automaton cannot decide it from
// the byte beside a place or, of negative ones ahead, the two bytes behind it: a text of another length, a class that
// divides the runes beyond ASCII. Bytes stand for runes: a set has either none or all of the bytes from 0x80 on, as the class
// has none or all of the runes beyond ASCII, and the first of two is ASCII.
func newLook(expr string, behind, negative bool) (l automaton.Look, ok bool) {
	re, err := syntax.Parse(expr, syntax.Perl|syntax.DotNL)
	if err != nil {
		return automaton.Look{}, false
	}
	sets, ok := byteSets(re)
	if !ok || len(sets) == 0 || len(sets) > 2 {
		return automaton.Look{}, false
	}
	l = automaton.Look{Behind: behind, Negative: negative, First: *sets[0]}
	if len(sets) == 2 {
		if behind || !negative || l.First[0x80] {
			return automaton.Look{}, false
		}
		l.Second = sets[1]
	}
	return l, true
}

// byteSets returns the set of bytes of each rune that re matches; ok is false where it is no sequence of runes of
// fixed length.
func byteSets(re *syntax.Regexp) (sets []*[256]bool, ok bool) {
	switch re.Op {
	case syntax.OpCapture:
		return byteSets(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			s, ok := byteSets(sub)
			if !ok {
				return nil, false
			}
			sets = append(sets, s...)
		}
		return sets, true
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			ranges := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				ranges = folded(r)
			}
			set, ok := byteSet(ranges)
			if !ok {
				return nil, false
			}
			sets = append(sets, set)
		}
		return sets, true
	case syntax.OpCharClass:
		set, ok := byteSet(re.Rune)
		return []*[256]bool{set}, ok
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		set, _ := byteSet([]rune{0, unicode.MaxRune})
		set['\n'] = re.Op == syntax.OpAnyChar
		return []*[256]bool{set}, true
	}
	return nil, false
}

// byteSet returns the bytes of a class, given as pairs of its first and last runes.
func byteSet(ranges []rune) (*[256]bool, bool) {
	var set [256]bool
	beyond := 0 // runes beyond ASCII
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], 0x7F); r++ {
			set[r] = true
		}
		beyond += max(0, int(ranges[i+1])-max(int(ranges[i]), 0x80)+1)
	}
	if beyond == unicode.MaxRune-0x7F {
		for b := 0x80; b < 256; b++ {
			set[b] = true
		}
	}
	return &set, beyond == 0 || set[0x80]
}
