package grok

// RegexpText returns the regular expression, for Go's regexp, that expr becomes: what its matchers are held to. It is
// empty where Go's regexp does not understand it.
func RegexpText(m Matcher) string {
	a, ok := m.(*Automaton)
	if !ok || len(a.x.expr.Looks) > 0 {
		return ""
	}
	return a.x.mode.anchored(a.x.expr.Text)
}

// Parts returns the number of automata and fallbacks that s is made of.
func (s *Set) Parts() int { return len(s.built()) }
