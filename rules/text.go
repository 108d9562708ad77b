package rules

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// A source is the fields of "a|b", the way rules name several fields of which the first that is there counts.
type source []ref

// A ref is a field by its name, and by its number where the schema has it.
type ref struct {
	name  string
	field event.Field
	known bool
}

// fields splits "a|b" into names.
func fields(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == '|' || r == ' ' })
}

func newSource(names string, schema *event.Schema) source {
	var s source
	for _, name := range fields(names) {
		f, known := schema.Lookup(name)
		s = append(s, ref{name, f, known})
	}
	return s
}

// append appends the text of the first of the fields that the event has, and returns which it is, -1 if it has none.
func (s source) append(dst []byte, row event.Row) ([]byte, int) {
	from := len(dst)
	for i := range s {
		if dst = s[i].append(dst, row); len(dst) > from {
			return dst, i
		}
	}
	return dst, -1
}

// maxAmount bounds what one event adds to a sum.
const maxAmount = 1 << 50

// number returns the first of the fields that is a number, as a whole one; 0 where there is none.
func (s source) number(row event.Row) int64 {
	for i := range s {
		v, _ := row.Get(s[i].name)
		switch v := v.(type) {
		case int64:
			return min(max(v, 0), maxAmount)
		case time.Duration:
			return min(max(int64(v), 0), maxAmount)
		case float64:
			if v > 0 && v < maxAmount {
				return int64(v)
			}
		}
	}
	return 0
}

// isNumber reports whether values of a kind can be summed.
func isNumber(k event.Kind) bool { return k == event.Int || k == event.Float || k == event.Duration }

// append appends the field's value as it is written in groups and messages; nothing where there is none.
func (r *ref) append(dst []byte, row event.Row) []byte {
	if !r.known {
		if v, ok := row.Get(r.name); ok {
			return append(dst, event.Format(v)...)
		}
		return dst
	}
	p := row.Page
	if c := p.Column(r.field); c != nil && row.I < event.PageRows && c.Valid.Has(row.I) {
		switch c.Kind {
		case event.Keyword, event.Text:
			return append(dst, p.Bytes(c.Str[row.I])...)
		case event.Int:
			return strconv.AppendInt(dst, c.Int[row.I], 10)
		case event.Address:
			return c.IP[row.I].Addr().AppendTo(dst)
		}
	}
	if r.field == event.FieldDataset {
		return append(dst, p.Data...)
	}
	if v, ok := row.Value(r.field); ok {
		dst = append(dst, event.Format(v)...)
	}
	return dst
}

// A template is a title or message with {{field}} in it.
type template struct {
	head  string
	parts []templatePart
}

type templatePart struct {
	source
	group bool   // it stands for the group's value
	tail  string // what follows
}

// newTemplate compiles a text whose brackets close. The fields of the group stand for its value.
func newTemplate(text string, group source, schema *event.Schema) template {
	var t template
	head, rest, more := strings.Cut(text, "{{")
	t.head = head
	for more {
		var name string
		name, rest, more = strings.Cut(rest, "}}")
		if !more {
			break // load has refused it
		}
		p := templatePart{source: newSource(name, schema)}
		p.group = len(group) > 0 && slices.EqualFunc(p.source, group, func(a, b ref) bool { return a.name == b.name })
		p.tail, rest, more = strings.Cut(rest, "{{")
		t.parts = append(t.parts, p)
	}
	return t
}

// append appends the text for a row, of a template without a group.
func (t *template) append(dst []byte, row event.Row) []byte {
	dst = append(dst, t.head...)
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(p.appendValue(dst, row), p.tail...)
	}
	return dst
}

// newDetail returns a template of some fields, or texts of fields that begin with one, each ended by a NUL.
func newDetail(schema *event.Schema, names ...string) template {
	var t template
	for _, name := range names {
		if strings.HasPrefix(name, "{{") {
			t.parts = append(t.parts, newTemplate(name+"\x00", nil, schema).parts...)
			continue
		}
		t.parts = append(t.parts, templatePart{source: newSource(name, schema), tail: "\x00"})
	}
	return t
}

// appendWords appends what render needs of a row: the values but for that of the group, each ended by a NUL.
func (t *template) appendWords(dst []byte, row event.Row) []byte {
	for i := range t.parts {
		if p := &t.parts[i]; !p.group {
			dst = append(p.appendValue(dst, row), 0)
		}
	}
	return dst
}

// render returns the text for a group and the words of a row, and the words that it did not need.
func (t *template) render(group, words []byte) (string, []byte) {
	dst := []byte(t.head)
	for i := range t.parts {
		p := &t.parts[i]
		if p.group {
			dst = appendPlain(dst, group)
		} else {
			var word []byte
			word, words, _ = bytes.Cut(words, []byte{0})
			dst = append(dst, word...)
		}
		dst = append(dst, p.tail...)
	}
	return string(dst), words
}

// appendValue appends the part's value, harmless, "-" where the row has none.
func (p *templatePart) appendValue(dst []byte, row event.Row) []byte {
	from := len(dst)
	dst, _ = p.source.append(dst, row)
	return appendPlain(dst[:from], dst[from:])
}

// appendPlain appends a foreign value made harmless, "-" if it is empty. It may stand behind dst already.
func appendPlain(dst, value []byte) []byte {
	switch {
	case len(value) == 0:
		return append(dst, '-')
	case isPlain(value):
		return append(dst, value...)
	}
	return append(dst, plain(string(value))...)
}

// isPlain reports whether plain would leave s as it is, for the common case of short ASCII text.
func isPlain(s []byte) bool {
	if len(s) > maxValue {
		return false
	}
	for _, c := range s {
		if c < ' ' || c >= 0x7F {
			return false
		}
	}
	return true
}

// plain makes a foreign value harmless in one line of text: control and format characters are replaced, and what is
// too long is cut.
func plain(s string) string {
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return '\ufffd'
		}
		return r
	}, s)
}
