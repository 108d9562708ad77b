package rules

import (
	"fmt"
	"time"
)

// meters judge by how much there is of something in a window: a sum, a share of events, or a rate beside a baseline. They count
// in steps of time instead of keeping each event, so that a window of millions costs what one of a hundred does.
type meters struct {
	rule   *compiled
	within int64
	groups recent[meter]
}

// A meter is that of one group.
type meter struct {
	near, far steps
	last      evidence // of what is measured
	met       int64    // when the measure was met last, µs
	fired     bool     // and not below it for rearm since
}

// perWindow is in how many steps a window slides.
const perWindow = 20

func newMeters(r *compiled) *meters {
	m := &meters{rule: r}
	switch {
	case r.Threshold != nil:
		m.within = micros(r.Threshold.Within)
	case r.Ratio != nil:
		m.within = micros(r.Ratio.Within)
	default:
		m.within = micros(r.Rate.Within)
	}
	m.groups.keep = m.memory().Microseconds()
	return m
}

func (m *meters) memory() time.Duration {
	back := 2 * m.within
	if m.rule.Rate != nil {
		back += micros(m.rule.Rate.Baseline) * (perWindow + 1) / perWindow
	}
	return time.Duration(back)*time.Microsecond + time.Duration(m.rule.Rearm)
}

func (m *meters) take(e *Engine, h *hit) {
	r := m.rule
	g, _ := remember(e, h, &m.groups)
	part := h.weight
	switch {
	case r.Threshold != nil: // a sum, of so many events
		part = 1
	case r.Ratio != nil && h.parts&1 == 0:
		part = 0
	}
	step := max(m.within/perWindow, 1)
	g.near.add(h.time, step, h.weight, part)
	if r.Rate != nil {
		g.far.add(h.time, max(micros(r.Rate.Baseline)/perWindow, 1), h.weight, part)
	}
	if part > 0 {
		g.last.add(h)
	}
	all, some := g.near.since(h.time-m.within, h.time)
	usual, met := m.met(g, h.time, all, some)
	switch {
	case !met:
		return
	case g.fired && h.time-g.met < max(micros(r.Rearm), 1)+step:
		g.met = max(g.met, h.time)
		return
	}
	g.met, g.fired = h.time, true
	e.count(h, 1)
	e.report(g.last.since(h.time-m.within), report{time: h.time, count: some, said: m.say(all, some, usual)})
}

// met reports whether the measure is met by all that the window has, and by the part of it that the rule measures, and what would
// be usual, of a rate.
func (m *meters) met(g *meter, now, all, some int64) (usual float64, met bool) {
	switch r := m.rule; {
	case r.Threshold != nil:
		return 0, float64(all) >= r.Threshold.Reaches
	case r.Ratio != nil:
		return 0, all >= int64(r.Ratio.Count) && float64(some) >= r.Ratio.Reaches*float64(all)
	case all < int64(r.Rate.Count):
		return 0, false
	}
	from := now - m.within - micros(m.rule.Rate.Baseline)
	before, _ := g.far.since(from, now-m.within)
	if before < int64(m.rule.Rate.Count) {
		return 0, false
	}
	past := max(now-m.within-g.far.first(from), m.within)
	usual = float64(before) * float64(m.within) / float64(past)
	return usual, float64(all) >= m.rule.Rate.Times*usual
}

// say says what was measured.
func (m *meters) say(all, some int64, usual float64) string {
	switch r := m.rule; {
	case r.Threshold != nil:
		return fmt.Sprintf("The sum of %s is %d.", r.Threshold.Sum, all)
	case r.Ratio != nil:
		return fmt.Sprintf("%d of %d events are %.1f %%.", some, all, 100*float64(some)/float64(all))
	}
	return fmt.Sprintf("%d events in %v, where %.1f are usual.", all, time.Duration(m.rule.Rate.Within), usual)
}

// steps count what happened in each stretch of time, of those that matter, by when it begins.
type steps []stretch

type stretch struct{ at, all, part int64 }

// maxStepsKept bounds them: those of a window, and what comes late.
const maxStepsKept = 2*perWindow + 2

// add counts at time t in steps of a length.
func (s *steps) add(t, length, all, part int64) {
	at := floor(t, length)
	list := *s
	i := len(list)
	for i > 0 && list[i-1].at > at {
		i--
	}
	if i == 0 || list[i-1].at != at {
		if len(list) >= maxStepsKept {
			if i == 0 {
				return // it is older than all that matters
			}
			copy(list, list[1:])
			list, i = list[:len(list)-1], i-1
		}
		list = append(list, stretch{})
		copy(list[i+1:], list[i:])
		list[i] = stretch{at: at}
		i++
	}
	list[i-1].all += all
	list[i-1].part += part
	*s = list
}

// since returns what the steps have that begin after from and not after to.
func (s steps) since(from, to int64) (all, part int64) {
	for i := len(s) - 1; i >= 0 && s[i].at > from; i-- {
		if s[i].at <= to {
			all, part = all+s[i].all, part+s[i].part
		}
	}
	return all, part
}

// first returns when the first step begins that begins after from.
func (s steps) first(from int64) int64 {
	for i := range s {
		if s[i].at > from {
			return s[i].at
		}
	}
	return from
}

// evidence keeps the last events of a group, for a finding.
type evidence members

// maxKept bounds it.
const maxKept = 20

func (v *evidence) add(h *hit) {
	if len(*v) == maxKept {
		(*members)(v).drop(0, 1)
	}
	(*members)(v).insert(h)
}

// since returns those after a time; the last is there always.
func (v evidence) since(t int64) []*hit {
	i := 0
	for i < len(v)-1 && v[i].time <= t {
		i++
	}
	return v[i:]
}
