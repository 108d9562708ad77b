package rules

import "github.com/saypro/veritail/pipeline/event"

// A match is a row that a rule's condition holds for, until it is judged: mostly within its commit. It has no pointer to
// the row's page, which serves other events after the commit.
type match struct {
	order  int64 // the time as which it is judged
	gen    event.GenID
	off    int64
	rule   *compiled
	hit    *hit  // after the commit's end, and before if it has a claim
	page   int32 // number among the commit's pages
	row    int16
	repeat int16  // which of the rule's it belongs to, -1 if to none
	parts  uint32 // as in a hit
}

// A page is one of the commit at hand.
type page struct {
	*event.Page
	from *origin
}

// match returns the match of a rule and a row of the last page, to be judged at latest then: a stamp ahead of the clock
// is no reason to wait for that time.
func (e *Engine) match(r *compiled, row int, latest int64) match {
	n := len(e.pages) - 1
	p := e.pages[n].Page
	m := match{
		order: min(p.Time(row), latest), gen: p.Gen, off: p.Offset(row), rule: r,
		page: int32(n), row: int16(row), repeat: int16(e.repeat(r, row)),
	}
	for i, n := range r.parts {
		if e.cond.Match(n).Has(row) {
			m.parts |= 1 << i
		}
	}
	if c := e.claim(r, p.Row(row)); c != nil { // it takes from what others say
		c.of.hold(e.hit(&m))
		c.of.claim, m.hit = c, &c.of
	}
	return m
}

// hit returns the hit of a match. It is valid until the next call.
func (e *Engine) hit(m *match) *hit {
	if m.hit == nil {
		p := e.pages[m.page]
		e.passing.begin(m, p.Row(int(m.row)))
		e.passing.from = p.from
		return &e.passing
	}
	return m.hit
}

// origin returns the origin of a page.
func (e *Engine) origin(p *event.Page) *origin {
	if n := len(e.pages); n > 0 {
		if l := e.pages[n-1].from; l.gen == p.Gen && l.path == p.Path && l.site == p.Site && l.dataset == p.Data {
			return l
		}
	}
	at := place{p.Site, p.Data}
	if e.places[at] == nil {
		e.places[at] = &at
	}
	return &origin{p.Gen, p.Path, e.places[at]}
}

// claim returns which once of r the row belongs to, and as which of its tellers; nil if to none.
func (e *Engine) claim(r *compiled, row event.Row) *claim {
	for _, o := range r.once {
		for i, t := range o.tellers {
			if e.cond.Match(t).Has(row.I) {
				return o.claim(i, row)
			}
		}
	}
	return nil
}

// endMatches lets go of the commit's pages, which serve other events from now on: what is still to be judged is held.
func (e *Engine) endMatches() {
	waiting := e.queue.fresh()
	for i := range waiting {
		if m := &waiting[i]; m.hit == nil {
			h := e.spare.take()
			h.hold(e.hit(m))
			m.hit = h
		}
	}
	clear(e.pages)
	e.pages = e.pages[:0]
	e.passing.row = event.Row{}
}

// spare are hits that were held by matches, for use with their memory.
type spare []*hit

// maxSpare bounds them.
const maxSpare = 1 << 14

func (s *spare) take() *hit {
	last := len(*s) - 1
	if last < 0 {
		return &hit{}
	}
	h := (*s)[last]
	*s = (*s)[:last]
	return h
}

// give takes back the hit of a match that was judged. Others may hold one with a claim.
func (s *spare) give(h *hit) {
	if h != nil && h.claim == nil && len(*s) < maxSpare {
		*s = append(*s, h)
	}
}
