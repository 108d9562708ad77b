package rules

import (
	"slices"
	"strconv"
	"strings"
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

// of returns the text of the first of the fields that the event has, and the field's name. buf is scratch memory, which
// may grow.
func (s source) of(buf *[]byte, row event.Row) (text, name string, ok bool) {
	for i := range s {
		if *buf = s[i].append((*buf)[:0], row); len(*buf) > 0 {
			return string(*buf), s[i].name, true
		}
	}
	return "", "", false
}

// append appends the field's value as it is written in groups and messages; nothing where there is none.
func (r *ref) append(dst []byte, row event.Row) []byte {
	if !r.known {
		if v, ok := row.Get(r.name); ok {
			return append(dst, event.Format(v)...)
		}
		return dst
	}
	c := row.Page.Column(r.field)
	if c == nil || row.I >= event.PageRows || !c.Valid.Has(row.I) {
		if r.field >= event.FieldDataset && r.field <= event.FieldUnparsed {
			if v, ok := row.Value(r.field); ok {
				return append(dst, event.Format(v)...)
			}
		}
		return dst
	}
	switch c.Kind {
	case event.Keyword, event.Text:
		return append(dst, row.Page.Bytes(c.Str[row.I])...)
	case event.Int:
		return strconv.AppendInt(dst, c.Int[row.I], 10)
	case event.Address:
		return c.IP[row.I].Addr().AppendTo(dst)
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

// expand appends the text for a row. buf is scratch memory, which may grow.
func (t *template) expand(buf *[]byte, group string, row event.Row) string {
	dst := append((*buf)[:0], t.head...)
	for i := range t.parts {
		p := &t.parts[i]
		from := len(dst)
		if p.group {
			dst = append(dst, group...)
		} else {
			for j := 0; j < len(p.source) && len(dst) == from; j++ {
				dst = p.source[j].append(dst, row)
			}
		}
		if len(dst) == from {
			dst = append(dst, '-')
		} else if !isPlain(dst[from:]) {
			dst = append(dst[:from], plain(string(dst[from:]))...)
		}
		dst = append(dst, p.tail...)
	}
	*buf = dst
	return string(dst)
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
