package sigma

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// query returns the query of a tree.
func (c *Converter) query(n node, s *Source) (string, error) {
	switch n := n.(type) {
	case allOf:
		return c.joined(n, s, " and ")
	case anyOf:
		return c.joined(n, s, " or ")
	case noneOf:
		q, err := c.query(n.of, s)
		if twice, ok := strings.CutPrefix(q, "not "); ok {
			return twice, err
		}
		return "not " + q, err
	}
	return c.test(n.(*test), s)
}

func (c *Converter) joined(nodes []node, s *Source, with string) (string, error) {
	var parts []string
	for _, n := range nodes {
		q, err := c.query(n, s)
		if err != nil {
			return "", err
		}
		parts = append(parts, q)
	}
	return bracketed(parts, with), nil
}

// bracketed joins queries, in parentheses if they are several.
func bracketed(parts []string, with string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, with) + ")"
}

// test returns the query of a test.
func (c *Converter) test(t *test, s *Source) (string, error) {
	fields, err := s.fieldsOf(t.field)
	if err != nil {
		return "", err
	}
	if known := s.Values[t.field]; known != nil {
		return known.query(t)
	}
	if around, ok := s.Around[t.field]; ok {
		t = around.of(t)
	}
	var parts []string
	for _, f := range fields {
		q, err := c.onField(f, t)
		if err != nil {
			return "", err
		}
		parts = append(parts, q)
	}
	return bracketed(parts, " or "), nil
}

// fieldsOf returns the fields in which what Sigma calls field stands.
func (s *Source) fieldsOf(field string) ([]string, error) {
	switch {
	case field == "" && len(s.Keywords) > 0:
		return s.Keywords, nil
	case field == "":
		return nil, refuse("words anywhere in an event, of a log source where nothing holds them")
	case s.Fields[field] != nil || s.Values[field] != nil:
		return s.Fields[field], nil
	case s.Missing[field] != "":
		return nil, refuse("a field without a counterpart: %s, %s", field, s.Missing[field])
	case s.Any:
		return []string{field}, nil
	}
	return nil, refuse("a field without a counterpart: %s", field)
}

// query returns the query of the values that a test asks for.
func (v values) query(t *test) (string, error) {
	var parts []string
	for _, x := range t.values {
		q, ok := v[strings.ToUpper(x.text)]
		if !ok {
			q = strings.ReplaceAll(v["*"], "{{value}}", strings.ToUpper(x.text))
		}
		if x.kind != pattern || x.place != whole || q == "" {
			return "", refuse("a value of %s without a counterpart: %s", t.field, x.text)
		}
		parts = append(parts, q)
	}
	return bracketed(parts, " or "), nil
}

// of returns a test for the values between what stands around them.
func (a around) of(t *test) *test {
	out := *t
	out.values = nil
	for _, v := range t.values {
		if v.kind == pattern && v.place == whole {
			v.pattern, v.place, v.plain = a.Before+v.pattern+a.Behind, within, false
		}
		out.values = append(out.values, v)
	}
	return &out
}

// onField returns the query of a test on one of our fields.
func (c *Converter) onField(field string, t *test) (string, error) {
	kind := event.Keyword
	if f, ok := c.schema.Lookup(field); ok {
		kind = c.schema.Def(f).Kind
	}
	name := fieldName(field)
	var parts []string
	for i := 0; i < len(t.values); {
		v := &t.values[i]
		n := 1
		if !t.all && v.merges(kind) {
			size := len(v.pattern)
			for i+n < len(t.values) && t.values[i+n].merges(kind) && t.values[i+n].place == v.place && t.values[i+n].cased == v.cased {
				if size += len(t.values[i+n].pattern) + 2; size > maxExpression {
					break
				}
				n++
			}
		}
		q, err := onKind(name, kind, t.values[i:i+n])
		if err != nil {
			return "", err
		}
		parts, i = append(parts, q), i+n
	}
	if t.all {
		return bracketed(parts, " and "), nil
	}
	return bracketed(parts, " or "), nil
}

// maxExpression bounds an expression of several values: a query's may have 1,000 bytes.
const maxExpression = 900

// merges reports whether several such values are one expression.
func (v *value) merges(k event.Kind) bool {
	return v.kind == pattern && (k == event.Keyword || k == event.Text) && !v.exact(k)
}

// exact reports whether the value is compared as it is: no letter of it may be small or capital.
func (v *value) exact(k event.Kind) bool {
	return k == event.Keyword && v.kind == pattern && v.place == whole && v.plain && (v.cased || strings.ToUpper(v.text) == strings.ToLower(v.text))
}

// onKind returns the query of values on a field of a kind; of several, that it is one of them.
func onKind(name string, k event.Kind, vs []value) (string, error) {
	v := &vs[0]
	switch {
	case v.kind == missing:
		return "not " + name + ":*", nil
	case v.kind == present:
		return name + ":*", nil
	case v.kind == compared:
		if k != event.Int && k != event.Float {
			return "", refuse("a number is asked for of a field that is a text")
		}
		return name + v.pattern + v.text, nil
	case v.kind == network && k == event.Address:
		return name + ":" + v.pattern, nil
	case v.kind == network:
		return "", refuse("a network is asked for of a field that is no address")
	case k == event.Keyword || k == event.Text:
		if v.exact(k) {
			return name + ":" + quoted(v.text), nil
		}
		return name + ":" + expression(vs), nil
	case k == event.Address || k == event.Int || k == event.Float:
		if v.kind != pattern || v.place != whole || !v.plain {
			return "", refuse("a part of a number or an address is asked for as of a text")
		}
		if _, err := strconv.ParseFloat(v.text, 64); err != nil && k != event.Address {
			return "", refuse("a text is asked for of a field that is a number")
		}
		return name + ":" + quoted(v.text), nil
	}
	return "", refuse("a field of kind %s", k)
}

// expression returns the regular expression that one of the values fits.
func expression(vs []value) string {
	v := &vs[0]
	var all []string
	for i := range vs {
		all = append(all, vs[i].pattern)
	}
	re := strings.Join(all, "|")
	if v.kind == pattern {
		switch open, end := v.place == whole || v.place == begins, v.place == whole || v.place == ends; {
		case len(vs) > 1 && (open || end):
			re = "(?:" + re + ")"
			fallthrough
		default:
			if open {
				re = "^" + re
			}
			if end {
				re += "$"
			}
		}
	}
	out := "/" + slashes(re) + "/"
	if v.kind == pattern && !v.cased {
		out += "i"
	}
	return out
}

// slashes escapes the slashes that are not.
func slashes(re string) string {
	var b strings.Builder
	for i := 0; i < len(re); i++ {
		switch {
		case re[i] == '\\' && i+1 < len(re):
			b.WriteString(re[i : i+2])
			i++
		case re[i] == '/':
			b.WriteString(`\/`)
		default:
			b.WriteByte(re[i])
		}
	}
	return b.String()
}

// quoted returns a value of a query in quotation marks.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7F:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// fieldName returns a field as a query names it.
func fieldName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return quoted(name)
}
