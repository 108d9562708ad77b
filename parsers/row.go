package parsers

import (
	"bytes"
	"math"
	"strconv"

	"github.com/saypro/veritail/pipeline/event"
)

// A rowWriter sets the fields of one row of a page.
type rowWriter struct {
	page *event.Page
	row  int
	null *nulls
	fill bool // set only what the row has not got yet
	// streamed says that the message has been read as lines of another log: those that read messages of this one have no say.
	streamed bool
	once     *texts
	num      [24]byte
}

// first moves the captures of the match that makes the row into fields and temporaries, as assign does. steps are the plan that
// the page has of p.
func (w *rowWriter) first(p *pattern, steps []step, text []byte, base event.Str, slots []int32, temps [][]byte) {
	for i := range steps {
		s := &steps[i]
		from, to := slots[s.slot], slots[s.slot+1]
		if from < 0 || from == to {
			continue
		}
		value := text[from:to]
		if s.way == asTemporary {
			temps[s.to] = value
			continue
		}
		if !s.keeps && w.null.has(value) {
			continue
		}
		at := event.Str{Off: base.Off + uint32(from), Len: uint32(to - from)}
		switch s.way {
		case asText:
			w.column(s).SetStr(w.row, at)
			continue
		case asInt:
			if n, ok := parseInt(value); ok {
				w.column(s).SetInt(w.row, n)
			}
			continue
		case asAddress:
			if ip, ok := parseIPv4(value); ok {
				w.column(s).SetIP(w.row, event.IP{Lo: ipv4 | uint64(ip)})
				continue
			}
		}
		a := &p.assigns[i]
		if a.decode != nil {
			value, at = w.decoded(a.decode, value, at)
		}
		w.value(a, value, at)
	}
}

// column returns the column to which the capture of s goes.
func (w *rowWriter) column(s *step) *event.Column {
	if s.column == nil {
		s.column = w.page.Writable(event.Field(s.to))
	}
	return s.column
}

// assign moves the captures of a match into fields and temporaries. text are the bytes that were matched, which
// lie in the arena at base. What the match makes constant is set by constants, after members.
func (w *rowWriter) assign(p *pattern, text []byte, base event.Str, slots []int32, temps [][]byte) {
	outer := w.fill
	w.fill = outer || p.fill
	for i := range p.assigns {
		a := &p.assigns[i]
		from, to := slots[2*a.slot], slots[2*a.slot+1]
		if from < 0 || from == to {
			continue
		}
		value := text[from:to]
		at := event.Str{Off: base.Off + uint32(from), Len: uint32(to - from)}
		if a.decode != nil {
			value, at = w.decoded(a.decode, value, at)
		}
		if a.temp < 0 {
			w.value(a, value, at)
		} else if !w.fill || temps[a.temp] == nil {
			temps[a.temp] = value
		}
	}
	w.fill = outer
}

// decoded returns a value, which lies in the arena at at, without its escapes, which all begin with a backslash.
func (w *rowWriter) decoded(decode func(dst, text []byte) ([]byte, bool), value []byte, at event.Str) ([]byte, event.Str) {
	if bytes.IndexByte(value, '\\') < 0 {
		return value, at
	}
	arena := w.page.Arena
	from := len(arena.Buf)
	text, ok := decode(arena.Buf, value)
	if !ok || len(text) == from {
		return value, at
	}
	arena.Buf = text
	at = event.Str{Off: uint32(from), Len: uint32(len(text) - from)}
	return w.page.Bytes(at), at
}

// constants sets the fields that a match of p makes constant.
func (w *rowWriter) constants(p *pattern) {
	for i := range p.set {
		w.constant(&p.set[i])
	}
}

// value sets one field from its text and reports whether the text fits the field's kind. A text that means nothing
// is no value. The text lies in the arena at s; where s has no length it is put there if need be.
func (w *rowWriter) value(a *assign, text []byte, s event.Str) bool {
	p := w.page
	if w.null.has(text) && !(a.keeps && len(text) > 0) {
		return true
	}
	if w.fill && (w.known(a.field) || a.ip >= 0 && w.known(a.ip)) {
		return true
	}
	if a.ip >= 0 {
		if ip, ok := parseAddr(text); ok {
			p.SetIP(w.row, a.ip, ip)
			if bytes.IndexByte(text, '%') < 0 {
				return true
			}
			// the zone, which the address itself does not hold, stays in the text
		}
	}
	switch a.kind {
	case event.Keyword, event.Text:
		if s.Len == 0 {
			s = p.Arena.Put(text)
		}
		p.SetStr(w.row, a.field, s)
	case event.Int:
		n, ok := int64(0), false
		if a.kilo > 0 {
			n, ok = parseSize(text, a.kilo)
		} else {
			n, ok = parseInt(text)
		}
		if !ok {
			return false
		}
		p.SetInt(w.row, a.field, n)
	case event.Duration:
		x, ok := parseFloat(text)
		if !ok || math.IsNaN(x) || math.Abs(x*a.unit) > math.MaxInt64/2 {
			return false
		}
		p.SetInt(w.row, a.field, int64(math.Round(x*a.unit)))
	case event.Float:
		x, ok := parseFloat(text)
		if !ok {
			return false
		}
		p.SetFloat(w.row, a.field, x)
	case event.Address:
		ip, ok := parseAddr(text)
		if !ok {
			return false
		}
		p.SetIP(w.row, a.field, ip)
	case event.Bool:
		b, err := strconv.ParseBool(string(text))
		if err != nil {
			return false
		}
		p.SetInt(w.row, a.field, int64(map[bool]int{true: 1}[b]))
	default:
		return false
	}
	return true
}

// constant sets a constant field.
func (w *rowWriter) constant(c *constant) {
	if w.fill && w.known(c.field) {
		return
	}
	switch c.kind {
	case event.Keyword, event.Text:
		w.page.SetStr(w.row, c.field, w.once.of(c))
	default:
		w.page.SetInt(w.row, c.field, c.num)
	}
}

// nulls are the texts that mean "nothing" in a format, beside the empty one.
type nulls struct {
	texts   []string // few: a search is cheaper than a map
	longest int      // nearly all values are longer
}

func newNulls(texts []string) *nulls {
	n := &nulls{texts: texts}
	for _, s := range texts {
		n.longest = max(n.longest, len(s))
	}
	return n
}

func (n *nulls) has(text []byte) bool { return len(text) <= n.longest && n.find(text) }

func (n *nulls) find(text []byte) bool {
	for _, s := range n.texts {
		if string(text) == s {
			return true
		}
	}
	return len(text) == 0
}

// known reports whether the row has a value of f.
func (w *rowWriter) known(f event.Field) bool {
	if c := w.page.Column(f); c != nil && c.Valid.Has(w.row) {
		return true
	}
	_, ok := w.page.Default(f)
	return ok
}

// text returns the text of a Keyword or Text field of the row.
func (w *rowWriter) text(f event.Field) (event.Str, bool) {
	c := w.page.Column(f)
	if c == nil || w.row >= len(c.Str) || !c.Valid.Has(w.row) {
		return w.page.Default(f)
	}
	return c.Str[w.row], true
}

// integer returns the value of an Int field of the row.
func (w *rowWriter) integer(f event.Field) (int64, bool) {
	c := w.page.Column(f)
	if c == nil || !c.Valid.Has(w.row) {
		return 0, false
	}
	return c.Int[w.row], true
}

// fieldText returns the text of a field of the row, nil where it has none.
func (w *rowWriter) fieldText(f event.Field) []byte {
	c := w.page.Column(f)
	if c == nil || !c.Valid.Has(w.row) {
		if s, ok := w.page.Default(f); ok {
			return w.page.Bytes(s)
		}
		return nil
	}
	switch c.Kind {
	case event.Keyword, event.Text:
		return w.page.Bytes(c.Str[w.row])
	case event.Int:
		return strconv.AppendInt(w.num[:0], c.Int[w.row], 10)
	}
	return nil
}
