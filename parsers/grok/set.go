package grok

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// A Set is several expressions that are tried as one: the first of them that matches counts, as if they were tried in
// their order. It is safe for concurrent use. Most formats never see a line of theirs, so a set is built when it is used
// first.
type Set struct {
	exprs []*expansion
	slots int
	mu    sync.Mutex
	parts atomic.Pointer[[]part] // nil: not built

	one atomic.Pointer[automaton.Machine] // the only part, as most sets have it; else nil
}

// A part is a run of a set's expressions that are one automaton, or one expression that has become none.
type part struct {
	first int // the number of its first expression
	m     *automaton.Machine
	other Matcher // where m is nil
	err   error   // where other is nil too: nothing can run the expression, and it matches nothing
}

// CompileSet compiles expressions that stand for each other; the mode is Prefix or Whole. An error names the expression,
// counted from 1.
func (l *Library) CompileSet(exprs []string, mode Mode) (*Set, error) {
	s := &Set{}
	for i, expr := range exprs {
		x, err := l.expansion(expr, mode)
		if err == nil && !l.proven {
			err = x.check()
		}
		if err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i+1, err)
		}
		s.exprs = append(s.exprs, x)
		s.slots = max(s.slots, 2*len(x.tree.caps))
	}
	return s, nil
}

// check returns an error if nothing can run the expression.
func (x *expansion) check() error {
	if x.unfit != nil {
		_, err := x.fallback(x.unfit)
		return err
	}
	return automaton.Check(x.expr)
}

// Together returns a set of the expressions of all sets, in their order. The sets have one mode.
func Together(sets ...*Set) *Set {
	s := &Set{}
	for _, x := range sets {
		s.exprs = append(s.exprs, x.exprs...)
		s.slots = max(s.slots, x.slots)
	}
	return s
}

// Length returns how long the expressions are, in bytes, with their references replaced: their automaton is about as
// large.
func (s *Set) Length() int {
	n := 0
	for _, x := range s.exprs {
		n += len(x.expr.Text)
	}
	return n
}

// built returns the parts.
func (s *Set) built() []part {
	if p := s.parts.Load(); p != nil {
		return *p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts.Load() == nil {
		s.keep(s.build(nil, 0, len(s.exprs)))
	}
	return *s.parts.Load()
}

// build appends the parts of expressions from to to: one automaton if that can be, else those of both halves.
func (s *Set) build(parts []part, from, to int) []part {
	if from == to {
		return parts
	}
	var exprs []automaton.Expression
	for i, x := range s.exprs[from:to] {
		if x.unfit != nil {
			return s.around(parts, from, from+i, to, x.unfit)
		}
		exprs = append(exprs, x.expr)
	}
	m, err := automaton.Compile(exprs, automaton.Mode(s.exprs[from].mode))
	switch {
	case err == nil:
		return append(parts, part{first: from, m: m})
	case to-from > 1:
		return s.halves(parts, from, to)
	}
	return s.around(parts, from, from, to, err)
}

func (s *Set) halves(parts []part, from, to int) []part {
	half := (from + to) / 2
	return s.build(s.build(parts, from, half), half, to)
}

// around appends a fallback for expression i, and the parts of those from before it and to behind it.
func (s *Set) around(parts []part, from, i, to int, reason error) []part {
	parts = s.build(parts, from, i)
	other, err := s.exprs[i].fallback(reason)
	return s.build(append(parts, part{first: i, other: other, err: err}), i+1, to)
}

// split puts the expressions of a restive automaton into two, unless others did so before.
func (s *Set) split(m *automaton.Machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []part
	for i, p := range *s.parts.Load() {
		if p.m != m {
			parts = append(parts, p)
			continue
		}
		to := len(s.exprs)
		if later := (*s.parts.Load())[i+1:]; len(later) > 0 {
			to = later[0].first
		}
		parts = s.halves(parts, p.first, to)
	}
	s.keep(parts)
}

// keep makes parts those of the set. The lock is held.
func (s *Set) keep(parts []part) {
	var one *automaton.Machine
	if len(parts) == 1 {
		one = parts[0].m
	}
	s.one.Store(one)
	s.parts.Store(&parts)
}

// Len returns the number of expressions.
func (s *Set) Len() int { return len(s.exprs) }

// Match returns the number, from 0, of the first expression that matches b, or -1. Capture i of that expression then is
// b[slots[2*i]:slots[2*i+1]], both -1 where it took no part. slots has room for Slots numbers; it is left as it is
// without a match.
func (s *Set) Match(b []byte, slots []int32) int {
	if m := s.one.Load(); m != nil {
		n := m.Match(b, slots)
		if m.Restive() && m.Len() > 1 {
			s.split(m)
		}
		return n
	}
	parts := s.built()
	for i := range parts {
		p := &parts[i]
		if p.m == nil {
			if p.err == nil && p.other.Match(b, slots) {
				return p.first
			}
			continue
		}
		n := p.m.Match(b, slots)
		if p.m.Restive() && p.m.Len() > 1 {
			s.split(p.m)
		}
		if n >= 0 {
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
	for _, p := range s.built() {
		switch {
		case p.first != i || p.m != nil:
		case p.err != nil:
			return "none", p.err.Error()
		default:
			return p.other.Engine()
		}
	}
	return "automaton", ""
}

// Size returns the memory that the automata of the set take, in bytes, about. It grows with what they see, up to some
// megabytes each.
func (s *Set) Size() int {
	n := 0
	for _, p := range s.built() {
		if p.m != nil {
			n += p.m.Stats().Bytes
		}
	}
	return n
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
