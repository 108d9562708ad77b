package grok

import (
	"slices"
	"strings"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// A Stop tells how far an expression gets in a text that it does not match.
type Stop struct {
	Expr   int      // of a set: the number of the expression that comes furthest, from 0
	Length int      // bytes of the text that its furthest beginning takes; the next byte is the one that does not fit
	Weight int      // how many of them something more precise than "any byte" took: what makes one expression nearer than another
	Refs   []string // the references and named groups around the place that goes no further, as written, the innermost first
	Wanted string   // what would have to follow: a byte in quotes, a class of bytes, or words such as "the end"
}

// Failed names the part of the expression that goes no further.
func (s Stop) Failed() string {
	if len(s.Refs) == 0 {
		return s.Wanted
	}
	return strings.Join(s.Refs, " in ")
}

// stop explains where the expression stops.
func (x *expansion) stop(b []byte) Stop {
	mode := automaton.Prefix
	if x.mode == Whole {
		mode = automaton.Whole
	}
	expr, refs := x.tree.explanation(x.mode)
	s, err := automaton.Explain(expr, mode, b)
	if err != nil {
		return Stop{Wanted: x.source} // too large to explain
	}
	out := Stop{Length: s.Length, Weight: s.Weight, Wanted: s.Wanted}
	for _, g := range slices.Backward(s.Groups) {
		out.Refs = append(out.Refs, refs[g-1])
	}
	return out
}
