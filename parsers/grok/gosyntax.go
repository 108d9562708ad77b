package grok

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// goRepeats is how many times Go's regular expressions repeat something at most, repetitions within repetitions
// multiplied.
const goRepeats = 1000

// maxUnrolled is how many times a repetition may stand written out, where the product is larger.
const maxUnrolled = 250

// An inexpressible is the error of an expression that has no equal in Go's syntax and looks; it says why.
type inexpressible struct{ reason string }

// Error implements error.
func (e *inexpressible) Error() string { return e.reason }

// multiline stands before regular expressions: as in Logstash, . matches a line ending, and ^ and $ stand at the ends of
// lines.
const multiline = "(?sm)"

// goSyntax returns the expression in Go's syntax. Its capturing groups are exactly the captures. An inexpressible error is
// returned where only a backtracking engine can do it.
func (t *tree) goSyntax() (automaton.Expression, error) {
	t.root = simplify(t.root, nil, nil)
	w := goWriter{}
	if err := w.write(t.root, inAlt, goRepeats); err != nil {
		return automaton.Expression{}, err
	}
	return automaton.Expression{Text: multiline + w.b.String(), Looks: w.looks}, nil
}

// explanation returns the expression for automaton.Explain, of a matcher in a mode: every reference and named group is a
// group, refs telling which, and what cannot be expressed takes more than it should.
func (t *tree) explanation(mode Mode) (e automaton.Expression, refs []string) {
	w := goWriter{explain: true}
	if mode == Search {
		w.b.WriteString(".*?")
	}
	if err := w.write(t.root, inConcat, goRepeats); err != nil {
		return automaton.Expression{Text: multiline + ".*"}, nil
	}
	return automaton.Expression{Text: multiline + w.b.String(), Looks: w.looks}, w.refs
}

// How tight the place binds that a node is written to.
const (
	inAlt    = iota // an alternative, or alone
	inConcat        // beside others
	inRepeat        // before a quantifier
)

type goWriter struct {
	b       strings.Builder
	looks   []automaton.Look
	explain bool
	refs    []string // of the groups of an explanation
}

// write writes n to a place. repeats is how many times n may be repeated within.
func (w *goWriter) write(n *node, place, repeats int) error {
	if w.b.Len() > maxExpanded {
		return &inexpressible{fmt.Sprintf("with its repetitions it grows beyond %d bytes", maxExpanded)}
	}
	switch n.op {
	case opText:
		w.fold(n, func() { w.b.WriteString(quoteRune(n.char)) })
	case opClass:
		w.fold(n, func() { w.b.WriteString(n.written) })
	case opAny:
		w.b.WriteByte('.')
	case opAssert:
		return w.assert(n, place)
	case opConcat:
		return w.grouped(place > inConcat || len(n.subs) == 0, func() error {
			for _, sub := range n.subs {
				if err := w.write(sub, inConcat, repeats); err != nil {
					return err
				}
			}
			return nil
		})
	case opAlt:
		return w.grouped(place > inAlt, func() error {
			for i, sub := range n.subs {
				if i > 0 {
					w.b.WriteByte('|')
				}
				if err := w.write(sub, inAlt, repeats); err != nil {
					return err
				}
			}
			return nil
		})
	case opGroup, opCapture:
		return w.group(n, place, repeats)
	case opLook:
		return w.look(n, place)
	case opRepeat:
		return w.repeat(n, place, repeats)
	case opAtomic:
		if w.explain {
			return w.write(n.subs[0], place, repeats)
		}
		return &inexpressible{"an atomic group that is not known to be equal to a plain one: " + brief(n)}
	case opBackref:
		if !w.explain {
			return &inexpressible{"a back-reference"}
		}
		return w.repeat(&node{op: opRepeat, subs: []*node{{op: opAny}}, max: -1}, place, repeats)
	}
	return nil
}

// group writes a group, in parentheses that capture if it is a capture or told of in an explanation.
func (w *goWriter) group(n *node, place, repeats int) error {
	switch {
	case w.explain && n.written != "":
		w.refs = append(w.refs, n.written)
		w.b.WriteByte('(')
	case n.op == opCapture && !w.explain:
		fmt.Fprintf(&w.b, "(?P<g%d>", n.capture)
	default:
		return w.write(n.subs[0], place, repeats)
	}
	defer w.b.WriteByte(')')
	return w.write(n.subs[0], inAlt, repeats)
}

// fold writes something that matches any case if n does.
func (w *goWriter) fold(n *node, write func()) {
	if n.fold {
		w.b.WriteString("(?i:")
		defer w.b.WriteByte(')')
	}
	write()
}

// grouped writes something in a group if it needs one.
func (w *goWriter) grouped(needed bool, write func() error) error {
	if needed {
		w.b.WriteString("(?:")
		defer w.b.WriteByte(')')
	}
	return write()
}

func (w *goWriter) assert(n *node, place int) error {
	switch n.assert {
	case 'G':
		if !w.explain {
			return &inexpressible{`\G`}
		}
		w.b.WriteString("(?:)")
	case 'Z': // the end, or a line ending at the end
		newline := &node{op: opText, char: '\n'}
		return w.grouped(place > inConcat, func() error {
			for _, not := range []*node{{op: opClass, written: `[^\n]`}, concat(newline, &node{op: opAny})} {
				if err := w.look(&node{op: opLook, negative: true, subs: []*node{not}}, inConcat); err != nil {
					return err
				}
			}
			return nil
		})
	case '^', '$':
		w.b.WriteByte(n.assert)
	default:
		w.b.WriteByte('\\')
		w.b.WriteByte(n.assert)
	}
	return nil
}

// look writes the marker of an assertion.
func (w *goWriter) look(n *node, place int) error {
	inner := goWriter{}
	err := inner.write(n.subs[0], inAlt, goRepeats)
	l, ok := newLook(inner.b.String(), n.behind, n.negative)
	if err != nil || !ok || len(inner.looks) > 0 || n.captures() || len(w.looks) == automaton.MaxLooks {
		if w.explain {
			w.b.WriteString("(?:)")
			return nil
		}
		return &inexpressible{"an assertion about more than the byte beside it: " + brief(n)}
	}
	w.looks = append(w.looks, l)
	return w.grouped(place == inRepeat, func() error {
		w.b.WriteRune(automaton.Marker + rune(len(w.looks)-1))
		return nil
	})
}

func (w *goWriter) repeat(n *node, place, repeats int) error {
	if n.keeps && !w.explain {
		return &inexpressible{"a possessive quantifier that is not known to be equal to a plain one: " + brief(n)}
	}
	most := max(n.min, n.max)
	if most > repeats {
		return w.unroll(n, place, repeats)
	}
	return w.grouped(place > inConcat, func() error {
		if err := w.write(n.subs[0], inRepeat, repeats/max(most, 1)); err != nil {
			return err
		}
		w.b.WriteString(quantifier(n))
		return nil
	})
}

// quantifier returns how often n repeats, as Go and .NET write it.
func quantifier(n *node) string {
	q := ""
	switch {
	case n.min == 0 && n.max < 0:
		q = "*"
	case n.min == 1 && n.max < 0:
		q = "+"
	case n.min == 0 && n.max == 1:
		q = "?"
	case n.max < 0:
		q = fmt.Sprintf("{%d,}", n.min)
	case n.min == n.max:
		q = fmt.Sprintf("{%d}", n.min)
	default:
		q = fmt.Sprintf("{%d,%d}", n.min, n.max)
	}
	if n.lazy {
		q += "?"
	}
	return q
}

// unroll writes x{2,4} as xx(?:x(?:x)?)?, which is what it means, where the parser would refuse a repetition.
func (w *goWriter) unroll(n *node, place, repeats int) error {
	body := n.subs[0]
	if max(n.min, n.max) > maxUnrolled {
		return &inexpressible{"a repetition of more than 1000 times: " + brief(n)}
	}
	return w.grouped(place > inConcat, func() error {
		for range n.min {
			if err := w.write(body, inConcat, repeats); err != nil {
				return err
			}
		}
		if n.max < 0 {
			return w.repeat(&node{op: opRepeat, subs: n.subs, max: -1, lazy: n.lazy}, inConcat, repeats)
		}
		for range n.max - n.min {
			w.b.WriteString("(?:")
			if err := w.write(body, inConcat, repeats); err != nil {
				return err
			}
		}
		end := quantifier(&node{op: opRepeat, max: 1, lazy: n.lazy})
		w.b.WriteString(strings.Repeat(")"+end, n.max-n.min))
		return nil
	})
}

// quoteRune returns r as a literal.
func quoteRune(r rune) string {
	if r < utf8.RuneSelf && strings.IndexByte(`\.+*?()|[]{}^$`, byte(r)) >= 0 {
		return `\` + string(r)
	}
	if r == utf8.RuneError || syntax.IsWordChar(r) || r >= ' ' && r < 0x7F {
		return string(r)
	}
	return fmt.Sprintf(`\x{%X}`, r)
}

// brief returns n as a backtracking engine would read it, shortened.
func brief(n *node) string {
	text := []rune(backtracked(n, false))
	if len(text) > 60 {
		text = append(text[:59:59], '…')
	}
	return string(text)
}
