package grok

import (
	"regexp/syntax"
	"unicode"
)

// lookMarker is the rune that stands for the first look-around assertion of an expression, lookMarker+1 for the
// second, and so on. It lies in a private use area of Unicode, where no log has a meaning to match.
const lookMarker rune = 0x10F000

// maxLooks bounds the assertions of an expression: as many as there are markers.
const maxLooks = 0xF00

// A look is an assertion about the bytes beside a position, which an automaton decides from what it has just read and
// what it reads next. It holds, unless negative, where the byte before (behind) or after the position is in first and,
// with second, the byte after that one is in second. At the end of the text there is no byte, so nothing is in any set.
//
// Bytes stand for runes: a set has either none or all of the bytes from 0x80 on, as the class that it is made from has
// none or all of the runes beyond ASCII. With second all members of first are ASCII, so both bytes begin runes.
type look struct {
	behind   bool
	negative bool
	first    *[256]bool
	second   *[256]bool // nil: one byte only; of negative ones ahead only
}

// newLook returns the look whose inside is expr, in Go's syntax. ok is false where a look cannot tell it: a text of
// another length than one, a class that divides the runes beyond ASCII.
func newLook(expr string, behind, negative bool) (l look, ok bool) {
	re, err := syntax.Parse(expr, syntax.Perl|syntax.DotNL)
	if err != nil {
		return look{}, false
	}
	sets, ok := byteSets(re)
	if !ok || len(sets) == 0 || len(sets) > 2 {
		return look{}, false
	}
	l = look{behind: behind, negative: negative, first: sets[0]}
	if len(sets) == 2 {
		if behind || !negative || l.first[0x80] {
			return look{}, false
		}
		l.second = sets[1]
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
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					ranges = append(ranges, f, f)
				}
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
