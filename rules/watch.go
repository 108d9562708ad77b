package rules

import (
	"slices"

	"github.com/saypro/veritail/storage/query"
)

// judging is the match that the engine is at.
type judging struct {
	v      *verdict               // nil: it is of no event that is explained
	judged bool                   // it was an occurrence
	told   map[*occurrence]uint64 // by which tellers what waits was told, before
}

func (x *Explaining) verdictOf(h *hit) *verdict {
	return x.matched[matchKey{query.ID{Gen: h.from.gen, Off: h.span.Off}, h.rule}]
}

// before is called when a match is about to be judged.
func (x *Explaining) before(h *hit) {
	x.at = judging{v: x.verdictOf(h)}
	if x.at.v == nil || h.claim == nil {
		return
	}
	x.at.told = map[*occurrence]uint64{}
	for _, o := range h.claim.once.list {
		x.at.told[o] = o.told
	}
}

// after is called when it was. A match that was no occurrence says again what was said, tells of one that is there, or waits for others
// that tell of its own.
func (x *Explaining) after(h *hit) {
	if v := x.at.v; v != nil && !x.at.judged {
		switch {
		case h.claim == nil || h.claim.first.hit == nil:
			x.repeated(v, h)
		case slices.Contains(h.claim.once.list, &h.claim.first):
			v.claim = &h.claim.first
			x.claims[h.rule] = append(x.claims[h.rule], v)
		default:
			x.merged(v, h)
		}
	}
	if h.claim == nil {
		return
	}
	x.claims[h.rule] = slices.DeleteFunc(x.claims[h.rule], func(v *verdict) bool {
		if o := v.claim; o != nil && o.counted && o.hit.claim.teller > 0 && o != &h.claim.first { // a lead took it up
			v.claim, v.decided = nil, true
			v.say(Told, "it tells of the same occurrence as another event, which counts")
			v.By = new(momentOf(h))
		}
		return v.claim == nil
	})
}

// await notes that other events of its group may decide a verdict.
func (x *Explaining) await(v *verdict) {
	g := groupOf{v.rule, v.key}
	x.open[g] = append(x.open[g], v)
}

// may reports whether an event of this time or later can change a verdict.
func (v *verdict) may(time int64) bool {
	switch v.Outcome {
	case "", Waits:
		return !v.decided
	case Raised:
		return !v.decided && time < v.Rearm
	}
	return false
}

// repeated says that an event says again what was said.
func (x *Explaining) repeated(v *verdict, h *hit) {
	v.decided = true
	v.say(Told, "it says again what was said before")
	for _, p := range h.rule.repeat {
		if t := p.told.look(h.said()); t != nil {
			v.say(Told, "it says again, for the %s time, what was said at %s (repeat, within %s)", ordinal(t.times), clock(t.first), lasting(micros(p.Within)))
		}
	}
}

// merged says that an event tells of an occurrence that another told of.
func (x *Explaining) merged(v *verdict, h *hit) {
	v.decided = true
	v.say(Told, "it tells of the same occurrence as another event, which counts")
	for _, o := range h.claim.once.list {
		if was, there := x.at.told[o]; there && was != o.told {
			v.By = new(momentOf(o.hit))
		}
	}
}

// occurrence lets the engine decide on an occurrence, and says what it decided.
func (x *Explaining) occurrence(h *hit) {
	v := x.verdictOf(h)
	var was state
	if v != nil {
		if v == x.at.v {
			x.at.judged = true
		}
		v.claim, v.Group = nil, plain(string(h.group()))
		if key := string(h.key()); key != v.key {
			v.key = key
			x.await(v)
		}
		was = x.state(h)
	}
	x.e.decide(h)
	if v != nil {
		x.judged(v, h, &was)
	}
	g := groupOf{h.rule, string(h.key())}
	x.open[g] = slices.DeleteFunc(x.open[g], func(o *verdict) bool {
		if o.key != g.key {
			return true // it waits with another group
		}
		if o != v && o.claim == nil && o.may(h.time) {
			x.then(o, h)
		}
		return !o.may(h.time)
	})
}

// counted notes that the engine counts an occurrence.
func (x *Explaining) counted(h *hit) {
	v := x.verdictOf(h)
	if v == nil {
		return
	}
	v.counted = true
	if r, ok := v.rule.judge.(*retries); ok { // it is decided by what came behind it
		v.decided = true
		v.say(Counted, "what failed %s", map[string]string{retrySucceeded: "succeeded when it was tried again", retryGivenUp: "was not tried again with success"}[r.rule.Retry.Ended])
	}
}

// found notes a finding and says of its members that they are.
func (x *Explaining) found(members []*hit, say report, id string) {
	last := len(members) - 1
	cross := members[last]
	x.fired[firedKey(cross)] = say.time
	for i, m := range members {
		if v := x.verdictOf(m); v != nil && v.Outcome != Raised {
			v.Finding, v.Window = id, x.full(members, m, &say)
			if i == last {
				x.met(v, members, &say)
			} else {
				v.say(Member, "it is one of the %s that another event met", v.Window.Of)
				v.By = new(momentOf(cross))
			}
		}
		if m.claim == nil {
			continue
		}
		for _, also := range m.claim.also {
			if v := x.matched[matchKey{query.ID{Gen: also.Gen, Off: also.Spans[0].Off}, m.rule}]; v != nil {
				v.Finding = id
			}
		}
	}
}

func firedKey(h *hit) string { return h.rule.ID + "\x00" + string(h.key()) }

// full is the window of a finding, as one of its members sees it.
func (x *Explaining) full(members []*hit, self *hit, say *report) *Window {
	w := x.need(self.rule)
	for i := range members {
		w.Have += float64(members[i].weight)
	}
	if w.Have == 0 || self.rule.values != nil || self.rule.Sequence != nil {
		w.Have = float64(len(members))
	}
	if self.rule.judge != nil && say.count > 0 && self.rule.Ratio == nil {
		w.Have = float64(say.count)
	}
	x.members(w, members, self)
	return w
}

// need is an empty window of a rule.
func (x *Explaining) need(r *compiled) *Window {
	w := &Window{Of: "occurrences", Need: 1}
	switch {
	case r.Threshold != nil && r.Threshold.Sum != "":
		w.Need, w.Of, w.Within = r.Threshold.Reaches, "the sum of "+r.Threshold.Sum, micros(r.Threshold.Within)
	case r.Threshold != nil:
		w.Need, w.Within = float64(r.Threshold.Count), micros(r.Threshold.Within)
		if r.Threshold.Distinct != "" {
			w.Of = "different " + r.Threshold.Distinct
		}
	case r.Ratio != nil:
		w.Need, w.Of, w.Within = r.Ratio.Reaches, "the share of those that meet ratio.of", micros(r.Ratio.Within)
	case r.Rate != nil:
		w.Need, w.Within = float64(r.Rate.Count), micros(r.Rate.Within)
	case r.Spike != nil:
		w.Need, w.Within = float64(r.Spike.Count), hour
	case r.Deviation != nil:
		w.Of, w.Within = "values of "+r.Deviation.Of+" that are not usual", micros(r.Deviation.Within)
	case r.Gap != nil:
		w.Of, w.Within = "numbers of "+r.Gap.Of+" that are missing", micros(r.Gap.Within)
	case r.Sequence != nil:
		w.Need, w.Of, w.Within = float64(r.judge.(*sequences).need), "events in their order", micros(r.Sequence.Within)
	case r.Absence != nil:
		w.Of, w.Within = "events that are followed by nothing", micros(r.Absence.Within)
	case r.First != nil:
		w.Of, w.Within = "events that are new", micros(r.First.Within)
	case r.States != nil:
		w.Of, w.Within = "states that may not follow each other", micros(r.States.Within)
	case r.Retry != nil:
		w.Of, w.Within = "failures that should be tried again", micros(r.Retry.Within)
	case r.Control != nil:
		w.Of, w.Within = "events before a control record", micros(r.Control.Within)
	}
	return w
}

// members lists the events of a window, of many the first and the last.
func (x *Explaining) members(w *Window, members []*hit, self *hit) {
	w.Members = w.Members[:0]
	for i := range members {
		if len(members) > maxEvidence && i >= maxEvidence/2 && i < len(members)-maxEvidence/2 {
			continue
		}
		m := x.momentOf(members[i])
		m.This = members[i].from.gen == self.from.gen && members[i].span.Off == self.span.Off
		w.Members = append(w.Members, m)
	}
}
