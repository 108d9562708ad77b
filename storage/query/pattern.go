package query

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// pattern is a regular expression with the texts of which one stands in everything that it matches. Looking for them
// is some twenty times as fast as Go's regexp, and most values have none; those that have one are matched by an automaton, which
// is built when it is asked first. It is safe for concurrent use.
type pattern struct {
	re      *regexp.Regexp
	needles []string      // in ASCII lower case; none: nothing is known
	by      [256][]string // by first byte, of either case
	machine func() *automaton.Machine
}

func newPattern(re *regexp.Regexp) *pattern {
	p := &pattern{re: re}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		p.machine = func() *automaton.Machine { return nil }
		return p
	}
	p.machine = sync.OnceValue(func() *automaton.Machine { return machineOf(re, tree) })
	p.needles = needles(tree.Simplify())
	for _, n := range p.needles {
		p.by[n[0]] = append(p.by[n[0]], n)
		if c := n[0]; c >= 'a' && c <= 'z' {
			p.by[c-'a'+'A'] = append(p.by[c-'a'+'A'], n)
		}
	}
	return p
}

// machineOf returns an automaton that tells whether an expression matches, nil where there is none. It looks from the beginning of
// a text for one match of any length: where that begins is not asked.
func machineOf(re *regexp.Regexp, tree *syntax.Regexp) *automaton.Machine {
	text := re.String()
	if tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText {
		text = "(?s:.*?)(?:" + text + ")"
	}
	m, err := automaton.Compile([]automaton.Expression{{Text: text, NoCaptures: true}}, automaton.Prefix)
	if err != nil {
		return nil
	}
	return m
}

// match reports whether the expression matches v.
func (p *pattern) match(v []byte) bool {
	if m := p.machine(); m != nil && !m.Restive() {
		return m.Match(v, nil) >= 0
	}
	return p.may(v) && p.re.Match(v)
}

// may reports whether one of the needles stands in v.
func (p *pattern) may(v []byte) bool {
	if len(p.needles) == 0 {
		return true
	}
	for i, c := range v {
		for _, n := range p.by[c] {
			if foldedPrefix(v[i:], n) {
				return true
			}
		}
	}
	return false
}

// foldedPrefix reports whether v begins with n, which is in ASCII lower case.
func foldedPrefix(v []byte, n string) bool {
	if len(v) < len(n) {
		return false
	}
	for i := range len(n) {
		c := v[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != n[i] {
			return false
		}
	}
	return true
}
