package sigma

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/template"

	"github.com/saypro/veritail/rules"
)

// A sample is what a line has to hold to be one that a rule is about.
type sample struct {
	source *Source
	fields map[string]*fit
	order  []string // of the fields, as they were asked for
	words  []string // anywhere
}

// A fit is what a field has to hold.
type fit struct {
	exact            string
	whole, left, out bool // exact counts; the field stays as it is; it must not be there
	begins, ends     string
	within           []string
}

// maxChoices bounds the alternatives that are tried for a line.
const maxChoices = 48

// addTests makes the tests of a rule: a line that it finds, and one that nearly is one.
func (c *Converter) addTests(r *Rule, s *Source, tree node) error {
	if s.Line == "" {
		return nil
	}
	for choice := range maxChoices {
		m := &sample{source: s, fields: map[string]*fit{}}
		left := choice
		m.choose(tree, true, &left)
		line, err := m.line()
		if err != nil {
			return err
		}
		found, err := c.counts(r, s.Format, line, 1)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		near, ok, err := c.nearMiss(r, m)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		r.made = m.clean(tree, choice)
		r.Tests = []rules.Test{testOf("a line made for it", s.Format, line, 1), testOf("a near miss", s.Format, near, 0)}
		return nil
	}
	return refuse("no line could be made that it finds, with one beside that it does not")
}

// clean returns the sample of a choice as it was before a near miss was looked for.
func (m *sample) clean(tree node, choice int) *sample {
	out := &sample{source: m.source, fields: map[string]*fit{}}
	out.choose(tree, true, &choice)
	return out
}

func testOf(name, format, lines string, count int) rules.Test {
	return rules.Test{Name: name, Format: format, Lines: lines + "\n", Expect: rules.Expect{Count: count}}
}

// counts reports whether the rule counts so many occurrences in lines.
func (c *Converter) counts(r *Rule, format, lines string, n int) (bool, error) {
	one := r.asRule()
	one.Tests = []rules.Test{testOf("made", format, lines, n)}
	_, failures, err := rules.Check([]rules.Rule{one}, c.schema, c.decode)
	return len(failures) == 0, err
}

// nearMiss returns a line that differs in one place and that the rule does not find.
func (c *Converter) nearMiss(r *Rule, m *sample) (string, bool, error) {
	try := func() (string, bool, error) {
		line, err := m.line()
		if err != nil {
			return "", false, err
		}
		none, err := c.counts(r, m.source.Format, line, 0)
		return line, none, err
	}
	for i := range m.words {
		was := m.words[i]
		m.words[i] = changed(was)
		if line, ok, err := try(); ok || err != nil {
			return line, ok, err
		}
		m.words[i] = was
	}
	for _, name := range m.order {
		f := m.fields[name]
		was := *f
		for _, change := range f.changes() {
			change()
			if line, ok, err := try(); ok || err != nil {
				return line, ok, err
			}
			*f = was
			f.within = append([]string(nil), was.within...)
		}
	}
	return "", false, nil
}

// changes returns what changes one text of f.
func (f *fit) changes() (out []func()) {
	switch {
	case f.out:
		return []func(){func() { f.out, f.whole, f.exact = false, true, "x" }}
	case f.left || f.whole && f.exact == "x":
		return []func(){func() { f.out, f.left, f.whole = true, false, false }}
	case f.whole:
		return []func(){func() { f.exact = changed(f.exact) }}
	}
	for i := range f.within {
		out = append(out, func() { f.within[i] = changed(f.within[i]) })
	}
	if f.ends != "" {
		out = append(out, func() { f.ends = changed(f.ends) })
	}
	if f.begins != "" {
		out = append(out, func() { f.begins = changed(f.begins) })
	}
	return out
}

// changed returns a text that differs in one letter or digit, near its middle.
func changed(text string) string {
	b := []byte(text)
	for i := range b {
		at := (len(b)/2 + i) % len(b)
		switch c := b[at]; {
		case c >= '0' && c <= '8':
			b[at]++
		case c == '9':
			b[at] = '0'
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			b[at] = 'q'
			if c == 'q' || c == 'Q' {
				b[at] = 'k'
			}
		default:
			continue
		}
		return string(b)
	}
	return "q" // signs only
}

// choose takes from a tree what makes it hold; of alternatives the one that left says.
func (m *sample) choose(n node, want bool, left *int) {
	pick := func(n int) int {
		i := *left % n
		*left /= n
		return i
	}
	switch n := n.(type) {
	case noneOf:
		m.choose(n.of, !want, left)
	case allOf:
		for _, sub := range n {
			m.choose(sub, want, left)
		}
	case anyOf:
		if want {
			m.choose(n[pick(len(n))], want, left)
		}
	case *test:
		switch {
		case !want:
		case n.all:
			for i := range n.values {
				m.take(n.field, &n.values[i])
			}
		default:
			m.take(n.field, &n.values[pick(len(n.values))])
		}
	}
}

// take makes a field hold a value.
func (m *sample) take(field string, v *value) {
	if field == "" {
		m.words = append(m.words, v.text)
		return
	}
	f := m.fields[field]
	if f == nil {
		f = &fit{}
		m.fields[field], m.order = f, append(m.order, field)
	}
	switch {
	case v.kind == missing:
		f.out = true
	case v.kind == present:
		f.left = m.source.Default[field] != ""
		f.whole, f.exact = !f.left, v.text
	case v.kind == compared:
		f.whole, f.exact = true, beyond(v)
	case v.kind == network || v.kind == pattern && v.place == whole:
		f.whole, f.exact = true, v.text
	case v.kind == expr || v.place == within:
		f.within = append(f.within, v.text)
	case v.place == begins:
		f.begins = v.text
	case v.place == ends:
		f.ends = v.text
	}
}

// beyond returns a number for which a comparison holds.
func beyond(v *value) string {
	n, err := strconv.ParseFloat(v.text, 64)
	if err != nil {
		return v.text
	}
	switch v.pattern {
	case ">":
		n++
	case "<":
		n--
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// text returns what a field holds in the line.
func (m *sample) text(field string) string {
	f := m.fields[field]
	switch {
	case f == nil || f.left:
		return m.source.Default[field]
	case f.out:
		return ""
	case f.whole:
		return f.exact
	}
	parts := append([]string(nil), f.within...)
	glue := m.source.Glue[field]
	middle := strings.Join(parts, glue)
	if middle == "" {
		return f.begins + f.ends
	}
	out := middle
	if f.begins != "" && !strings.HasPrefix(middle, f.begins) {
		out = f.begins + glue + out
	}
	if f.ends != "" && !strings.HasSuffix(middle, f.ends) {
		out += glue + f.ends
	}
	return out
}

// functions are what the template of a line can say.
func (m *sample) functions() template.FuncMap {
	return template.FuncMap{
		"v":      m.text,
		"has":    func(field string) bool { return m.text(field) != "" },
		"words":  func() string { return strings.Join(m.words, " ") },
		"list":   func() []string { return m.words },
		"audit":  audited,
		"args":   m.args,
		"joined": func(fields ...string) string { return strings.Join(m.args(fields...), " ") },
		"hex":    func(text string) string { return fmt.Sprintf("%X", text) },
		"json":   m.object,
		"quote":  func(text string) string { b, _ := json.Marshal(text); return string(b) },
		"blank":  func(text string) string { return strings.ReplaceAll(text, " ", "%20") },
	}
}

// args returns the words that are wanted anywhere behind the values of fields, those without one up to the last that has.
func (m *sample) args(fields ...string) []string {
	var out []string
	for i, name := range fields {
		if text := m.text(name); text != "" {
			for len(out) < i {
				out = append(out, "x")
			}
			out = append(out, text)
		}
	}
	return append(out, m.words...)
}

// audited returns a text as an audit record has it: in quotation marks, or where it has a blank or a mark, in hexadecimal digits.
func audited(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' }) {
		return fmt.Sprintf("%X", text)
	}
	return `"` + text + `"`
}

// object returns the fields of the sample, and the defaults, as JSON; a name with dots is nested.
func (m *sample) object() (string, error) {
	root := map[string]any{}
	put := func(name, text string) {
		at := root
		parts := strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			sub, ok := at[part].(map[string]any)
			if !ok {
				sub = map[string]any{}
				at[part] = sub
			}
			at = sub
		}
		var value any = text
		if n, err := strconv.Atoi(text); err == nil {
			value = n
		}
		at[parts[len(parts)-1]] = value
	}
	for name := range m.source.Default {
		if text := m.text(name); text != "" {
			put(name, text)
		}
	}
	for _, name := range m.order {
		if text := m.text(name); text != "" {
			put(name, text)
		}
	}
	if len(m.words) > 0 {
		put("message", strings.Join(m.words, " "))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(root)
	return strings.TrimSpace(b.String()), err
}

// line returns the line of the sample.
func (m *sample) line() (string, error) {
	t, err := m.source.line.Clone()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Funcs(m.functions()).Execute(&b, nil); err != nil {
		return "", fmt.Errorf("make a line: %w", err)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}
