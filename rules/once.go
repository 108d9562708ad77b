package rules

// once is a Once made ready for the engine, with the occurrences that another event may still tell of.
type once struct {
	*Once
	tellers []int // numbers of the conditions of From
	list    []*occurrence
}

// maxPending bounds the occurrences that wait; the oldest is counted early when it is passed.
const maxPending = 20000

// An occurrence is what one or more events tell of.
type occurrence struct {
	hit     *hit
	told    uint64 // bit i: teller i has told of it
	counted bool   // it counts already and only takes up what others tell
}

// add merges h with an occurrence that it tells of too, or makes it one of its own.
func (p *once) add(h *hit, count func(*hit)) {
	lead := p.Lead
	for _, o := range p.list {
		if o.told>>h.teller&1 == 0 && o.matches(h) && (!lead || o.hit.teller == 0) {
			o.told |= 1 << h.teller
			o.takeEvidence(h)
			return
		}
	}
	o := &occurrence{hit: h, told: 1 << h.teller}
	if lead && h.teller == 0 {
		p.takeUp(o)
		count(h)
		o.counted = true
	}
	if len(p.list) >= maxPending {
		p.end(p.list[0], count)
		p.list = p.list[1:]
	}
	p.list = append(p.list, o)
}

// takeUp lets a lead absorb what others told of it before: one event of each teller, the latest.
func (p *once) takeUp(lead *occurrence) {
	for i := len(p.list) - 1; i >= 0; i-- {
		o := p.list[i]
		if o.hit.teller == 0 || lead.told&o.told != 0 || !o.matches(lead.hit) {
			continue
		}
		lead.told |= o.told
		lead.takeEvidence(o.hit)
		p.list = append(p.list[:i], p.list[i+1:]...)
	}
}

// matches reports whether h may tell of the same occurrence: near in time, and equal in every key that both have.
func (o *occurrence) matches(h *hit) bool {
	within := micros(h.once.Within)
	if d := h.time - o.hit.time; d > within || d < -within || o.hit.site != h.site {
		return false
	}
	for i, k := range h.keys {
		if k != "" && o.hit.keys[i] != "" && k != o.hit.keys[i] {
			return false
		}
	}
	return true
}

// takeEvidence adds the event of h to those the occurrence rests on, and fills in keys and group that the first
// teller did not know.
func (o *occurrence) takeEvidence(h *hit) {
	e := h.evidence
	e.Teller = true
	o.hit.also = append(o.hit.also, e)
	for i, k := range h.keys {
		if o.hit.keys[i] == "" {
			o.hit.keys[i] = k
		}
	}
	if o.hit.group == "-" && !o.counted {
		o.hit.group, o.hit.groupField, o.hit.title, o.hit.text = h.group, h.groupField, h.title, h.text
	}
}

// settle counts the occurrences that nothing can merge with any more at time t.
func (p *once) settle(t int64, count func(*hit)) {
	kept := p.list[:0]
	for _, o := range p.list {
		if t-o.hit.time > micros(p.Within) {
			p.end(o, count)
		} else {
			kept = append(kept, o)
		}
	}
	clear(p.list[len(kept):])
	p.list = kept
}

func (p *once) end(o *occurrence, count func(*hit)) {
	if !o.counted {
		count(o.hit)
	}
}
