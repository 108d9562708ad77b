package grok

import (
	"errors"
	"fmt"
	"strings"
)

// A Capture is one captured field of an expression, in the order of its opening parenthesis.
type Capture struct {
	Name string // as written: source.ip, [source][ip], clientip
	Type string // what followed the second colon: int, float, …; usually empty
}

// maxExpanded bounds the regular expression that an expression may grow to, so that patterns which refer to each
// other cannot exhaust memory.
const maxExpanded = 1 << 20

// expand replaces the references of expr and returns a regular expression in Go's syntax, whose capturing groups
// are exactly the returned captures, and in which the rune lookMarker+k stands for looks[k].
func (l *Library) expand(expr string) (text string, caps []Capture, looks []look, err error) {
	x := expander{lib: l}
	if err := x.expr(expr, nil); err != nil {
		return "", nil, nil, err
	}
	return x.out.String(), x.caps, x.looks, nil
}

type expander struct {
	lib   *Library
	out   strings.Builder
	caps  []Capture
	looks []look
	refs  []string // of each group of an explanation: the reference or the group's name as written
	every bool     // references without a name are groups too, for explanations
}

// expr appends s, expanded. inside holds the names being expanded, to find circles.
func (x *expander) expr(s string, inside []string) error {
	inClass := false
	for i := 0; i < len(s); {
		if x.out.Len() > maxExpanded {
			return fmt.Errorf("the expression grows beyond %d bytes", maxExpanded)
		}
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i += x.escape(s[i:])
		case inClass && strings.HasPrefix(s[i:], "[:"): // [:alpha:]
			x.out.WriteString("[:")
			i += 2
			if end := strings.Index(s[i:], ":]"); end >= 0 {
				x.out.WriteString(s[i : i+end+2])
				i += end + 2
			}
		case inClass:
			inClass = c != ']'
			x.out.WriteByte(c)
			i++
		case c == '[':
			n := classHead(s[i:])
			x.out.WriteString(s[i : i+n])
			i, inClass = i+n, true
		case c == '%' && strings.HasPrefix(s[i:], "%{"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return fmt.Errorf("column %d: %%{ is not closed", i+1)
			}
			if err := x.reference(s[i+2:i+end], inside); err != nil {
				return err
			}
			i += end + 1
		case c == '(':
			n, err := x.group(s[i:])
			if err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
			i += n
		default:
			x.out.WriteByte(c)
			i++
		}
	}
	return nil
}

// escape writes the escape that s begins with and returns its length. \h is Ruby's hexadecimal digit.
func (x *expander) escape(s string) int {
	if s[1] == 'h' {
		x.out.WriteString("[0-9a-fA-F]")
	} else {
		x.out.WriteString(s[:2])
	}
	return 2
}

// classHead returns the length of the part of a class in which ] does not close it.
func classHead(s string) int {
	n := 1
	if n < len(s) && s[n] == '^' {
		n++
	}
	if n < len(s) && s[n] == ']' {
		n++
	}
	return n
}

// group writes the opening of the group that s begins with: named groups capture, others do not.
func (x *expander) group(s string) (int, error) {
	rest := s[1:]
	if !strings.HasPrefix(rest, "?") {
		x.out.WriteString("(?:")
		return 1, nil
	}
	for _, open := range []string{"?<", "?P<", "?'"} {
		if !strings.HasPrefix(rest, open) {
			continue
		}
		name := rest[len(open):]
		if open == "?<" && (strings.HasPrefix(name, "=") || strings.HasPrefix(name, "!")) {
			return x.look(s, 4, "look-behind")
		}
		end := strings.IndexAny(name, ">'")
		if end < 1 {
			return 0, errors.New("the name of a group is not closed")
		}
		x.open(Capture{Name: strings.TrimSpace(name[:end])}, s[:1+len(open)+end+1]+"…)")
		return 1 + len(open) + end + 1, nil
	}
	switch rest[:min(2, len(rest))] {
	case "?=", "?!":
		return x.look(s, 3, "look-ahead")
	case "?>":
		return 0, errors.New("an atomic group is not supported")
	}
	x.out.WriteByte('(')
	return 1, nil
}

// look writes the marker of the assertion that s begins with, whose inside begins at byte head, and returns its length.
func (x *expander) look(s string, head int, what string) (int, error) {
	end := strings.IndexByte(s, ')')
	if end < 0 {
		return 0, fmt.Errorf("%s is not closed", what)
	}
	inner := expander{lib: x.lib}
	if err := inner.expr(s[head:end], nil); err != nil {
		return 0, err
	}
	l, ok := newLook(inner.out.String(), s[2] == '<', s[head-1] == '!')
	if !ok || len(inner.caps) > 0 {
		return 0, fmt.Errorf("%s is not supported", what)
	}
	x.out.WriteRune(lookMarker + rune(len(x.looks)))
	x.looks = append(x.looks, l)
	return end + 1, nil
}

func (x *expander) open(c Capture, ref string) {
	fmt.Fprintf(&x.out, "(?P<g%d>", len(x.caps))
	x.caps, x.refs = append(x.caps, c), append(x.refs, ref)
}

// reference writes the pattern that ref, the inside of %{…}, names.
func (x *expander) reference(ref string, inside []string) error {
	name, field, _ := strings.Cut(ref, ":")
	pattern, ok := x.lib.patterns[name]
	if !ok {
		if near := x.lib.nearest(name); near != "" {
			return fmt.Errorf("unknown pattern %%{%s}; did you mean %%{%s}?", name, near)
		}
		return fmt.Errorf("unknown pattern %%{%s}", name)
	}
	for _, in := range inside {
		if in == name {
			return fmt.Errorf("pattern %s refers to itself through %s", name, strings.Join(inside, ", "))
		}
	}
	if field != "" || x.every {
		var c Capture
		c.Name, c.Type, _ = strings.Cut(field, ":")
		x.open(c, "%{"+ref+"}")
	} else {
		x.out.WriteString("(?:")
	}
	if err := x.expr(pattern, append(inside, name)); err != nil {
		return fmt.Errorf("in %%{%s}: %w", name, err)
	}
	x.out.WriteByte(')')
	return nil
}
