package grok

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds how long Regexp2 tries to match one text. Backtracking can take time that is exponential in the
// text's length, and who writes the text must not be able to stop a log.
var matchTimeout = 100 * time.Millisecond

// Regexp2 is a Matcher on github.com/dlclark/regexp2, a backtracking engine, for expressions that need one. A text that it
// cannot decide on within 100 ms (the clock is read coarsely: up to 200) does not match.
type Regexp2 struct {
	re     *regexp2.Regexp
	x      *expansion
	reason string
}

// runes is the text of a match in the form that regexp2 reads.
type runes struct {
	text []rune
	at   []int32 // where each rune begins in the bytes, and their length
}

var runesPool = sync.Pool{New: func() any { return new(runes) }}

// set takes b, an invalid byte being one U+FFFD.
func (r *runes) set(b []byte) {
	r.text, r.at = r.text[:0], r.at[:0]
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		r.text, r.at = append(r.text, c), append(r.at, int32(i))
		i += n
	}
	r.at = append(r.at, int32(len(b)))
}

func newRegexp2(x *expansion, reason string) (*Regexp2, error) {
	re, err := regexp2.Compile(x.mode.anchored(backtracked(x.tree.root, x.tree.counted)), regexp2.Singleline|regexp2.Multiline)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	re.MatchTimeout = matchTimeout
	return &Regexp2{re, x, reason}, nil
}

// Match implements Matcher.
func (m *Regexp2) Match(b []byte, slots []int32) bool {
	in := runesPool.Get().(*runes)
	defer runesPool.Put(in)
	in.set(b)
	found, err := m.re.FindRunesMatch(in.text)
	if err != nil || found == nil {
		return false
	}
	for i := range m.x.tree.caps {
		slots[2*i], slots[2*i+1] = -1, -1
		if g := found.GroupByNumber(i + 1); g != nil && len(g.Captures) > 0 {
			slots[2*i], slots[2*i+1] = in.at[g.Index], in.at[g.Index+g.Length]
		}
	}
	return true
}

// Captures implements Matcher.
func (m *Regexp2) Captures() []Capture { return m.x.tree.caps }

// Engine implements Matcher.
func (m *Regexp2) Engine() (name, reason string) { return "regexp2", m.reason }

// Stop implements Matcher.
func (m *Regexp2) Stop(b []byte) Stop { return m.x.stop(b) }

// backtracked returns n as regexp2 reads it. Classes and \b are written out, so that they mean what they mean to the
// other engines; captures have their number + 1, and if counted is set groups without a name have theirs.
func backtracked(n *node, counted bool) string {
	w := &backWriter{counted: counted}
	w.write(n, inAlt)
	return w.b.String()
}

type backWriter struct {
	b       strings.Builder
	counted bool
}

const wordByte = "[0-9A-Z_a-z]"

func (w *backWriter) write(n *node, place int) {
	switch n.op {
	case opText:
		if n.fold {
			w.b.WriteString(backClass(folded(n.char)))
		} else {
			w.b.WriteString(quoteRune2(n.char))
		}
	case opClass:
		w.b.WriteString(backClass(classRanges(n.written, n.fold)))
	case opAny:
		w.b.WriteByte('.')
	case opAssert:
		w.assert(n.assert)
	case opConcat:
		w.group(place > inConcat || len(n.subs) == 0, "(?:", func() {
			for _, sub := range n.subs {
				w.write(sub, inConcat)
			}
		})
	case opAlt:
		w.group(place > inAlt, "(?:", func() {
			for i, sub := range n.subs {
				if i > 0 {
					w.b.WriteByte('|')
				}
				w.write(sub, inAlt)
			}
		})
	case opGroup:
		if w.counted && n.capture > 0 {
			w.group(true, fmt.Sprintf("(?<%d>", n.capture), func() { w.write(n.subs[0], inAlt) })
		} else {
			w.write(n.subs[0], place)
		}
	case opCapture:
		w.group(true, fmt.Sprintf("(?<%d>", n.capture+1), func() { w.write(n.subs[0], inAlt) })
	case opAtomic:
		w.group(true, "(?>", func() { w.write(n.subs[0], inAlt) })
	case opLook:
		open := "(?"
		if n.behind {
			open += "<"
		}
		if n.negative {
			open += "!"
		} else {
			open += "="
		}
		w.group(true, open, func() { w.write(n.subs[0], inAlt) })
	case opRepeat:
		w.repeat(n, place)
	case opBackref:
		w.backref(n)
	}
}

// group writes something within the group that open begins, if it needs one.
func (w *backWriter) group(needed bool, open string, write func()) {
	if needed {
		w.b.WriteString(open)
		defer w.b.WriteByte(')')
	}
	write()
}

func (w *backWriter) assert(c byte) {
	switch c {
	case '^', '$':
		w.b.WriteByte(c)
	case 'b':
		fmt.Fprintf(&w.b, "(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))", wordByte)
	case 'B':
		fmt.Fprintf(&w.b, "(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))", wordByte)
	default:
		w.b.WriteByte('\\')
		w.b.WriteByte(c)
	}
}

func (w *backWriter) repeat(n *node, place int) {
	open := "(?:"
	if n.keeps {
		open = "(?>"
	}
	w.group(place > inConcat || n.keeps, open, func() {
		w.write(n.subs[0], inRepeat)
		w.b.WriteString(quantifier(n))
	})
}

// backref writes that one of the captures stands there, the last that took part first.
func (w *backWriter) backref(n *node) {
	open := "(?:"
	if n.fold {
		open = "(?i:"
	}
	w.group(true, open, func() {
		for i, ref := range n.refs {
			if i > 0 {
				w.b.WriteByte('|')
			}
			if !n.counted {
				ref++
			}
			fmt.Fprintf(&w.b, `\k<%d>`, ref)
		}
	})
}

// backClass returns a class of the given runes.
func backClass(ranges []rune) string {
	if len(ranges) == 0 {
		return "(?!)"
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i < len(ranges); i += 2 {
		b.WriteString(quoteRune2(ranges[i]))
		if ranges[i+1] > ranges[i] {
			b.WriteByte('-')
			b.WriteString(quoteRune2(ranges[i+1]))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// quoteRune2 returns r as a literal of regexp2, within a class, where \- could not begin a range, or outside.
func quoteRune2(r rune) string {
	if r < ' ' || r < utf8.RuneSelf && strings.IndexByte(`\.+*?()|[]{}^$-#&`, byte(r)) >= 0 || r == 0x7F {
		return fmt.Sprintf(`\x%02X`, r)
	}
	return string(r)
}
