package grok

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// parts is the expression as the list of what it is a concatenation of, made when it is first asked for.
type parts struct {
	once sync.Once
	expr []string
	lit  []string // the text of parts that are literal, else ""
}

func (p *parts) split(source string) {
	re, err := syntax.Parse(source, syntax.Perl|syntax.DotNL)
	if err != nil {
		return
	}
	for _, sub := range flatten(re) {
		lit := ""
		if sub.Op == syntax.OpLiteral {
			lit = string(sub.Rune)
		}
		p.expr, p.lit = append(p.expr, sub.String()), append(p.lit, lit)
	}
}

// Stop implements Matcher: it tries the expression's beginnings, longest first, and returns the longest text that
// the first one that matches takes.
func (m *Regexp) Stop(b []byte) (int, string) {
	m.parts.once.Do(func() { m.parts.split(m.source) })
	for n := len(m.parts.expr) - 1; n >= 0; n-- {
		head := strings.Join(m.parts.expr[:n], ")(?:")
		re, err := regexp.Compile(`(?s)\A(?:` + head + ")")
		if err != nil {
			continue
		}
		if loc := re.FindIndex(b); loc != nil {
			return loc[1] + commonPrefix(b[loc[1]:], m.parts.lit[n]), m.parts.expr[n]
		}
	}
	return 0, m.source
}

// flatten returns the parts that re is a concatenation of, captures and groups opened.
func flatten(re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpConcat:
		var parts []*syntax.Regexp
		for _, sub := range re.Sub {
			parts = append(parts, flatten(sub)...)
		}
		return parts
	case syntax.OpCapture:
		return flatten(re.Sub[0])
	}
	return []*syntax.Regexp{re}
}

func commonPrefix(b []byte, s string) int {
	n := 0
	for n < len(b) && n < len(s) && b[n] == s[n] {
		n++
	}
	return n
}
