package grok

// RegexpText returns the regular expression, for Go's regexp, that expr becomes: what its matchers are held to.
func RegexpText(m Matcher) string {
	x := m.(*Automaton).x
	switch x.mode {
	case Prefix:
		return `\A(?:` + x.text + `)`
	case Whole:
		return `\A(?:` + x.text + `)\z`
	}
	return x.text
}
