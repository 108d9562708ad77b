package query

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// The bounds of a query. What passes them is an error.
const (
	MaxLength  = 32 << 10 // bytes of its text
	MaxTerms   = 1024     // tests
	MaxDepth   = 64       // parentheses and nots within each other
	MaxPattern = 1000     // bytes of a regular expression or a wildcard
)

// Parse reads a query. Field names are resolved against the schema; one that it does not know is looked up in the
// event's JSON object (see Unknown). Relative times count from now, and times without a zone are in now's zone.
// The empty text is And{}, which always holds. An error is an *Error.
//
// The tree is in a plain form: no And directly in an And, no Or in an Or, neither with a single operand. A tree
// belongs to its schema; when formats are loaded again, parse again.
func Parse(text string, schema *event.Schema, now time.Time) (Expr, error) {
	p, e, err := parse(text, schema, now)
	if err != nil {
		return nil, err
	}
	if !p.end() {
		return nil, fail(p.pos, "leave out what stands behind it; to find either of two conditions, write or", "a | asks for numbers, and here is a condition wanted")
	}
	return e, nil
}

// parse reads a condition up to the end or to a |.
func parse(text string, schema *event.Schema, now time.Time) (*parser, Expr, error) {
	if len(text) > MaxLength {
		return nil, nil, fail(MaxLength, "write a shorter one, or two queries", "a query has at most %d bytes, this one has %d", MaxLength, len(text))
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return nil, nil, fail(i, "leave the byte out; a regular expression finds any byte in its place: /caf./", "a byte that is not UTF-8")
			}
		}
	}
	p := &parser{text: text, schema: schema, now: now}
	p.space()
	if p.end() || p.pipe() {
		return p, And{}, nil
	}
	e, err := p.or(p.term)
	if err != nil {
		return nil, nil, err
	}
	if !p.end() && !p.pipe() { // or stops at the end, at a closing parenthesis or at a |
		return nil, nil, fail(p.pos, "leave it out, or open one before", "a ) without its (")
	}
	return p, e, nil
}

// A parser reads one query. pos is the byte offset of the reading place.
type parser struct {
	text   string
	pos    int
	schema *event.Schema
	now    time.Time
	terms  int
	depth  int
	cost   int // of regular expressions

	unbound bool // the tests are counted by who calls it
}

// The grammar, or before and before not before primary: a term, or a value in the parentheses of a field.

func (p *parser) or(primary func() (Expr, error)) (Expr, error) {
	var any []Expr
	for {
		e, err := p.and(primary)
		if err != nil {
			return nil, err
		}
		any = append(any, e)
		if !p.keyword("or") {
			return join(any, false), nil
		}
		p.pos += len("or")
	}
}

func (p *parser) and(primary func() (Expr, error)) (Expr, error) {
	var all []Expr
	for {
		e, err := p.not(primary)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
		p.space()
		switch {
		case p.end() || p.peek() == ')' || p.pipe() || p.keyword("or"):
			return join(all, true), nil
		case p.keyword("and"):
			p.pos += len("and")
		}
	}
}

func (p *parser) not(primary func() (Expr, error)) (Expr, error) {
	p.space()
	if !p.keyword("not") {
		return p.operand(primary)
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos += len("not")
	e, err := p.not(primary)
	if err != nil {
		return nil, err
	}
	return negate(e), nil
}

// operand reads a primary where one must stand, or a condition in parentheses.
func (p *parser) operand(primary func() (Expr, error)) (Expr, error) {
	p.space()
	if p.end() || p.peek() == ')' || p.pipe() || p.keyword("and") || p.keyword("or") {
		what, repair := "the end", "write a condition here, as user.name:root"
		if !p.end() {
			what = clip(p.text[p.pos : p.pos+1])
			if w := p.reserved(); w != "" {
				what = w
				repair += `; to find the word itself, quote it: "` + w + `"`
			}
		}
		return nil, fail(p.pos, repair, "a condition is missing before %s", what)
	}
	if p.peek() == '(' {
		return p.group(primary)
	}
	return primary()
}

// group reads ( … ).
func (p *parser) group(primary func() (Expr, error)) (Expr, error) {
	open := p.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	e, err := p.or(primary)
	if err != nil {
		return nil, err
	}
	if p.pipe() {
		return nil, fail(p.pos, "close the ( before it; to find either of two conditions, write or", "a | within parentheses")
	}
	if p.end() || p.peek() != ')' {
		return nil, fail(open, "close it with )", "a ( without its )")
	}
	p.pos++
	return e, nil
}

// pipe reports whether a | comes next that no other follows.
func (p *parser) pipe() bool { return p.peek() == '|' && !strings.HasPrefix(p.text[p.pos:], "||") }

func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return fail(p.pos, "leave out those that change nothing", "parentheses and nots stand at most %d deep in each other", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// join makes one condition of some, in plain form.
func join(list []Expr, all bool) Expr {
	var flat []Expr
	for _, e := range list {
		and, isAnd := e.(And)
		or, isOr := e.(Or)
		switch {
		case isAnd && all:
			flat = append(flat, and...)
		case isOr && !all:
			flat = append(flat, or...)
		default:
			flat = append(flat, e)
		}
	}
	switch {
	case len(flat) == 1:
		return flat[0]
	case all:
		return And(flat)
	}
	return Or(flat)
}

func negate(e Expr) Expr {
	if and, ok := e.(And); ok && len(and) == 0 {
		return Or{}
	}
	if or, ok := e.(Or); ok && len(or) == 0 {
		return And{}
	}
	return Not{e}
}

// operators of words that other languages write, for repairs.
var foreign = map[string]string{"&&": "and", "||": "or", "&": "and", "|": "or", "!": "not", "-": "not"}

// term reads one condition: field:value, a comparison, exists(field), or words to search the message for.
func (p *parser) term() (Expr, error) {
	at := p.pos
	switch p.peek() {
	case '"':
		o, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if op := p.operator(); op != "" && !o.wild {
			return p.value(p.field(o.text, at), op)
		}
		return p.search(o)
	case '/':
		o, err := p.regexp()
		if err != nil {
			return nil, err
		}
		return p.pattern(p.field("message", at), o)
	}
	o, err := p.word(bareStops)
	if err != nil {
		return nil, err
	}
	word := p.text[at:p.pos]
	if strings.EqualFold(word, "exists") && p.peek() == '(' {
		return p.exists(at)
	}
	op := p.operator()
	if op == "" {
		return p.words(o, word)
	}
	if !isName(word) {
		return nil, fail(at, "put what is no field into quotation marks: "+p.quote(at), "%s where the name of a field is expected", quoteEmpty(word))
	}
	return p.value(p.field(word, at), op)
}

func quoteEmpty(word string) string {
	if word == "" {
		return "nothing"
	}
	return clip(word)
}

// quote returns the text from the byte offset at up to white space as it stands in quotation marks, for repairs.
func (p *parser) quote(at int) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clip(p.rest(at))) + `"`
}

// words makes a search of a word without a field, after refusing what other languages would mean by it.
func (p *parser) words(o operand, word string) (Expr, error) {
	if o.pattern == "*" {
		return And{}, nil
	}
	if p.peek() == '=' {
		name := strings.TrimSuffix(word, "!")
		repair := "write field:value to compare"
		switch {
		case name != word:
			repair = "write not " + clip(name) + ":value to compare"
		case isName(name):
			repair = "write " + clip(name) + ":value to compare"
		}
		return nil, fail(p.pos, repair+", or quote the text to search for it: "+p.quote(o.at), "= is no operator")
	}
	if word == "" && p.peek() == '|' {
		word = "||"
	}
	if w, ok := foreign[word]; ok {
		return nil, fail(o.at, "write "+w, "%s is no operator", word)
	}
	if word != "" && (word[0] == '-' || word[0] == '!') {
		return nil, fail(o.at, "write not "+clip(word[1:])+", or quote it: "+p.quote(o.at), "a word that begins with %c", word[0])
	}
	return p.search(o)
}

// search looks for an operand in the message.
func (p *parser) search(o operand) (Expr, error) {
	if !p.delimited() {
		return nil, fail(p.pos, "put a space between", "something follows directly")
	}
	return p.equal(p.field("message", o.at), o)
}

// exists reads the ( field ) of exists(field).
func (p *parser) exists(at int) (Expr, error) {
	p.pos++
	p.space()
	name, err := p.name(bareStops)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ')' {
		return nil, fail(p.pos, "write exists(field)", "exists takes one field")
	}
	p.pos++
	return p.newTest(p.field(name, at), Exists)
}

// name reads the name of a field, which one of stops ends.
func (p *parser) name(stops string) (string, error) {
	at := p.pos
	if p.peek() == '"' {
		o, err := p.quoted()
		return o.text, err
	}
	if _, err := p.word(stops); err != nil {
		return "", err
	}
	if word := p.text[at:p.pos]; isName(word) {
		return word, nil
	}
	return "", fail(at, "write the name of a field, as source.ip; one with other characters in quotation marks", "%s where the name of a field is expected", quoteEmpty(p.text[at:p.pos]))
}

// operator reads a colon or, white space before it or not, an order; "" where there is none.
func (p *parser) operator() string {
	if p.peek() == ':' {
		p.pos++
		return ":"
	}
	return p.ordering()
}

func (p *parser) ordering() string {
	was := p.pos
	p.space()
	for _, op := range [...]string{"<=", ">=", "<", ">"} {
		if strings.HasPrefix(p.text[p.pos:], op) {
			p.pos += len(op)
			return op
		}
	}
	p.pos = was
	return ""
}

// isName reports whether s can stand as the name of a field without quotation marks.
func isName(s string) bool {
	for i, r := range s {
		inside := i > 0 && (unicode.IsDigit(r) || r == '.' || r == '-')
		if !unicode.IsLetter(r) && r != '_' && r != '@' && !inside {
			return false
		}
	}
	return s != ""
}
