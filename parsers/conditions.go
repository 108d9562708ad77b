package parsers

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A condition holds for events that have one of the values, or any value.
type condition struct {
	field   event.Field
	any     bool
	values  []string
	heads   []string        // values that begin so
	many    map[string]bool // the values, where they are many
	number  bool            // the field is a number
	numbers []int64         // the values of a number
}

// manyValues are so many that a map finds one sooner than going through them.
const manyValues = 8

// conditions compiles field = "one|or|another", field = "begins so*", or field = "*" for any value. They come by the
// names of their fields.
func (s *Set) conditions(m map[string]string) ([]condition, error) {
	var out []condition
	for _, name := range slices.Sorted(maps.Keys(m)) {
		field, ok := s.Schema.Lookup(name)
		if !ok {
			return nil, s.unknownField(name)
		}
		c := condition{field: field, number: s.Schema.Def(field).Kind == event.Int}
		if m[name] == "*" {
			c.any = true
			out = append(out, c)
			continue
		}
		for _, v := range strings.Split(m[name], "|") {
			if head, ok := strings.CutSuffix(v, "*"); ok {
				c.heads = append(c.heads, head)
				continue
			}
			c.values = append(c.values, v)
			if c.number {
				n, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("%s = %q: %q is no number", name, m[name], v)
				}
				c.numbers = append(c.numbers, n)
			}
		}
		if len(c.values) >= manyValues {
			c.many = map[string]bool{}
			for _, v := range c.values {
				c.many[v] = true
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// exact reports whether the condition names all values that it allows.
func (c *condition) exact() bool { return !c.any && len(c.heads) == 0 }

// equal reports whether c and o are the same condition.
func (c condition) equal(o condition) bool {
	return c.field == o.field && c.any == o.any && slices.Equal(c.values, o.values) && slices.Equal(c.heads, o.heads)
}

// has reports whether the row has one of the values that each condition allows.
func (w *rowWriter) has(conds []condition) bool {
	for i := range conds {
		if !conds[i].holds(w) {
			return false
		}
	}
	return true
}

func (c *condition) holds(w *rowWriter) bool {
	switch {
	case c.any:
		if text := w.fieldText(c.field); text != nil {
			return !w.null.has(text)
		}
		return w.known(c.field) // kinds that have no text
	case c.number:
		n, ok := w.integer(c.field)
		return ok && (slices.Contains(c.numbers, n) || len(c.heads) > 0 && c.begins(strconv.AppendInt(w.num[:0], n, 10)))
	}
	text := w.fieldText(c.field)
	return text != nil && (c.is(text) || c.begins(text))
}

// is reports whether text is one of the values.
func (c *condition) is(text []byte) bool {
	if c.many != nil {
		return c.many[string(text)]
	}
	for _, v := range c.values {
		if string(text) == v {
			return true
		}
	}
	return false
}

// begins reports whether text begins as one of the values that end in an asterisk.
func (c *condition) begins(text []byte) bool {
	for _, head := range c.heads {
		if len(text) >= len(head) && string(text[:len(head)]) == head {
			return true
		}
	}
	return false
}
