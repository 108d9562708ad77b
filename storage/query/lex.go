package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An operand is a value, a word or a quoted phrase as it was written.
type operand struct {
	at      int    // byte offset where it begins
	text    string // without quotes and escapes
	pattern string // the same with \ before the characters that are not wildcards though they look so
	wild    bool   // pattern has wildcards
	quoted  bool
}

// Delimiters of words, beside white space.
const (
	bareStops  = `()":<>=|`      // in a term without a field
	valueStops = `()"|`          // in a value
	rangeStops = `()"]|`         // in a bound of a range
	askedStops = `()"|,`         // in a word behind a |
	groupStops = bareStops + "," // in the name of a field there
)

func (p *parser) end() bool { return p.pos >= len(p.text) }

// peek returns the byte at the reading place, 0 at the end.
func (p *parser) peek() byte {
	if p.end() {
		return 0
	}
	return p.text[p.pos]
}

// space skips white space.
func (p *parser) space() {
	p.pos += len(p.text[p.pos:]) - len(strings.TrimLeftFunc(p.text[p.pos:], unicode.IsSpace))
}

// keyword reports whether the keyword w comes next: in any case, and followed by something that ends it.
func (p *parser) keyword(w string) bool {
	rest := p.text[p.pos:]
	if len(rest) < len(w) || !strings.EqualFold(rest[:len(w)], w) {
		return false
	}
	rest = rest[len(w):]
	if rest == "" || strings.IndexByte(`()"]|`, rest[0]) >= 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsSpace(r)
}

// reserved returns the keyword of conditions that comes next, as it is written, or "".
func (p *parser) reserved() string {
	for _, w := range [...]string{"and", "or", "not"} {
		if p.keyword(w) {
			return p.text[p.pos : p.pos+len(w)]
		}
	}
	return ""
}

// word reads an unquoted operand up to white space or one of stops. It may be empty.
func (p *parser) word(stops string) (operand, error) {
	o := operand{at: p.pos}
	var text, pattern strings.Builder
	star := false // the last character was the wildcard *, to which another adds nothing
	for !p.end() {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		switch {
		case unicode.IsSpace(r) || r < utf8.RuneSelf && strings.IndexByte(stops, byte(r)) >= 0:
			o.text, o.pattern = text.String(), pattern.String()
			return o, nil
		case r == '“' || r == '”' || r == '„':
			return o, fail(p.pos, `quote with "…"`, "a typographic quotation mark")
		case r == '*' || r == '?':
			o.wild = true
			text.WriteRune(r)
			if r != '*' || !star {
				pattern.WriteRune(r)
			}
		case r == '\\':
			esc, m := utf8.DecodeRuneInString(p.text[p.pos+n:])
			if m == 0 || unicode.IsLetter(esc) || unicode.IsDigit(esc) {
				return o, fail(p.pos, `write \\ for a backslash`, `a \ takes the meaning from a special character, and none follows`)
			}
			r, n = 0, n+m
			text.WriteRune(esc)
			pattern.WriteString(escapeWildcard(string(esc)))
		default:
			text.WriteRune(r)
			pattern.WriteRune(r)
		}
		star = r == '*'
		p.pos += n
	}
	o.text, o.pattern = text.String(), pattern.String()
	return o, nil
}

// quotedEscapes are the escapes within quotation marks, beside \uXXXX.
var quotedEscapes = map[byte]byte{'"': '"', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}

// quoted reads "…"; a * directly after it makes a prefix of it.
func (p *parser) quoted() (operand, error) {
	o := operand{at: p.pos, quoted: true}
	var text strings.Builder
	p.pos++
	for {
		i := strings.IndexAny(p.text[p.pos:], `"\`)
		if i < 0 {
			return o, fail(o.at, `end it with "`, "a quotation mark that is not closed")
		}
		text.WriteString(p.text[p.pos : p.pos+i])
		p.pos += i
		if p.text[p.pos] == '"' {
			p.pos++
			break
		}
		r, n, ok := unescape(p.text[p.pos:])
		if !ok {
			return o, fail(p.pos, `write \\ for a backslash; there are \" \n \r \t and \u00e9 beside`, "an unknown escape in quotation marks")
		}
		text.WriteRune(r)
		p.pos += n
	}
	o.text = text.String()
	o.pattern = escapeWildcard(o.text)
	if p.peek() == '*' {
		o.wild, o.pattern = true, o.pattern+"*"
		p.pos++
	}
	return o, nil
}

// unescape reads the escape at the beginning of s and returns its character and its length in bytes.
func unescape(s string) (rune, int, bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	if c, ok := quotedEscapes[s[1]]; ok {
		return rune(c), 2, true
	}
	if s[1] != 'u' || len(s) < 6 {
		return 0, 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		return 0, 0, false
	}
	return rune(v), 6, true
}

// regexp reads /…/ with an optional i after it and returns the pattern without the slashes; i becomes (?i).
func (p *parser) regexp() (operand, error) {
	o := operand{at: p.pos}
	hint := "to find the text itself, quote it: " + strconv.Quote(clip(p.rest(p.pos)))
	var b strings.Builder
	p.pos++
	for {
		if p.end() {
			return o, fail(o.at, hint, "a regular expression that no / closes")
		}
		c := p.text[p.pos]
		p.pos++
		if c == '/' {
			break
		}
		if c == '\\' && !p.end() {
			c = p.text[p.pos]
			p.pos++
			if c != '/' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(c)
	}
	o.text = b.String()
	if p.peek() == 'i' || p.peek() == 'I' {
		p.pos++
		o.text = "(?i)" + o.text
	}
	if !p.delimited() {
		return o, fail(p.pos, hint, "after a regular expression only the flag i may stand")
	}
	return o, nil
}

// rest returns the text from the byte offset at up to white space.
func (p *parser) rest(at int) string {
	s := p.text[at:]
	if i := strings.IndexFunc(s, unicode.IsSpace); i >= 0 {
		s = s[:i]
	}
	return s
}

// delimited reports whether what was read ends here.
func (p *parser) delimited() bool {
	r, n := utf8.DecodeRuneInString(p.text[p.pos:])
	return n == 0 || unicode.IsSpace(r) || r == '(' || r == ')' || r == ']' || r == '|'
}
