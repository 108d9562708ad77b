package grok

import (
	"fmt"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// A Set is several expressions that are tried as one: the first of them that matches counts, as if they were tried in
// their order. It is safe for concurrent use.
type Set struct {
	exprs []*expansion
	parts []part
	slots int
}

// A part is a run of a set's expressions that are one automaton, or one expression that has become none.
type part struct {
	first int // the number of its first expression
	m     *automaton.Machine
	other Matcher // where m is nil
}

// CompileSet compiles expressions that stand for each other; the mode is Prefix or Whole. An error names the expression,
// counted from 1.
func (l *Library) CompileSet(exprs []string, mode Mode) (*Set, error) {
	s := &Set{}
	for i, expr := range exprs {
		x, err := l.expansion(expr, mode)
		if err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i+1, err)
		}
		s.exprs = append(s.exprs, x)
		s.slots = max(s.slots, 2*len(x.tree.caps))
	}
	if err := s.compile(0, len(exprs)); err != nil {
		return nil, err
	}
	return s, nil
}

// compile adds the parts of expressions from to to: one automaton if that can be, else those of both halves.
func (s *Set) compile(from, to int) error {
	if from == to {
		return nil
	}
	var exprs []automaton.Expression
	for i, x := range s.exprs[from:to] {
		if x.unfit != nil {
			return s.around(from, from+i, to, x.unfit)
		}
		exprs = append(exprs, x.expr)
	}
	m, err := automaton.Compile(exprs, automaton.Mode(s.exprs[from].mode))
	if err == nil {
		s.parts = append(s.parts, part{first: from, m: m})
		return nil
	}
	if to-from > 1 {
		half := (from + to) / 2
		if err := s.compile(from, half); err != nil {
			return err
		}
		return s.compile(half, to)
	}
	return s.around(from, from, to, err)
}

// around adds a fallback for expression i, and the parts of those from before it and to behind it.
func (s *Set) around(from, i, to int, reason error) error {
	if err := s.compile(from, i); err != nil {
		return err
	}
	other, err := s.exprs[i].fallback(reason)
	if err != nil {
		return fmt.Errorf("pattern %d: %w", i+1, err)
	}
	s.parts = append(s.parts, part{first: i, other: other})
	return s.compile(i+1, to)
}

// Len returns the number of expressions.
func (s *Set) Len() int { return len(s.exprs) }

// Match returns the number, from 0, of the first expression that matches b, or -1. Capture i of that expression then is
// b[slots[2*i]:slots[2*i+1]], both -1 where it took no part. slots has room for Slots numbers; it is left as it is
// without a match.
func (s *Set) Match(b []byte, slots []int32) int {
	for i := range s.parts {
		p := &s.parts[i]
		if p.m == nil {
			if p.other.Match(b, slots) {
				return p.first
			}
		} else if n := p.m.Match(b, slots); n >= 0 {
			return p.first + n
		}
	}
	return -1
}

// Captures returns the captures of expression i, whose order is that of its slots. The caller must not change it.
func (s *Set) Captures(i int) []Capture { return s.exprs[i].tree.caps }

// Slots returns the number of slots that Match needs.
func (s *Set) Slots() int { return s.slots }

// Engine returns what runs expression i, as a Matcher does.
func (s *Set) Engine(i int) (name, reason string) {
	for _, p := range s.parts {
		if p.first == i && p.m == nil {
			return p.other.Engine()
		}
	}
	return "automaton", ""
}

// Expr returns expression i as it was written.
func (s *Set) Expr(i int) string { return s.exprs[i].source }

// Stop tells, for bytes that no expression matches, which of them is nearest and where it stops.
func (s *Set) Stop(b []byte) Stop {
	var best Stop
	for i, x := range s.exprs {
		if stop := x.stop(b); i == 0 || stop.Weight > best.Weight {
			best = stop
			best.Expr = i
		}
	}
	return best
}
