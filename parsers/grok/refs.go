package grok

// Refs returns for each capture of m, in their order, the reference or the head of the named group that it comes from, as
// written: %{IP:source.ip}, (?<user.name>…).
func Refs(m Matcher) []string {
	switch m := m.(type) {
	case *Automaton:
		return m.x.tree.refs()
	case *Regexp:
		return m.x.tree.refs()
	case *Regexp2:
		return m.x.tree.refs()
	}
	return make([]string, len(m.Captures()))
}

// Refs returns for each capture of expression i what Refs returns of a matcher.
func (s *Set) Refs(i int) []string { return s.exprs[i].tree.refs() }

func (t *tree) refs() []string {
	refs := make([]string, len(t.caps))
	var walk func(*node)
	walk = func(n *node) {
		if n.op == opCapture {
			refs[n.capture] = n.written
		}
		for _, sub := range n.subs {
			walk(sub)
		}
	}
	walk(t.root)
	return refs
}
