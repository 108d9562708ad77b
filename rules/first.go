package rules

import "time"

// firsts judge whether something is new.
type firsts struct {
	rule  *compiled
	seen  recent[int64]     // when a group, or a group with a value, had something last
	known map[string]*steps // by site: when there was something at all
	key   []byte            // scratch
	last  newness           // of the latest event
}

// newness is what makes an event the first of its kind, or not.
type newness struct {
	fresh, group, learnt bool  // it is new, its group is known, and the rule has learnt
	last                 int64 // when the same was there before, µs; 0: never
}

func newFirsts(r *compiled) *firsts {
	f := &firsts{rule: r, known: map[string]*steps{}}
	f.seen.keep = micros(r.First.Within)
	return f
}

func (f *firsts) memory() time.Duration {
	return time.Duration(f.rule.First.Within) * (perWindow + 1) / perWindow
}

func (f *firsts) take(e *Engine, h *hit) {
	within := micros(f.rule.First.Within)
	f.key = append(append(append(f.key[:0], h.key()...), 0), h.value()...)
	groups := true // that are known
	if f.rule.First.Of != "" {
		last, known := rememberKey(e, h, &f.seen, h.key(), h.at)
		groups = known && h.at-*last < within
		*last = max(*last, h.at)
	}
	last, known := rememberKey(e, h, &f.seen, f.key, h.at)
	fresh := !known || h.at-*last >= within
	f.last = newness{fresh: fresh, group: groups, last: *last}
	*last = max(*last, h.at)
	all := f.known[h.from.site]
	if all == nil {
		all = &steps{}
		f.known[h.from.site] = all
	}
	learnt, _ := all.since(h.time-within, h.time-micros(f.rule.First.Learn)-1)
	all.add(h.time, max(within/perWindow, 1), 1, 1)
	f.last.learnt = learnt != 0
	if !fresh || !groups || learnt == 0 {
		return
	}
	e.count(h, 1)
	if !f.rule.silent {
		e.held.hold(h)
		e.report([]*hit{&e.held}, report{time: h.time, count: 1})
	}
}
