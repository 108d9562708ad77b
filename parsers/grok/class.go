package grok

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// posix gives the POSIX brackets, and the properties of the same names, as items of a class in Go's syntax: what they have
// in Onigmo, which reads them as Unicode's.
var posix = map[string]string{
	"alnum":  alphabetic + `\p{Nd}`,
	"alpha":  alphabetic,
	"ascii":  `\x00-\x7F`,
	"blank":  `\p{Zs}\t`,
	"cntrl":  `\p{Cc}`,
	"digit":  `\p{Nd}`,
	"graph":  `\pL\pM\pN\pP\pS\p{Cf}\p{Co}`,
	"lower":  `\p{Ll}` + tableItems(unicode.Other_Lowercase),
	"print":  `\pL\pM\pN\pP\pS\p{Cf}\p{Co}\p{Zs}`,
	"punct":  "\\pP$+<=>\\^`|~",
	"space":  `\pZ\t-\r\x{85}`,
	"upper":  `\p{Lu}` + tableItems(unicode.Other_Uppercase),
	"word":   alphabetic + `\pM\p{Nd}\p{Pc}`,
	"xdigit": `0-9A-Fa-f`,
}

var alphabetic = `\pL\p{Nl}` + tableItems(unicode.Other_Alphabetic)

// tableItems returns the runes of a table, for which Go's syntax has no name.
func tableItems(t *unicode.RangeTable) string {
	var b strings.Builder
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			writeRanges(&b, []rune{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			writeClassRune(&b, r)
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return b.String()
}

// perl gives the classes of one letter, as items. Their opposites are the letters in upper case. Ruby's \s has the
// vertical tab, which Go's has not; \h is a hexadecimal digit.
var perl = map[byte]string{'d': `0-9`, 'w': `0-9A-Za-z_`, 's': `\t-\r `, 'h': `0-9A-Fa-f`}

// A charClass is a class being read: its items in Go's syntax.
type charClass struct {
	negative bool
	items    strings.Builder
}

// class reads the class that p.s[p.i:] begins with and returns it in Go's syntax, the brackets included.
func (p *parser) class() (string, error) {
	at := p.i
	p.i++             // [
	var both []string // the operands of && read so far
	c := charClass{negative: p.take("^")}
	for first := true; ; first = false {
		switch {
		case p.i >= len(p.s):
			if p.i = at; strings.IndexByte(p.s[at+1:], '[') >= 0 {
				return "", errors.New(`missing closing ]; within a class [ begins another, and the character is written \[`)
			}
			return "", errors.New("missing closing ]")
		case p.s[p.i] == ']' && !(first && strings.IndexByte(p.s[p.i+1:], ']') >= 0):
			p.i++
			return c.end(both), nil
		case p.take("&&"):
			both = append(both, c.operand())
			c.items.Reset()
		default:
			if err := p.classItem(&c); err != nil {
				return "", err
			}
		}
	}
}

// operand returns the class of the items read so far, without its negation.
func (c *charClass) operand() string {
	if c.items.Len() == 0 {
		return ofRanges(nil)
	}
	return "[" + c.items.String() + "]"
}

// end returns the whole class, which is the intersection of both and the items.
func (c *charClass) end(both []string) string {
	if len(both) == 0 {
		if c.items.Len() == 0 {
			return ofRanges(nil)
		}
		if c.negative {
			return "[^" + c.items.String() + "]"
		}
		return c.operand()
	}
	ranges := classRanges(c.operand(), false)
	for _, other := range both {
		ranges = intersection(ranges, classRanges(other, false))
	}
	if c.negative {
		ranges = complement(ranges)
	}
	return ofRanges(ranges)
}

// classItem reads one item of a class.
func (p *parser) classItem(c *charClass) error {
	switch {
	case strings.HasPrefix(p.s[p.i:], "[:"):
		if end := strings.Index(p.s[p.i:], ":]"); end > 0 {
			name, negative := strings.CutPrefix(p.s[p.i+2:p.i+end], "^")
			items, ok := posix[name]
			if !ok {
				return fmt.Errorf("there is no class [:%s:]", name)
			}
			p.i += end + 2
			return c.set(items, negative)
		}
	case p.s[p.i] == '[':
		inner, err := p.class()
		if err != nil {
			return err
		}
		if items, ok := strings.CutPrefix(inner, "[^"); ok {
			return c.set(items[:len(items)-1], true)
		}
		return c.set(inner[1:len(inner)-1], false)
	case p.s[p.i] == '\\':
		items, negative, r, err := p.escape(true)
		if err != nil {
			return err
		}
		if items != "" {
			return c.set(items, negative)
		}
		return p.rangeFrom(c, r)
	}
	return p.rangeFrom(c, p.rune())
}

// set adds several runes to a class.
func (c *charClass) set(items string, negative bool) error {
	if negative {
		writeRanges(&c.items, complement(classRanges("["+items+"]", false)))
	} else {
		c.items.WriteString(items)
	}
	return nil
}

// rangeFrom adds the rune lo, or the range that it begins.
func (p *parser) rangeFrom(c *charClass, lo rune) error {
	hi := lo
	if rest := p.s[p.i:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' && rest[1] != '[' {
		p.i++
		if p.s[p.i] == '\\' {
			items, _, r, err := p.escape(true)
			if err != nil {
				return err
			}
			if items != "" {
				return fmt.Errorf(`the range %c- ends with a class; the character - is written \-`, lo)
			}
			hi = r
		} else {
			hi = p.rune()
		}
		if hi < lo {
			return fmt.Errorf("the range %c-%c is empty", lo, hi)
		}
	}
	writeClassRune(&c.items, lo)
	if hi > lo {
		c.items.WriteByte('-')
		writeClassRune(&c.items, hi)
	}
	return nil
}

// ofRanges returns the class of the given runes, in Go's syntax.
func ofRanges(ranges []rune) string {
	if len(ranges) == 0 {
		return `[^\x00-\x{10FFFF}]`
	}
	var b strings.Builder
	b.WriteByte('[')
	writeRanges(&b, ranges)
	b.WriteByte(']')
	return b.String()
}

func writeRanges(b *strings.Builder, ranges []rune) {
	for i := 0; i < len(ranges); i += 2 {
		writeClassRune(b, ranges[i])
		if ranges[i+1] > ranges[i] {
			b.WriteByte('-')
			writeClassRune(b, ranges[i+1])
		}
	}
}

func writeClassRune(b *strings.Builder, r rune) {
	switch {
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\n':
		b.WriteString(`\n`)
	case strings.ContainsRune(`\]-^[`, r):
		b.WriteByte('\\')
		b.WriteRune(r)
	case unicode.IsPrint(r):
		b.WriteRune(r)
	default:
		fmt.Fprintf(b, `\x{%X}`, r)
	}
}

// complement returns the runes that are not in ranges, in ascending order.
func complement(ranges []rune) []rune {
	pairs := make([][2]rune, 0, len(ranges)/2)
	for i := 0; i < len(ranges); i += 2 {
		pairs = append(pairs, [2]rune{ranges[i], ranges[i+1]})
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var out []rune
	next := rune(0)
	for _, p := range pairs {
		if p[0] > next {
			out = append(out, next, p[0]-1)
		}
		next = max(next, p[1]+1)
	}
	if next <= unicode.MaxRune {
		out = append(out, next, unicode.MaxRune)
	}
	return out
}

// intersection returns the runes that are in both, in ascending order.
func intersection(a, b []rune) []rune {
	return complement(slices.Concat(complement(a), complement(b)))
}
