package grok

import (
	"regexp"
)

// Regexp is a Matcher on Go's regexp, for expressions that are too large for an automaton.
type Regexp struct {
	re     *regexp.Regexp
	x      *expansion
	reason string
}

// fallback returns the matcher of an expression that has become no automaton for a reason: Go's regexp, or if that does
// not do it either, regexp2.
func (x *expansion) fallback(reason error) (Matcher, error) {
	if x.unfit == nil && len(x.expr.Looks) == 0 {
		if re, err := regexp.Compile(x.mode.anchored(x.expr.Text)); err == nil {
			return &Regexp{re, x, reason.Error()}, nil
		}
	}
	return newRegexp2(x, reason.Error())
}

// Match implements Matcher.
func (m *Regexp) Match(b []byte, slots []int32) bool {
	loc := m.re.FindSubmatchIndex(b)
	if loc == nil {
		return false
	}
	for i := range m.x.tree.caps {
		slots[2*i], slots[2*i+1] = int32(loc[2*i+2]), int32(loc[2*i+3])
	}
	return true
}

// Captures implements Matcher.
func (m *Regexp) Captures() []Capture { return m.x.tree.caps }

// Engine implements Matcher.
func (m *Regexp) Engine() (name, reason string) { return "regexp", m.reason }

// Stop implements Matcher.
func (m *Regexp) Stop(b []byte) Stop { return m.x.stop(b) }
