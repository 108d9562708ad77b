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
}

// maxPending bounds the occurrences that wait; the oldest is counted early when it is passed.
const maxPending = 20000

// An occurrence is what one or more events tell of.
type occurrence struct {
	hit     *hit
	told    uint64 // bit i: teller i has told of it
	counted bool   // it counts already, or a lead took it up: it is not to be counted any more
	key     string // its place in once.full; "" in once.part
}

// keys returns the row's values of By, "" where it has none.
func (p *once) keys(row event.Row) []string {
	keys := make([]string, len(p.by))
	for i, names := range p.by {
		text, _ := names.append(nil, row)
		keys[i] = string(text)
	}
	return keys
}

// add merges h with an occurrence that it tells of too, or makes it one of its own.
func (p *once) add(h *hit, count func(*hit)) {
	if len(p.list) >= maxPending {
		p.end(count)
	}
	o := &occurrence{hit: h, told: 1 << h.claim.teller}
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
	p.index(o)
}

// find returns the occurrence that o may be the same as: the first that is fit and has all keys, else the first fit.
func (p *once) find(o *occurrence, fit func(*occurrence) bool) *occurrence {
	near := func(l *occurrence) bool { return fit(l) && l.matches(o.hit) }
	first := func(list []*occurrence) *occurrence {
		if i := slices.IndexFunc(list, near); i >= 0 {
			return list[i]
		}
		return nil
	}
	key := o.hit.claimed()
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
	if key := lead.hit.claimed(); key != "" {
		candidates = append(slices.Clone(p.part), p.full[key]...)
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
	o.takeEvidence(h)
	if o.key == "" && o.hit.claimed() != "" {
		p.unindex(o)
		p.index(o)
	}
}

func (p *once) index(o *occurrence) {
	if o.key = o.hit.claimed(); o.key == "" {
		p.part = append(p.part, o)
		return
	}
	p.full[o.key] = append(p.full[o.key], o)
}

func (p *once) unindex(o *occurrence) {
	isIt := func(l *occurrence) bool { return l == o }
	if o.key == "" {
		p.part = slices.DeleteFunc(p.part, isIt)
		return
	}
	if rest := slices.DeleteFunc(p.full[o.key], isIt); len(rest) > 0 {
		p.full[o.key] = rest
	} else {
		delete(p.full, o.key)
	}
}

// claimed returns site and keys of a hit with a claim as one text, "" where a key is missing.
func (h *hit) claimed() string {
	if slices.Contains(h.claim.keys, "") {
		return ""
	}
	return h.from.site + "\x00" + strings.Join(h.claim.keys, "\x00")
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
	for i, k := range h.claim.keys {
		if own.keys[i] == "" {
			own.keys[i] = k
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
	if o.counted && o.hit.claim.teller > 0 {
		return // a lead took it up, and out of the index
	}
	p.unindex(o)
	if !o.counted {
		count(o.hit)
	}
}
