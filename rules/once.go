package rules

import (
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// once is a Once made ready for the engine, with the occurrences that another event may still tell of.
type once struct {
	*Once
	by      []source // the fields of By
	tellers []int    // numbers of the conditions of From
	within  int64    // µs

	list []*occurrence // in the order in which they were judged; those that a lead took up stay until their time
	// An event looks for its like among those with equal keys, and among those that miss one.
	full map[string][]*occurrence
	part []*occurrence
	told []int // of the list's occurrences, teller i has told of so many

	text []byte // memory for keys
	ends []int
	near []*occurrence // memory for what a lead may take up
}

// maxPending bounds the occurrences that wait; the oldest is counted early when it is passed.
const maxPending = 20000

// An occurrence is what one or more events tell of.
type occurrence struct {
	hit     *hit
	told    uint64         // bit i: teller i has told of it
	counted bool           // it counts already, or a lead took it up: it is not to be counted any more
	key     string         // its place in once.full; "" in once.part
	alone   [1]*occurrence // memory for the list there: mostly it is the only one
}

// claim returns what makes a row of a teller's one that may tell of the same occurrence as others.
func (p *once) claim(teller int, row event.Row) *claim {
	c := &claim{once: p, teller: teller}
	p.text, p.ends = append(append(p.text[:0], row.Page.Site...), 0), p.ends[:0]
	full := true
	for _, names := range p.by {
		from := len(p.text)
		p.text, _ = names.append(p.text, row)
		full = full && len(p.text) > from
		p.ends = append(p.ends, len(p.text))
		p.text = append(p.text, 0)
	}
	text, from := string(p.text), len(row.Page.Site)+1
	c.keys = c.room[:0]
	for _, to := range p.ends {
		c.keys = append(c.keys, text[from:to])
		from = to + 1
	}
	if full {
		c.key = text
	}
	return c
}

// add merges h with an occurrence that it tells of too, or makes it one of its own.
func (p *once) add(h *hit, count func(*hit)) {
	if len(p.list) >= maxPending {
		p.end(count)
	}
	o := &h.claim.first
	o.hit, o.told = h, 1<<h.claim.teller
	switch {
	case !p.Lead:
		if like := p.find(o, func(l *occurrence) bool { return l.told&o.told == 0 }); like != nil {
			p.merge(like, h)
			return
		}
	case h.claim.teller > 0:
		if lead := p.find(o, func(l *occurrence) bool { return l.hit.claim.teller == 0 && l.told&o.told == 0 }); lead != nil {
			p.merge(lead, h)
			return
		}
	default:
		p.takeUp(o)
		count(h)
		o.counted = true
	}
	p.list = append(p.list, o)
	p.note(o.told, 1)
	p.index(o)
}

// note counts occurrences that tellers told of: n more of each whose bit is set.
func (p *once) note(tellers uint64, n int) {
	for i := range p.told {
		p.told[i] += n * int(tellers>>i&1)
	}
}

// find returns the occurrence that o may be the same as: the first that is fit and has all keys, else the first fit. None is
// that its teller has told of.
func (p *once) find(o *occurrence, fit func(*occurrence) bool) *occurrence {
	if p.told[o.hit.claim.teller] == len(p.list) {
		return nil
	}
	near := func(l *occurrence) bool { return fit(l) && l.matches(o.hit) }
	first := func(list []*occurrence) *occurrence {
		if i := slices.IndexFunc(list, near); i >= 0 {
			return list[i]
		}
		return nil
	}
	key := o.hit.claim.key
	if key == "" {
		return first(p.list)
	}
	if like := first(p.full[key]); like != nil {
		return like
	}
	return first(p.part)
}

// takeUp lets a lead absorb what others told of it before: one event of each teller, the latest.
func (p *once) takeUp(lead *occurrence) {
	candidates := p.list
	if key := lead.hit.claim.key; key != "" {
		candidates = append(append(p.near[:0], p.part...), p.full[key]...)
		defer clear(candidates)
		p.near = candidates[:0]
	}
	for _, o := range slices.Backward(candidates) {
		if o.counted || o.hit.claim.teller == 0 || lead.told&o.told != 0 || !o.matches(lead.hit) {
			continue
		}
		lead.told |= o.told
		lead.takeEvidence(o.hit)
		o.counted = true
		p.unindex(o)
	}
}

// merge lets h tell of o, which may thereby get keys that it missed.
func (p *once) merge(o *occurrence, h *hit) {
	o.told |= 1 << h.claim.teller
	p.note(1<<h.claim.teller, 1)
	o.takeEvidence(h)
	if o.key == "" && o.hit.claim.key != "" {
		p.unindex(o)
		p.index(o)
	}
}

func (p *once) index(o *occurrence) {
	if o.key = o.hit.claim.key; o.key == "" {
		p.part = append(p.part, o)
		return
	}
	list := p.full[o.key]
	if list == nil {
		list = o.alone[:0]
	}
	p.full[o.key] = append(list, o)
}

func (p *once) unindex(o *occurrence) {
	if o.key == "" {
		p.part = without(p.part, o)
		return
	}
	if rest := without(p.full[o.key], o); len(rest) > 0 {
		p.full[o.key] = rest
	} else {
		delete(p.full, o.key)
	}
}

// without returns list without o, whose memory it uses. Mostly the oldest goes, which stands first.
func without(list []*occurrence, o *occurrence) []*occurrence {
	if len(list) > 0 && list[0] == o {
		list[0] = nil
		return list[1:]
	}
	return slices.DeleteFunc(list, func(l *occurrence) bool { return l == o })
}

// matches reports whether h may tell of the same occurrence: near in time, and equal in every key that both have.
func (o *occurrence) matches(h *hit) bool {
	within := h.claim.once.within
	if d := h.time - o.hit.time; d > within || d < -within || o.hit.from.site != h.from.site {
		return false
	}
	for i, k := range h.claim.keys {
		if own := o.hit.claim.keys[i]; k != "" && own != "" && k != own {
			return false
		}
	}
	return true
}

// takeEvidence adds the event of h to those the occurrence rests on, and fills in keys and group that the first
// teller did not know.
func (o *occurrence) takeEvidence(h *hit) {
	own := o.hit.claim
	if !h.rule.silent {
		e := h.evidence()
		e.Teller = true
		own.also = append(own.also, e)
	}
	if own.key == "" {
		for i, k := range h.claim.keys {
			if own.keys[i] == "" {
				own.keys[i] = k
			}
		}
		if !slices.Contains(own.keys, "") {
			own.key = o.hit.from.site + "\x00" + strings.Join(own.keys, "\x00") + "\x00"
		}
	}
	if string(o.hit.group()) == "-" && !o.counted {
		o.hit.adopt(h)
	}
}

// settle counts the occurrences that nothing can merge with any more at time t.
func (p *once) settle(t int64, count func(*hit)) {
	for len(p.list) > 0 && p.list[0].hit.claim.order < t-p.within {
		p.end(count)
	}
}

// end lets go of the oldest occurrence, counting it unless it was.
func (p *once) end(count func(*hit)) {
	o := p.list[0]
	p.list[0] = nil
	p.list = p.list[1:]
	p.note(o.told, -1)
	if o.counted && o.hit.claim.teller > 0 {
		return // a lead took it up, and out of the index
	}
	p.unindex(o)
	if !o.counted {
		count(o.hit)
	}
}
