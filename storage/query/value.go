package query

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// A field is the left side of a test.
type field struct {
	name  string
	at    int // byte offset where the term begins
	known bool
	f     event.Field
	kind  event.Kind
}

// field resolves a name against the schema.
func (p *parser) field(name string, at int) field {
	f, known := p.schema.Lookup(name)
	if !known {
		return field{name: name, at: at, kind: event.Keyword}
	}
	return field{name, at, true, f, p.schema.Def(f).Kind}
}

// newTest makes a test without an operand, counting it.
func (p *parser) newTest(f field, op Op) (*Test, error) {
	if p.terms++; p.terms > MaxTerms && !p.unbound {
		return nil, fail(f.at, "write several values of one field as a network, a range or a wildcard, or ask two queries", "a query has at most %d tests", MaxTerms)
	}
	return &Test{Field: f.name, F: f.f, Known: f.known, Kind: f.kind, Op: op, Pos: f.at + 1}, nil
}

// value reads one value after op; in parentheses after a colon, several.
func (p *parser) value(f field, op string) (Expr, error) {
	if order := p.ordering(); order != "" && op == ":" {
		op = order
	}
	p.space()
	if err := p.missing(f, op); err != nil {
		return nil, err
	}
	switch c := p.peek(); {
	case c == '"':
		o, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.apply(f, op, o)
	case c == '(' && op == ":":
		return p.group(func() (Expr, error) { return p.value(f, ":") })
	case c == '[' && op == ":":
		return p.span(f)
	case c == '/' && op == ":":
		o, err := p.regexp()
		if err != nil {
			return nil, err
		}
		return p.pattern(f, o)
	case c == '=':
		return nil, fail(p.pos, "leave it out, or quote the value: "+p.quote(p.pos), "a = after %s", op)
	case c == '(':
		return nil, fail(p.pos, "write "+f.name+":("+op+"… or …)", "%s takes one value", op)
	}
	o, err := p.word(valueStops)
	if err != nil {
		return nil, err
	}
	return p.apply(f, op, o)
}

// missing is the error of a value that is not there.
func (p *parser) missing(f field, op string) error {
	w := p.reserved()
	switch {
	case p.end() || p.peek() == ')' || p.pipe():
		return fail(p.pos, "write the value, as "+clip(f.name)+op+sample[f.kind]+"; "+clip(f.name)+":* finds all that have the field", "a value is missing after %s%s", clip(f.name), op)
	case w != "":
		return fail(p.pos, `to compare with the word itself, quote it: "`+w+`"`, "a value is missing after %s%s", clip(f.name), op)
	}
	return nil
}

// apply makes the test of an operand that has been read.
func (p *parser) apply(f field, op string, o operand) (Expr, error) {
	if !p.delimited() || p.peek() == '(' {
		return nil, fail(p.pos, "put a space between, or quote the whole value", "something follows directly after the value")
	}
	if op == ":" {
		return p.equal(f, o)
	}
	if o.wild {
		return nil, fail(o.at, "leave out the wildcard, or write : in place of the comparison", "a wildcard has no order")
	}
	return p.order(f, op, o)
}

// span reads [ a to b ]; * leaves an end open.
func (p *parser) span(f field) (Expr, error) {
	open := p.pos
	p.pos++
	low, err := p.bound(f)
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.keyword("to") {
		return nil, fail(p.pos, "write "+clip(f.name)+":[1 to 5]", "a range needs the word to between its ends")
	}
	p.pos += len("to")
	high, err := p.bound(f)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ']' {
		return nil, fail(open, "close it with ]", "a [ without its ]")
	}
	p.pos++
	if !p.delimited() {
		return nil, fail(p.pos, "put a space between", "something follows directly after the range")
	}
	return p.between(f, low, high)
}

func (p *parser) bound(f field) (operand, error) {
	p.space()
	if p.peek() == '"' {
		return p.quoted()
	}
	o, err := p.word(rangeStops)
	switch {
	case err != nil:
		return o, err
	case o.text == "" || strings.EqualFold(o.text, "to"):
		return o, fail(o.at, "write * for an open end", "an end of the range of %s is missing", clip(f.name))
	case o.wild && o.pattern != "*":
		return o, fail(o.at, "write * for an open end", "a wildcard has no order")
	}
	return o, nil
}

// between makes the tests of a range, both ends belonging to it.
func (p *parser) between(f field, low, high operand) (Expr, error) {
	if f.kind == event.Address {
		return p.addresses(f, low, high)
	}
	var both []Expr
	for _, end := range []struct {
		op string
		o  operand
	}{{">=", low}, {"<=", high}} {
		if end.o.wild {
			continue
		}
		e, err := p.order(f, end.op, end.o)
		if err != nil {
			return nil, err
		}
		both = append(both, e)
	}
	if len(both) == 0 {
		return p.newTest(f, Exists)
	}
	return join(both, true), nil
}

// equal makes the test of field:value.
func (p *parser) equal(f field, o operand) (Expr, error) {
	if o.wild && o.pattern == "*" {
		return p.newTest(f, Exists)
	}
	switch {
	case f.kind == event.Text:
		return p.phrase(f, o)
	case o.wild && f.kind == event.Keyword:
		return p.wildcard(f, o.at, o.pattern)
	case o.wild:
		return nil, fail(o.at, noWildcard[f.kind], "%s is of kind %s and takes no wildcard", clip(f.name), f.kind)
	}
	return p.typed(f, o)
}

// noWildcard says what to write in place of a wildcard or a regular expression.
var noWildcard = map[event.Kind]string{
	event.Int:      "write a range: [400 to 499]",
	event.Float:    "write a range: [0.5 to 1]",
	event.Duration: "write a range: [1s to 2s]",
	event.Time:     "write a day or a range: [2026-11-23 to 2026-11-24]",
	event.Address:  "write a network: 10.0.0.0/8",
	event.Bool:     "write true or false",
}

func (p *parser) wildcard(f field, at int, pattern string) (Expr, error) {
	if len(pattern) > MaxPattern {
		return nil, fail(at, "write less of it, with * for the rest", "a wildcard has at most %d bytes", MaxPattern)
	}
	re, err := wildcardRegexp(pattern)
	if err != nil {
		return nil, fail(at, "quote it to find its characters themselves", "a wildcard that cannot be used: %v", err)
	}
	t, err := p.newTest(f, Wildcard)
	if err != nil {
		return nil, err
	}
	t.Str, t.Re = pattern, re
	return t, nil
}

// phrase makes a test of text: a phrase, a phrase whose last token goes on, or a wildcard for one token.
func (p *parser) phrase(f field, o operand) (Expr, error) {
	const within = "a wildcard stands within one word of letters, digits and _: dead*, *lock, d?adlock"
	text := o.text
	if o.wild {
		stem, ok := newGlob(o.pattern).prefix()
		if !ok {
			if i := strings.IndexFunc(o.pattern, func(r rune) bool { return r != '*' && r != '?' && !IsTokenRune(r) }); i >= 0 {
				return nil, fail(o.at, "to find it across words write a regular expression: /dead.?lock/", "%s", within)
			}
			return p.wildcard(f, o.at, string(Fold(nil, []byte(o.pattern))))
		}
		text = stem
	}
	tokens := Tokens([]byte(text))
	if len(tokens) == 0 {
		return nil, fail(o.at, "search for it with a regular expression: /"+clip(strings.ReplaceAll(regexp.QuoteMeta(text), "/", `\/`))+"/", "there is no letter, digit or _ in what is searched for")
	}
	if last, _ := utf8.DecodeLastRuneInString(text); o.wild && !IsTokenRune(last) {
		return nil, fail(o.at, "to find it across words write a regular expression: /dead.?lock/", "%s", within)
	}
	t, err := p.newTest(f, Equal)
	if err != nil {
		return nil, err
	}
	t.Str, t.Tokens, t.Prefix = text, tokens, o.wild
	return t, nil
}

// pattern makes the test of a regular expression.
func (p *parser) pattern(f field, o operand) (Expr, error) {
	if f.kind != event.Keyword && f.kind != event.Text {
		return nil, fail(o.at, noWildcard[f.kind], "%s is of kind %s and takes no regular expression", clip(f.name), f.kind)
	}
	if len(o.text) > MaxPattern {
		return nil, fail(o.at, "write less of it: what stands before and behind may be left out", "a regular expression has at most %d bytes", MaxPattern)
	}
	cost, err := regexpCost(o.text)
	if err != nil {
		return nil, fail(o.at, `put \ before a character that is meant itself, as \( or \[, or quote the text to find it`, "a regular expression that cannot be read: %s", clip(err.Error()))
	}
	if p.cost += cost; p.cost > maxCost {
		return nil, fail(o.at, "use smaller repeat counts and classes", "the regular expressions of the query are too large")
	}
	re, err := regexp.Compile(o.text)
	if err != nil {
		return nil, fail(o.at, `put \ before a character that is meant itself, as \( or \[, or quote the text to find it`, "a regular expression that cannot be read: %s", clip(err.Error()))
	}
	t, err := p.newTest(f, Regexp)
	if err != nil {
		return nil, err
	}
	t.Str, t.Re = o.text, re
	return t, nil
}
