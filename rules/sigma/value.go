package sigma

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A test asks for values of a field; without one, for words anywhere in the event. One of the values has to be there, or all.
type test struct {
	field  string
	values []value
	all    bool
}

// A place is where in the field a value stands.
type place uint8

const (
	whole place = iota
	within
	begins
	ends
)

// A value is one that a test asks for.
type value struct {
	kind    kind
	place   place
	pattern string // of kind pattern: an expression of RE2, without anchors
	cased   bool   // capitals and small letters are told apart
	text    string // a text that fits, or the value itself
	plain   bool   // text is all that fits, in any case of letters
}

// A kind says how a value is compared.
type kind uint8

const (
	pattern  kind = iota
	expr          // an expression as it was written
	missing       // there is no such field
	present       // there is one
	network       // an address in a network
	compared      // a number that is more or less: pattern is the operator
)

// newTest reads a field with its modifiers, and its values.
func newTest(key string, n *yaml.Node) (*test, error) {
	parts := strings.Split(key, "|")
	t := &test{field: parts[0]}
	m := modifiers{}
	for _, name := range parts[1:] {
		switch name {
		case "all":
			t.all = true
		case "contains":
			m.place = within
		case "startswith":
			m.place = begins
		case "endswith":
			m.place = ends
		case "cased":
			m.cased = true
		case "re":
			m.kind = expr
		case "i", "m", "s":
			m.flags += name
		case "cidr":
			m.kind = network
		case "exists":
			m.kind = present
		case "gt", "gte", "lt", "lte":
			m.kind, m.op = compared, map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[name]
		case "base64", "base64offset", "wide", "utf16le", "utf16", "utf16be", "windash":
			m.encodings = append(m.encodings, name)
		case "fieldref":
			return nil, refuse("it compares two fields with each other")
		case "expand":
			return nil, refuse("it has placeholders that a site has to fill in")
		default:
			return nil, refuse("a modifier that is not known: %s", name)
		}
	}
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, item := range nodes {
		if item.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s: a value is no text", key)
		}
		vs, err := m.values(item)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		t.values = append(t.values, vs...)
	}
	if len(t.values) == 0 {
		return nil, fmt.Errorf("%s: no value", key)
	}
	if t.field == "" {
		for i := range t.values {
			if v := &t.values[i]; v.kind == pattern && v.place == whole {
				v.place = within
			}
		}
	}
	return t, nil
}

// modifiers are what stands behind a field's name.
type modifiers struct {
	kind      kind
	place     place
	cased     bool
	flags, op string
	encodings []string
}

// values returns what a value as it is written asks for; some encodings make several of it.
func (m *modifiers) values(n *yaml.Node) ([]value, error) {
	switch {
	case m.kind == present:
		if n.Value == "false" {
			return []value{{kind: missing}}, nil
		}
		return []value{{kind: present, text: "x"}}, nil
	case n.Tag == "!!null" || n.Value == "" && m.kind == pattern:
		return []value{{kind: missing}}, nil
	case m.kind == network:
		address, _, _ := strings.Cut(n.Value, "/")
		return []value{{kind: network, pattern: n.Value, text: address}}, nil
	case m.kind == compared:
		return []value{{kind: compared, pattern: m.op, text: n.Value}}, nil
	case m.kind == expr:
		return m.expression(n.Value)
	case len(m.encodings) > 0:
		return m.encoded(n.Value)
	}
	return []value{m.literal(n.Value)}, nil
}

// literal returns a value with Sigma's wildcards: * and ?, and a backslash takes their meaning.
func (m *modifiers) literal(text string) value {
	v := value{place: m.place, cased: m.cased, plain: true}
	var re, fits strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`*?\`, text[i+1]) >= 0:
			i++
			re.WriteString(quote(text[i : i+1]))
			fits.WriteByte(text[i])
		case c == '*':
			v.plain = false
			re.WriteString(`(?s:.*)`)
		case c == '?':
			v.plain = false
			re.WriteString(`(?s:.)`)
			fits.WriteByte('x')
		default:
			re.WriteString(quote(text[i : i+1]))
			fits.WriteByte(c)
		}
	}
	v.pattern, v.text = re.String(), fits.String()
	if head, ok := strings.CutPrefix(v.pattern, `(?s:.*)`); ok { // at an end it is a place
		v.pattern = head
		v.place = map[place]place{whole: ends, within: within, begins: within, ends: ends}[v.place]
	}
	if head, ok := strings.CutSuffix(v.pattern, `(?s:.*)`); ok && v.pattern != "" {
		v.pattern = head
		v.place = map[place]place{whole: begins, within: within, begins: begins, ends: within}[v.place]
	}
	if v.pattern == "" && !v.plain { // nothing but wildcards
		return value{kind: present, text: "x"}
	}
	return v
}

// quote returns the expression of a text, control characters by their number.
func quote(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < ' ' || c == 0x7F:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < utf8.RuneSelf:
			b.WriteString(regexp.QuoteMeta(string(rune(c))))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// expression returns a value that is an expression already.
func (m *modifiers) expression(text string) ([]value, error) {
	flags := m.flags
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	re, err := syntax.Parse(flags+text, syntax.Perl)
	if err != nil {
		return nil, refuse("an expression that RE2 does not know, such as one that looks around")
	}
	var b strings.Builder
	fitting(&b, re)
	return []value{{kind: expr, pattern: flags + text, text: b.String(), cased: true}}, nil
}

// encoded returns the values that a text is once it is encoded.
func (m *modifiers) encoded(text string) ([]value, error) {
	all := [][]byte{[]byte(text)}
	for _, e := range m.encodings {
		var next [][]byte
		for _, b := range all {
			switch e {
			case "wide", "utf16le", "utf16":
				next = append(next, wide(b, false))
			case "utf16be":
				next = append(next, wide(b, true))
			case "base64":
				next = append(next, []byte(base64.StdEncoding.EncodeToString(b)))
			case "base64offset":
				for skip := range 3 {
					next = append(next, shifted(b, skip))
				}
			case "windash":
				for _, dash := range []string{"-", "/", "–", "—", "―"} {
					next = append(next, []byte(strings.ReplaceAll(string(b), "-", dash)))
				}
			}
		}
		all = next
	}
	var out []value
	for _, b := range all {
		if slices.Contains(m.encodings, "windash") {
			out = append(out, m.literal(string(b)))
			continue
		}
		out = append(out, value{place: m.place, cased: true, pattern: quote(string(b)), text: string(b), plain: true})
	}
	return out, nil
}

// wide returns a text in UTF-16.
func wide(text []byte, bigEndian bool) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(string(text))) {
		if bigEndian {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// shifted returns what stands in any Base64 text of which b is a part that begins so many bytes behind a multiple of three.
func shifted(b []byte, skip int) []byte {
	enc := base64.StdEncoding.EncodeToString(append(make([]byte, skip), b...))
	from := []int{0, 2, 3}[skip]
	to := len(enc)
	switch (len(b) + skip) % 3 {
	case 1:
		to -= 3
	case 2:
		to -= 2
	}
	return []byte(enc[from:max(from, to)])
}

// fitting appends a text that an expression finds.
func fitting(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		r := re.Rune[0]
		for i := 0; i+1 < len(re.Rune); i += 2 { // a letter rather than a control character
			if lo, hi := re.Rune[i], re.Rune[i+1]; lo <= 'a' && hi >= 'a' {
				r = 'a'
			} else if r < ' ' && lo > ' ' {
				r = lo
			}
		}
		b.WriteRune(r)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		fitting(b, re.Sub[0])
	case syntax.OpRepeat:
		for range min(re.Min, 100) {
			fitting(b, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			fitting(b, sub)
		}
	case syntax.OpAlternate:
		fitting(b, re.Sub[0])
	}
}
