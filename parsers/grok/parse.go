package grok

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// maxExpanded bounds the text that an expression may grow to, so that patterns which refer to each other cannot exhaust
// memory.
const maxExpanded = 1 << 20

// A tree is an expression with its references replaced, read as Onigmo reads it.
type tree struct {
	lib     *Library
	root    *node
	caps    []Capture
	groups  int               // groups without a name
	counted bool              // a back-reference goes by their number
	read    int               // bytes of all patterns read
	own     map[string]string // patterns defined in the expression itself
}

// parse reads expr and the patterns that it refers to.
func (l *Library) parse(expr string) (*tree, error) {
	t := &tree{lib: l}
	var err error
	if t.root, err = t.pattern(expr, nil, flags{}); err != nil {
		return nil, err
	}
	if t.counted && len(t.caps) > 0 {
		return nil, errors.New(`a back-reference by number does not go with named captures; write \k<name>`)
	}
	return t, nil
}

// flags are what (?imx) sets.
type flags struct {
	fold     bool // i: any case
	notNL    bool // -m: a point leaves the line ending out
	extended bool // x: blanks and comments do not count
}

// A parser reads one pattern of a tree.
type parser struct {
	*tree
	s      string
	i      int
	inside []string // names of the patterns being expanded, to find circles
	flags
}

// pattern reads s, the text of a pattern or the expression itself.
func (t *tree) pattern(s string, inside []string, f flags) (*node, error) {
	if t.read += len(s); t.read > maxExpanded {
		return nil, fmt.Errorf("the expression grows beyond %d bytes", maxExpanded)
	}
	p := &parser{tree: t, s: s, inside: inside, flags: f}
	n, err := p.alternatives()
	if err == nil && p.i < len(s) {
		err = errors.New("unexpected )")
	}
	if err != nil {
		return nil, fmt.Errorf("column %d: %w", p.i+1, err)
	}
	return n, nil
}

// take skips what if it comes next.
func (p *parser) take(what string) bool {
	if !strings.HasPrefix(p.s[p.i:], what) {
		return false
	}
	p.i += len(what)
	return true
}

// rune returns the next rune and skips it.
func (p *parser) rune() rune {
	r, n := utf8.DecodeRuneInString(p.s[p.i:])
	p.i += n
	return r
}

// alternatives reads up to the end of the group.
func (p *parser) alternatives() (*node, error) {
	n, err := p.sequence()
	if err != nil || !p.take("|") {
		return n, err
	}
	alt := &node{op: opAlt, subs: []*node{n}}
	for {
		if n, err = p.sequence(); err != nil {
			return nil, err
		}
		if alt.subs = append(alt.subs, n); !p.take("|") {
			return alt, nil
		}
	}
}

// sequence reads up to the next | or the end of the group.
func (p *parser) sequence() (*node, error) {
	var subs []*node
	for {
		p.skipComments()
		if p.i >= len(p.s) || p.s[p.i] == '|' || p.s[p.i] == ')' {
			return concat(subs...), nil
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n, err = p.quantifiers(n); err != nil {
			return nil, err
		}
		subs = append(subs, n)
	}
}

// skipComments skips what does not count: (?#…), and with x blanks and the rest of a line behind #.
func (p *parser) skipComments() {
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case strings.HasPrefix(p.s[p.i:], "(?#") && strings.IndexByte(p.s[p.i:], ')') > 0:
			p.i += strings.IndexByte(p.s[p.i:], ')') + 1
		case p.extended && (c == ' ' || c >= '\t' && c <= '\r'):
			p.i++
		case p.extended && c == '#':
			if end := strings.IndexByte(p.s[p.i:], '\n'); end >= 0 {
				p.i += end
			} else {
				p.i = len(p.s)
			}
		default:
			return
		}
	}
}

// atom reads what a quantifier may stand behind.
func (p *parser) atom() (*node, error) {
	switch c := p.s[p.i]; c {
	case '(':
		return p.group()
	case '[':
		class, err := p.class()
		if err != nil {
			return nil, err
		}
		return &node{op: opClass, written: class, fold: p.fold}, nil
	case '.':
		p.i++
		if p.notNL {
			return &node{op: opClass, written: `[^\n]`}, nil
		}
		return &node{op: opAny}, nil
	case '^', '$':
		p.i++
		return &node{op: opAssert, assert: c}, nil
	case '\\':
		return p.escaped()
	case '*', '+', '?':
		return nil, fmt.Errorf("missing argument to repetition operator %c", c)
	case '%':
		if strings.HasPrefix(p.s[p.i:], "%{") {
			return p.reference()
		}
	}
	return p.text(p.rune())
}

// text returns the node of one rune.
func (p *parser) text(r rune) (*node, error) {
	if r >= automaton.Marker && r < automaton.Marker+automaton.MaxLooks {
		return nil, fmt.Errorf("the private rune %U cannot be matched", r)
	}
	fold := p.fold && unicode.SimpleFold(r) != r
	switch {
	case r >= utf8.RuneSelf:
		return &node{op: opText, char: r, fold: fold}, nil
	case fold:
		return &foldedTexts[r], nil
	}
	return &plainTexts[r], nil
}

// plainTexts and foldedTexts are the nodes of ASCII characters. They are the most of every tree and have nothing of their own,
// so that all trees share them.
var plainTexts, foldedTexts = asciiTexts(false), asciiTexts(true)

func asciiTexts(fold bool) (nodes [utf8.RuneSelf]node) {
	for r := range nodes {
		nodes[r] = node{op: opText, char: rune(r), fold: fold}
	}
	return nodes
}

// quantifiers reads the quantifiers behind n.
func (p *parser) quantifiers(n *node) (*node, error) {
	for {
		p.skipComments()
		if p.i >= len(p.s) {
			return n, nil
		}
		low, high, braces := 0, -1, false
		switch p.s[p.i] {
		case '*':
		case '+':
			low = 1
		case '?':
			high = 1
		case '{':
			var length int
			if low, high, length = braced(p.s[p.i:]); length == 0 {
				return n, nil
			}
			p.i, braces = p.i+length-1, true
			if high >= 0 && low > high {
				return nil, fmt.Errorf("{%d,%d} counts down", low, high)
			}
		default:
			return n, nil
		}
		p.i++
		n = &node{op: opRepeat, subs: []*node{n}, min: low, max: high}
		switch {
		case braces && low == high: // {n}? is no lazy {n}: Ruby reads (?:{n})?
		case p.take("?"):
			n.lazy = true
		case !braces && p.take("+"): // {n,m}+ is not possessive in Ruby
			n.keeps = true
		}
	}
}

// braced reads {n}, {n,}, {n,m} or {,m}; length is 0 where s begins otherwise.
func braced(s string) (low, high, length int) {
	end := strings.IndexByte(s, '}')
	if end < 2 {
		return 0, 0, 0
	}
	from, to, both := strings.Cut(s[1:end], ",")
	var err1, err2 error
	if from != "" {
		low, err1 = strconv.Atoi(from)
	}
	switch {
	case !both:
		high = low
	case to == "":
		high = -1
	default:
		high, err2 = strconv.Atoi(to)
	}
	if err1 != nil || err2 != nil || low < 0 || from == "" && to == "" || strings.ContainsAny(s[1:end], "+-") {
		return 0, 0, 0
	}
	return low, high, end + 1
}

// group reads a group of any kind.
func (p *parser) group() (*node, error) {
	at := p.i
	p.i++
	if !p.take("?") {
		p.groups++
		return p.rest(&node{op: opGroup, capture: int32(p.groups)}, at)
	}
	switch {
	case p.take(":"):
		return p.rest(&node{op: opGroup}, at)
	case p.take("="):
		return p.rest(&node{op: opLook}, at)
	case p.take("!"):
		return p.rest(&node{op: opLook, negative: true}, at)
	case p.take("<="):
		return p.rest(&node{op: opLook, behind: true}, at)
	case p.take("<!"):
		return p.rest(&node{op: opLook, behind: true, negative: true}, at)
	case p.take(">"):
		n, err := p.rest(&node{op: opAtomic}, at)
		if err == nil && p.flags == (flags{}) {
			n.written = p.s[at:p.i]
		}
		return n, err
	case p.take("<"), p.take("P<"), p.take("'"):
		end := strings.IndexAny(p.s[p.i:], ">'")
		if end < 1 {
			p.i = at
			return nil, errors.New("the name of a group is not closed")
		}
		var c Capture
		c.Name, c.Type, _ = strings.Cut(strings.TrimSpace(p.s[p.i:p.i+end]), ":")
		if c.Name == "" {
			p.i = at
			return nil, errors.New("the group has no name")
		}
		n := p.open(c, p.s[at:p.i+end+1]+"…)")
		p.i += end + 1
		return p.rest(n, at)
	}
	return p.flagged(at)
}

// open returns the node of a new capture.
func (t *tree) open(c Capture, ref string) *node {
	t.caps = append(t.caps, c)
	return &node{op: opCapture, capture: int32(len(t.caps) - 1), written: ref}
}

// rest reads the inside of n, the group that begins at byte at, and its end. Flags set within it end there.
func (p *parser) rest(n *node, at int) (*node, error) {
	outer := p.flags
	sub, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		p.i = at
		return nil, errors.New("missing closing )")
	}
	p.flags = outer
	n.subs = []*node{sub}
	return n, nil
}

// flagged reads (?flags) and (?flags:…). As in Ruby, (?flags) holds to the end of its group, alternatives included:
// a(?i)b|c is a(?i:b|c).
func (p *parser) flagged(at int) (*node, error) {
	outer, on := p.flags, true
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '-':
			on = false
		case 'i':
			p.fold = on
		case 'm':
			p.notNL = !on
		case 's': // Go's name of Ruby's m
			p.notNL = !on
		case 'x':
			p.extended = on
		case ':':
			p.i++
			inner := p.flags
			p.flags = outer
			return p.within(inner, &node{op: opGroup}, at)
		case ')':
			p.i++
			sub, err := p.alternatives()
			p.flags = outer
			return &node{op: opGroup, subs: []*node{sub}}, err
		default:
			p.i = at
			return nil, fmt.Errorf("(?%c is not known", c)
		}
	}
	p.i = at
	return nil, errors.New("missing closing )")
}

// within reads the inside of n with flags of its own.
func (p *parser) within(f flags, n *node, at int) (*node, error) {
	outer := p.flags
	p.flags = f
	n, err := p.rest(n, at)
	p.flags = outer
	return n, err
}

// reference reads %{NAME}, %{NAME:field}, %{NAME:field:type} or %{NAME=definition} and returns the pattern's node.
func (p *parser) reference() (*node, error) {
	end := closing(p.s[p.i:])
	if end < 0 {
		return nil, errors.New("%{ is not closed")
	}
	ref := p.s[p.i+2 : p.i+end]
	ref, definition, defined := strings.Cut(ref, "=")
	name, field, _ := strings.Cut(ref, ":")
	if defined {
		if p.own == nil {
			p.own = map[string]string{}
		}
		p.own[name] = definition
	}
	text, ok := p.own[name]
	if !ok {
		text, ok = p.lib.pattern(name)
	}
	if !ok {
		return nil, p.lib.unknown(name)
	}
	if slices.Contains(p.inside, name) {
		return nil, fmt.Errorf("pattern %s refers to itself through %s", name, strings.Join(p.inside, ", "))
	}
	n := &node{op: opGroup, written: p.s[p.i : p.i+end+1]}
	if field != "" {
		var c Capture
		c.Name, c.Type, _ = strings.Cut(field, ":")
		c.Name = strings.TrimSuffix(c.Name, "?") // Logstash's own pattern HTTPD24_ERRORLOG has one, and Logstash ignores it
		n = p.open(c, n.written)
	}
	sub, err := p.pattern(text, append(p.inside[:len(p.inside):len(p.inside)], name), p.flags)
	if err != nil {
		return nil, fmt.Errorf("in %%{%s}: %w", name, err)
	}
	n.subs = []*node{sub}
	p.i += end + 1
	return n, nil
}

// closing returns where the } stands that closes the reference s begins with: a definition may hold pairs of braces and
// escaped ones. -1: nowhere.
func closing(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// isLetter reports whether a backslash before r may have a meaning of its own.
func isLetter(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
