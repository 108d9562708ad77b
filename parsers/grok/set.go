package grok

import "fmt"

// A Mode says where in the text an expression has to stand.
type Mode int

// The modes of a Set.
const (
	Search Mode = iota // anywhere; the leftmost match counts
	Prefix             // at the beginning of the text
	Whole              // from the beginning of the text to its end
)

// A Set is several expressions that are tried as one: the first of them that matches counts, as if they were tried in
// their order. It is safe for concurrent use.
type Set struct {
	matchers []*Regexp
}

// CompileSet compiles expressions that stand for each other. An error names the expression, counted from 1.
func (l *Library) CompileSet(exprs []string, mode Mode) (*Set, error) {
	before, after := "(?sm)", ""
	switch mode {
	case Prefix:
		before, after = `(?s)\A(?:`, ")"
	case Whole:
		before, after = `(?s)\A(?:`, `)\z`
	}
	s := &Set{}
	for i, expr := range exprs {
		m, err := l.compile(expr, before, after)
		if err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i+1, err)
		}
		s.matchers = append(s.matchers, m)
	}
	return s, nil
}

// Len returns the number of expressions.
func (s *Set) Len() int { return len(s.matchers) }

// Match returns the number, from 0, of the first expression that matches b, or -1. Capture i of that expression then is
// b[slots[2*i]:slots[2*i+1]], both -1 where it took no part. slots has room for Slots numbers; it is left as it is
// without a match.
func (s *Set) Match(b []byte, slots []int32) int {
	for i, m := range s.matchers {
		if m.Match(b, slots) {
			return i
		}
	}
	return -1
}

// Captures returns the captures of expression i, whose order is that of its slots. The caller must not change it.
func (s *Set) Captures(i int) []Capture { return s.matchers[i].captures }

// Slots returns the number of slots that Match needs.
func (s *Set) Slots() int {
	n := 0
	for _, m := range s.matchers {
		n = max(n, 2*len(m.captures))
	}
	return n
}

// Stop tells, for bytes that no expression matches, which of them gets furthest: its number, the length of the prefix of
// b that its longest matching beginning takes, and the part of it that then fails.
func (s *Set) Stop(b []byte) (expr, length int, failed string) {
	for i, m := range s.matchers {
		if n, part := m.Stop(b); i == 0 || n > length {
			expr, length, failed = i, n, part
		}
	}
	return expr, length, failed
}
