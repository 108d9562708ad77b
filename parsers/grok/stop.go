package grok

import (
	"regexp"
	"regexp/syntax"
)

// Stop implements Matcher: it tries the expression's beginnings, longest first, and returns the longest text that
// the first one that matches takes.
func (m *Regexp) Stop(b []byte) (int, string) {
	re, err := syntax.Parse(m.source, syntax.Perl|syntax.DotNL)
	if err != nil {
		return 0, ""
	}
	parts := flatten(re)
	for n := len(parts) - 1; n >= 0; n-- {
		head := `\A`
		for _, p := range parts[:n] {
			head += "(?:" + p.String() + ")"
		}
		prog, err := regexp.Compile("(?s)" + head)
		if err != nil {
			continue
		}
		loc := prog.FindIndex(b)
		if loc == nil {
			continue
		}
		end := loc[1]
		if lit := parts[n]; lit.Op == syntax.OpLiteral {
			end += commonPrefix(b[end:], string(lit.Rune))
		}
		return end, parts[n].String()
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
