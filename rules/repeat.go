package rules

import "github.com/saypro/veritail/pipeline/event"

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

// repeat returns which repeat of r the row belongs to, -1 if to none.
func (e *Engine) repeat(r *compiled, row int) int {
	for i, p := range r.repeat {
		if e.cond.Match(p.from).Has(row) {
			return i
		}
	}
	return -1
}

// appendKey appends the row's site and what it says in the fields by which two events are compared.
func (p *repeat) appendKey(dst []byte, row event.Row) []byte {
	dst = append(append(dst, row.Page.Site...), 0)
	for _, names := range p.by {
		from := len(dst)
		dst, _ = names.append(dst, row)
		dst = append(cut(dst, from), 0)
	}
	return dst
}

// again reports whether h, judged as of the time order, says what an event judged before it said. Both lie within Within of the first that did:
// measured from the last one, a table that stays corrupt would be told once for ever.
func (p *repeat) again(e *Engine, h *hit, order int64) bool {
	t, known := rememberKey(e, h, &p.told, h.said(), order)
	if !known || h.time-t.first > micros(p.Within) || t.first-h.time > micros(p.Within) || p.Copies > 0 && t.times == p.Copies {
		*t = telling{first: h.time}
	}
	t.times++
	return t.times > 1
}
