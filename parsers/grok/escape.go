package grok

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// escaped reads an escape outside a class.
func (p *parser) escaped() (*node, error) {
	if p.i+1 >= len(p.s) {
		return nil, errors.New("trailing backslash at end of expression")
	}
	switch c := p.s[p.i+1]; c {
	case 'b', 'B', 'A', 'z', 'Z', 'G':
		p.i += 2
		return &node{op: opAssert, assert: c}, nil
	case 'R': // a line ending; one that \n follows is \r\n
		p.i += 2
		return p.parsed(`(?:\r\n|\r(?!\n)|[\n-\f\x{85}\x{2028}\x{2029}])`)
	case 'k':
		return p.backref()
	case 'g', 'K', 'X', 'Q', 'E', 'C':
		return nil, fmt.Errorf(`\%c is not supported`, c)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if n, ok, err := p.counting(); ok || err != nil {
			return n, err
		}
	}
	items, negative, r, err := p.escape(false)
	if err != nil {
		return nil, err
	}
	if items == "" {
		return p.text(r)
	}
	open := "["
	if negative {
		open = "[^"
	}
	return &node{op: opClass, written: open + items + "]", fold: p.fold}, nil
}

// counting reads a back-reference by number: of more than one digit only if there are so many groups, else it is an octal
// escape and ok is false.
func (p *parser) counting() (n *node, ok bool, err error) {
	digits := digitsOf(p.s[p.i+1:])
	number, err := strconv.Atoi(p.s[p.i+1 : p.i+1+digits])
	if err != nil || digits > 1 && number > p.groups {
		return nil, false, nil
	}
	if number > p.groups && len(p.caps) == 0 {
		return nil, false, fmt.Errorf(`\%d: there are %d groups before it`, number, p.groups)
	}
	p.i += 1 + digits
	p.counted = true
	return &node{op: opBackref, refs: []int{number}, counted: true, fold: p.fold}, true, nil
}

// backref reads \k<name>: what a capture of that name took, the last of several.
func (p *parser) backref() (*node, error) {
	rest := p.s[p.i+2:]
	end := strings.IndexAny(rest, ">'")
	if end < 2 || rest[0] != '<' && rest[0] != '\'' {
		return nil, errors.New(`\k is not followed by <name>`)
	}
	name := rest[1:end]
	n := &node{op: opBackref, fold: p.fold}
	for i, c := range slices.Backward(p.caps) {
		if c.Name == name {
			n.refs = append(n.refs, i)
		}
	}
	if len(n.refs) == 0 {
		return nil, fmt.Errorf(`\k<%s>: nothing of that name is captured before it`, name)
	}
	p.i += 2 + end + 1
	return n, nil
}

// parsed reads a text of our own in the place of what was read.
func (p *parser) parsed(text string) (*node, error) {
	q := &parser{tree: p.tree, s: text, flags: p.flags}
	return q.alternatives()
}

// escape reads an escape that means a rune, or a set of runes, as items of a class or their opposite.
func (p *parser) escape(inClass bool) (items string, negative bool, r rune, err error) {
	if p.i+1 >= len(p.s) {
		return "", false, 0, errors.New("trailing backslash at end of expression")
	}
	c := p.s[p.i+1]
	if items, ok := perl[c]; ok {
		p.i += 2
		return items, false, 0, nil
	}
	if items, ok := perl[c|0x20]; ok {
		p.i += 2
		return items, true, 0, nil
	}
	switch c {
	case 'p', 'P':
		return p.property()
	case 'x', 'u', '0', '1', '2', '3', '4', '5', '6', '7':
		r, err = p.number()
		return "", false, r, err
	case 'c':
		if p.i+2 >= len(p.s) {
			return "", false, 0, errors.New(`\c is not followed by a letter`)
		}
		p.i += 3
		return "", false, rune(p.s[p.i-1] & 0x1F), nil
	}
	p.i++
	r = p.rune()
	if at := strings.IndexRune("tnrfvae", r); at >= 0 {
		r = rune("\t\n\r\f\v\a\x1b"[at])
	} else if r == 'b' && inClass {
		r = '\b'
	}
	return "", false, r, nil // any other rune is itself
}

// property reads \p{name}, \p{^name}, \P{name}: a POSIX bracket by name, a category or a script.
func (p *parser) property() (items string, negative bool, r rune, err error) {
	negative = p.s[p.i+1] == 'P'
	rest := p.s[p.i+2:]
	name, length := "", 0
	if end := strings.IndexByte(rest, '}'); end > 0 && rest[0] == '{' {
		name, length = rest[1:end], end+1
	} else if rest != "" && isLetter(rune(rest[0])) {
		name, length = rest[:1], 1
	}
	if inner, not := strings.CutPrefix(name, "^"); not {
		name, negative = inner, !negative
	}
	items, ok := posix[strings.ToLower(name)]
	if !ok {
		items = `\p{` + name + `}`
		if len(classRanges("["+items+"]", false)) == 0 {
			return "", false, 0, fmt.Errorf(`there is no property \p{%s}`, name)
		}
	}
	p.i += 2 + length
	return items, negative, 0, nil
}

// number reads \xH, \xHH, \x{H…}, \uHHHH, \u{H…} or an octal escape.
func (p *parser) number() (rune, error) {
	rest, base, most := p.s[p.i+2:], 16, 2
	switch c := p.s[p.i+1]; {
	case c != 'x' && c != 'u':
		rest, base, most = p.s[p.i+1:], 8, 3
	case strings.HasPrefix(rest, "{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return 0, fmt.Errorf(`\%c{ is not closed`, c)
		}
		n, err := strconv.ParseUint(rest[1:end], 16, 32)
		if err != nil || n > 0x10FFFF {
			return 0, fmt.Errorf(`\%c{%s} is no rune`, c, rest[1:end])
		}
		p.i += 2 + end + 1
		return rune(n), nil
	case c == 'u':
		most = 4
	}
	digits := 0
	for digits < min(most, len(rest)) && isDigit(rest[digits], base) {
		digits++
	}
	n, err := strconv.ParseUint(rest[:digits], base, 32)
	if err != nil {
		return 0, fmt.Errorf(`\%c is not followed by a number`, p.s[p.i+1])
	}
	p.i += len(p.s[p.i:]) - len(rest) + digits
	return rune(n), nil
}

func isDigit(c byte, base int) bool {
	switch {
	case c >= '0' && c <= '9':
		return int(c-'0') < base
	case base == 16:
		return c|0x20 >= 'a' && c|0x20 <= 'f'
	}
	return false
}
