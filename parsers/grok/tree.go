package grok

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// An op says what a node of an expression is.
type op uint8

const (
	opText    op = iota // the rune char
	opClass             // one rune of class
	opAny               // one rune
	opAssert            // assert: a place without width
	opConcat            // subs, one after the other; none: the empty expression
	opAlt               // one of subs, the first that lets the rest match
	opGroup             // subs[0], in parentheses that capture nothing unless a back-reference counts them
	opCapture           // subs[0], captured
	opAtomic            // subs[0], whose first match is final
	opLook              // subs[0] stands before or after the place, or does not
	opRepeat            // subs[0], min to max times
	opBackref           // what a capture or a counted group took
)

// A node is a part of an expression whose references have been expanded. Flags are resolved: fold stands on the nodes
// that match any case.
type node struct {
	op       op
	assert   byte // opAssert: one of ^ $ b B A z Z G
	fold     bool // opText, opClass, opBackref
	lazy     bool // opRepeat
	keeps    bool // opRepeat: possessive, it gives nothing back
	behind   bool // opLook
	negative bool // opLook
	counted  bool // opBackref: refs is of counted groups
	char     rune
	capture  int32 // opCapture: its number. opGroup: its number among the groups without a name, from 1
	subs     []*node
	min, max int // opRepeat; max -1: any number
	// written is of an opClass [...] in Go's syntax, of an opAtomic the whole if no flag is set, of an opCapture or opGroup the
	// reference or the head of the named group, both as they were written.
	written string
	refs    []int // opBackref: numbers of the captures of that name, or one of a counted group
}

func concat(subs ...*node) *node {
	if len(subs) == 1 {
		return subs[0]
	}
	return &node{op: opConcat, subs: subs}
}

// runes returns the runes that one rune of n may be, as pairs of first and last; ok is false where n is not always one
// rune.
func (n *node) runes() (ranges []rune, ok bool) {
	switch n.op {
	case opText:
		if n.fold {
			return folded(n.char), true
		}
		return []rune{n.char, n.char}, true
	case opClass:
		return classRanges(n.written, n.fold), true
	case opAny:
		return []rune{0, unicode.MaxRune}, true
	case opGroup:
		return n.subs[0].runes()
	}
	return nil, false
}

// folded returns r and the runes that differ from it in case only, as pairs.
func folded(r rune) []rune {
	ranges := []rune{r, r}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		ranges = append(ranges, f, f)
	}
	return ranges
}

// classRanges returns the runes of a class in Go's syntax, as pairs of first and last in ascending order.
func classRanges(class string, fold bool) []rune {
	flags := syntax.Perl
	if fold {
		flags |= syntax.FoldCase
	}
	re, err := syntax.Parse(class, flags)
	if err != nil {
		return nil // never: it was made from such ranges or has been parsed before
	}
	switch re.Op {
	case syntax.OpCharClass:
		return re.Rune
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return folded(re.Rune[0])
		}
		return []rune{re.Rune[0], re.Rune[0]}
	case syntax.OpAnyChar:
		return []rune{0, unicode.MaxRune}
	case syntax.OpAnyCharNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	return nil
}

// single reports whether n matches at most one text at any place, so that making it atomic changes nothing: it has
// neither a choice nor a repetition of varying length.
func (n *node) single() bool {
	switch n.op {
	case opText, opClass, opAny, opAssert, opLook, opAtomic:
		return true
	case opRepeat:
		return (n.min == n.max || n.keeps) && n.subs[0].single()
	case opConcat, opGroup, opCapture:
		for _, sub := range n.subs {
			if !sub.single() {
				return false
			}
		}
		return true
	}
	return false
}

// captures reports whether there is a capture within n.
func (n *node) captures() bool {
	return n.op == opCapture || slices.ContainsFunc(n.subs, (*node).captures)
}
