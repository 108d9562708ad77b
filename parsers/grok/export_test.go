package grok

import "time"

// A loaded machine must not make a match of a fallback look like none.
func init() { SetMatchTimeout(2 * time.Second) }

// SetMatchTimeout sets the time-out of fallbacks that are compiled from now on, and returns the one before.
func SetMatchTimeout(d time.Duration) time.Duration {
	before := matchTimeout
	matchTimeout = d
	return before
}

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
