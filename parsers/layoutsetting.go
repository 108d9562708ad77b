package parsers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
)

// A layout is a setting that has been read.
type layout struct {
	expr   string // of a line
	escape string
	time   string // how the time is written, where it is of several parts; "" where it is not
}

// A settingText is the text of a setting, with the place of each of its bytes in what was given.
type settingText struct {
	given string
	text  []byte
	at    []int
}

// errorAt returns an error about byte i of the text, at its column of what was given.
func (t *settingText) errorAt(i int, format string, args ...any) error {
	at := len(t.given)
	if i < len(t.at) {
		at = t.at[i]
	}
	before := t.given[:at]
	column := at - strings.LastIndexByte(before, '\n')
	where := fmt.Sprintf("column %d", column)
	if line := strings.Count(before, "\n"); line > 0 {
		where = fmt.Sprintf("line %d, column %d", line+1, column)
	}
	return fmt.Errorf("%s: "+format, append([]any{where}, args...)...)
}

// read reads a setting: as it stands in a configuration file, or the text alone.
func (l *layoutSpec) read(setting string) (layout, error) {
	out := layout{escape: l.escape}
	t := settingText{given: setting}
	from, to := 0, len(setting)
	if m := l.directive.FindStringSubmatchIndex(setting); m != nil {
		for i, name := range l.directive.SubexpNames() {
			switch {
			case m[2*i] < 0:
			case name == "text":
				from, to = m[2*i], m[2*i+1]
			case name == "escape":
				out.escape = setting[m[2*i]:m[2*i+1]]
				if _, ok := l.escapes[out.escape]; !ok {
					t.at = []int{m[2*i]}
					return out, t.errorAt(0, "%w", unknown("escape", out.escape, slices.Sorted(maps.Keys(l.escapes))))
				}
			}
		}
		if err := t.words(from, to); err != nil {
			return out, err
		}
	} else if trimmed := strings.TrimSpace(setting); len(trimmed) > 1 && (trimmed[0] == '"' || trimmed[0] == '\'') {
		if err := t.words(0, len(setting)); err != nil {
			return out, err
		}
	} else {
		for i := from; i < to; i++ {
			t.add(setting[i], i)
		}
	}
	var err error
	out.expr, out.time, err = l.expression(&t, out.escape)
	return out, err
}

func (t *settingText) add(c byte, at int) { t.text, t.at = append(t.text, c), append(t.at, at) }

// words takes the quotes off what was given from from to to, and joins the words.
func (t *settingText) words(from, to int) error {
	quote, opened := byte(0), 0
	for i := from; i < to; i++ {
		c := t.given[i]
		switch {
		case c == '\\' && i+1 < to && strings.IndexByte(`"'\`, t.given[i+1]) >= 0:
			i++
			t.add(t.given[i], i)
		case c == '\\' && i+1 < to && strings.IndexByte("tnr", t.given[i+1]) >= 0:
			i++
			t.add(map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r'}[t.given[i]], i)
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, opened = c, i
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
		default:
			t.add(c, i)
		}
	}
	if quote != 0 {
		t.at = []int{opened}
		return t.errorAt(0, "the quote %c is not closed", quote)
	}
	return nil
}

// A layoutWriter puts the expression of a layout together.
type layoutWriter struct {
	expr         strings.Builder
	known        int    // variables that become fields or the time
	part, time   string // expression and layout of the time of several parts so far, with what stands between
	after        string // what has come behind its last part, as an expression
	afterLiteral string
	timed        bool // there has been such a time
}

// expression returns the expression of the lines that a setting writes, and the layout of their time if it has several parts.
func (l *layoutSpec) expression(t *settingText, escape string) (expr, time string, err error) {
	var w layoutWriter
	for i := 0; i < len(t.text); {
		if written, literal, ok := l.literal(string(t.text[i:])); ok {
			w.literal(literal)
			i += len(written)
			continue
		}
		if !strings.HasPrefix(string(t.text[i:]), l.sign) {
			if t.text[i] == '\n' {
				return "", "", t.errorAt(i, "a line ending: lines are read one by one")
			}
			w.literal(string(t.text[i : i+1]))
			i++
			continue
		}
		m := l.variable.FindSubmatch(t.text[i:])
		if m == nil || len(m[0]) == 0 {
			return "", "", t.errorAt(i, "%s without the name of a variable", l.sign)
		}
		if err := l.value(&w, t, i, string(slices.Concat(m[1:]...)), escape); err != nil {
			return "", "", err
		}
		i += len(m[0])
	}
	w.flush()
	if w.known == 0 {
		return "", "", errors.New("it has no variable that is known")
	}
	return w.expr.String(), w.time, nil
}

// literal returns what stands for characters at the beginning of text, and these characters.
func (l *layoutSpec) literal(text string) (written, literal string, ok bool) {
	for w, lit := range l.literals {
		if strings.HasPrefix(text, w) {
			return w, lit, true
		}
	}
	return "", "", false
}

// value adds what the variable at byte i writes. Of a family, and of nobody knows which, it is any text.
func (l *layoutSpec) value(w *layoutWriter, t *settingText, i int, name, escape string) error {
	if p, ok := l.parts[name]; ok {
		w.timePart(p[0], p[1])
		return nil
	}
	if l.strftime != nil {
		if m := l.strftime.FindStringSubmatchIndex(name); m != nil {
			expr, layout, at, err := strftime(name[m[2]:m[3]])
			if err != nil {
				return t.errorAt(i+strings.Index(string(t.text[i:]), name)+m[2]+at, "%w", err)
			}
			w.timePart(expr, layout)
			return nil
		}
	}
	expr, ok := l.values[name]
	if !ok {
		for _, family := range l.families {
			if ok = strings.HasPrefix(name, family); ok {
				expr = l.values[family+"*"]
				break
			}
		}
	}
	if !ok {
		if near := configs.Nearest(name, l.names); near != "" {
			return t.errorAt(i, "unknown variable %s%s; did you mean %s%s?", l.sign, name, l.sign, near)
		}
	}
	w.flush()
	if expr == "" {
		w.expr.WriteString("%{" + anyText + "}")
		return nil
	}
	w.known++
	if missing := l.escapes[escape].Missing; missing == "" {
		w.expr.WriteString("(?:" + expr + ")?")
	} else {
		w.expr.WriteString("(?:" + expr + "|" + quoteMeta(missing) + ")")
	}
	return nil
}

// literal adds characters that stand for themselves.
func (w *layoutWriter) literal(text string) {
	if w.part == "" {
		w.expr.WriteString(quoteMeta(text))
		return
	}
	w.after, w.afterLiteral = w.after+quoteMeta(text), w.afterLiteral+text
}

// timePart adds a part of the time. Parts with nothing but characters between them are one time, the first of which counts.
func (w *layoutWriter) timePart(expr, layout string) {
	w.known++
	w.part += w.after + expr
	if !w.timed {
		w.time += w.afterLiteral + layout
	}
	w.after, w.afterLiteral = "", ""
}

// flush ends a time of several parts.
func (w *layoutWriter) flush() {
	if w.part == "" {
		return
	}
	if w.timed {
		w.expr.WriteString("(?:" + w.part + ")" + w.after)
	} else {
		w.expr.WriteString("(?<" + timeOfLayout + ">" + w.part + ")" + w.after)
	}
	if strings.HasPrefix(w.time, "unix") {
		w.time, _, _ = strings.Cut(w.time, ".")
	}
	w.part, w.after, w.afterLiteral, w.timed = "", "", "", true
}
