package rules

import (
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// repeat is a Repeat made ready for the engine, with what was said lately.
type repeat struct {
	*Repeat
	from int      // the number of its condition
	by   []source // the fields of By
	told recent[telling]
}

// A telling is what was said once, and how often since.
type telling struct {
	first int64 // µs
	times int
}

// repeat returns which repeat of r the row belongs to, nil if to none.
func (e *Engine) repeat(r *compiled, row int) *repeat {
	for _, p := range r.repeat {
		if e.cond.Match(p.from).Has(row) {
			return p
		}
	}
	return nil
}

// key returns what the row says, in the fields by which two events are compared.
func (p *repeat) key(buf *[]byte, row event.Row) string {
	var b strings.Builder
	for _, names := range p.by {
		text, _, _ := names.of(buf, row)
		b.WriteString(cut(text))
		b.WriteByte(0)
	}
	return b.String()
}

// again reports whether h says what an event judged before it said. Both lie within Within of the first that did:
// measured from the last one, a table that stays corrupt would be told once for ever.
func (p *repeat) again(h *hit) bool {
	k := groupKey{h.site, h.said}
	t, known := p.told.get(k)
	if !known || h.time-t.first > micros(p.Within) || t.first-h.time > micros(p.Within) || p.Copies > 0 && t.times == p.Copies {
		t = telling{first: h.time}
	}
	t.times++
	p.told.put(k, t, h.order)
	return t.times > 1
}
