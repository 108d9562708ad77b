package rules

import (
	"fmt"
	"time"
)

// state is what a rule remembers of a group before it judges an event of it.
type state struct {
	fired bool  // it found something, and is not armed again
	last  int64 // the time of the group's last occurrence
	known bool  // there was one
}

func (x *Explaining) state(h *hit) (s state) {
	if w := h.rule.windows.look(h.key()); w != nil {
		return state{w.fired, w.last, true}
	}
	if t := h.rule.quiet.look(h.key()); t != nil {
		return state{false, *t, true}
	}
	return s
}

// met says that an event made a finding, the last of its members.
func (x *Explaining) met(v *verdict, members []*hit, say *report) {
	r := v.rule
	v.By, v.Rearm = nil, 0
	if r.Rearm > 0 {
		v.Rearm = v.time + micros(r.Rearm)
	}
	took := lasting(v.time - members[0].time)
	switch {
	case say.said != "":
		v.say(Raised, "%s", say.said)
	case r.Threshold != nil:
		v.say(Raised, "it met the threshold: %g of %g %s, in %s of %s", v.Window.Have, v.Window.Need, v.Window.Of, took, lasting(v.Window.Within))
	case r.Sequence != nil:
		v.say(Raised, "it ends the sequence: %d events in their order, in %s of %s", len(members), took, lasting(v.Window.Within))
	case r.Absence != nil:
		v.say(Raised, "what was expected did not come within %s, until %s", lasting(say.time-members[0].time), clock(say.time))
	case r.First != nil:
		v.say(Raised, "%s", v.rule.judge.(*firsts).last.since(r))
	default:
		v.say(Raised, "every condition holds")
		v.Window = nil
	}
}

// since says for how long something was not there.
func (n newness) since(r *compiled) string {
	what := "the group"
	if r.First.Of != "" {
		what = "its " + r.First.Of
	}
	if n.last == 0 {
		return what + " is new: it was not there before"
	}
	return fmt.Sprintf("%s was there last at %s, more than %s ago", what, clock(n.last), lasting(micros(r.First.Within)))
}

// judged says what the engine decided on an occurrence that was no finding's last member.
func (x *Explaining) judged(v *verdict, h *hit, was *state) {
	r := v.rule
	switch {
	case v.Outcome == Raised || v.Outcome == Member:
		return
	case v.counted && r.silent:
		v.say(Counted, "it is counted; a rule of severity info makes no findings")
		v.decided = true
		return
	}
	switch j := r.judge.(type) {
	case *meters:
		x.metered(v, h, j)
	case *spikes:
		x.compared(v, h, j)
	case *deviations:
		x.deviated(v, h, j)
	case *gaps:
		x.numbered(v, h, j)
	case *firsts:
		x.first(v, j)
	case *sequences:
		x.ordered(v, h, j)
	case *absences:
		x.awaited(v, h, j)
	case *orders:
		x.followed(v, j)
	case *controls:
		x.controlled(v, h, j)
	case *retries:
		x.tried(v, h, j)
	default:
		if r.Threshold != nil {
			x.windowed(v, h, was)
			return
		}
		v.Rearm = was.last + micros(r.Rearm)
		v.say(Quiet, "every condition holds, and the rule is silent until there was nothing for %s; the last was at %s", lasting(micros(r.Rearm)), clock(was.last))
	}
}

// windowed says how full the window of a threshold is.
func (x *Explaining) windowed(v *verdict, h *hit, was *state) {
	r := v.rule
	w := r.windows.look(h.key())
	switch {
	case w == nil:
		return
	case w.fired:
		v.Rearm = max(was.last, h.at) + micros(r.Rearm)
		at := x.fired[firedKey(h)]
		v.say(Quiet, "the threshold was met at %s, and the rule is silent until there was nothing for %s", clock(at), lasting(micros(r.Rearm)))
	case h.time < w.last-2*micros(r.Threshold.Within):
		v.say(Late, "it is %s older than the latest that was judged, and counts no more", lasting(w.last-h.time))
		v.decided = true
	case !x.fullest(v, h):
		v.say(Told, "the same %s counts already, and only once", r.Threshold.Distinct)
	}
}

// fullest says of an event in a threshold's window with how many others it counted at most, and returns false if it is none of those that
// count.
func (x *Explaining) fullest(v *verdict, h *hit) bool {
	r := v.rule
	w := r.windows.look([]byte(v.key))
	self := -1
	for i := range w.members {
		if m := w.members[i]; m.from.gen == v.id.Gen && m.span.Off == v.id.Off {
			self = i
		}
	}
	if self < 0 {
		return false
	}
	best := stretchOf{sum: -1}
	for s := (stretchOf{}); s.to < len(w.members); {
		if w.extend(r, &s); s.from <= self && self < s.to && s.sum > best.sum {
			best = s
		}
	}
	if v.Window != nil && float64(best.sum) < v.Window.Have {
		return true
	}
	was := v.Window
	if v.Window = x.need(r); was != nil {
		v.Window.Members = was.Members // their memory: a window is looked at with each event that it takes
	}
	v.Window.Have = float64(best.sum)
	x.members(v.Window, w.members[best.from:best.to], w.members[self])
	v.Window.Until = w.members[best.from].time + micros(r.Threshold.Within)
	lacks := int64(r.Threshold.Count) - best.sum
	more := fmt.Sprintf("%d more", lacks)
	if lacks == 1 {
		more = "one more"
	}
	text := fmt.Sprintf("%d of %d %s in %s; %s before %s would have fired", best.sum, r.Threshold.Count, v.Window.Of, lasting(v.Window.Within), more, clock(v.Window.Until))
	if v.Window.Over = w.over(r, self); v.Window.Over > 0 {
		text += fmt.Sprintf("; there were enough, in a time that is %s too long", lasting(v.Window.Over))
	}
	v.say(Waits, "%s", text)
	return true
}

// over returns by how much the shortest stretch is too long that would be enough and has the member self, 0 if there is none.
func (w *window) over(r *compiled, self int) int64 {
	least, sum, to := int64(0), int64(0), 0
	for from := 0; from <= self; from++ {
		for to < len(w.members) && (to <= self || sum < int64(r.Threshold.Count)) {
			sum += r.amount(w.members[to])
			to++
		}
		if sum < int64(r.Threshold.Count) {
			break
		}
		if over := max(w.members[to-1].time-w.members[from].time-micros(r.Threshold.Within), 1); least == 0 || over < least {
			least = over
		}
		sum -= r.amount(w.members[from])
	}
	return least
}

// metered says how far a measure was from being met.
func (x *Explaining) metered(v *verdict, h *hit, m *meters) {
	r := v.rule
	g := m.groups.look(h.key())
	if g == nil {
		return
	}
	all, some := g.near.since(h.time-m.within, h.time)
	usual, met := m.met(g, h.time, all, some)
	w := x.need(r)
	x.members(w, g.last.since(h.time-m.within), h)
	v.Window = w
	w.Have = float64(all)
	wants := fmt.Sprintf("it has to reach %g", w.Need)
	switch {
	case r.Ratio != nil:
		w.Have = float64(some) / float64(max(all, 1))
		wants = fmt.Sprintf("%g %% of at least %d are wanted", 100*r.Ratio.Reaches, r.Ratio.Count)
	case r.Rate != nil && usual == 0:
		wants = fmt.Sprintf("%d are wanted, and as many in the %s before, to compare with", r.Rate.Count, lasting(micros(r.Rate.Baseline)))
	case r.Rate != nil:
		w.Need = max(w.Need, r.Rate.Times*usual)
		wants = fmt.Sprintf("%.4g are wanted", w.Need)
	}
	if met {
		v.Rearm = g.met + max(micros(r.Rearm), 1)
		v.say(Quiet, "%s It was met before, and the rule is silent until it was not for %s", m.say(all, some, usual), lasting(micros(r.Rearm)))
		return
	}
	if v.counted { // it met the measure with an event of before as the last that is measured
		v.say(Raised, "%s", m.say(all, some, usual))
		return
	}
	v.say(Waits, "%s In %s %s", m.say(all, some, usual), lasting(m.within), wants)
}

// compared says what an hour has beside what is usual.
func (x *Explaining) compared(v *verdict, h *hit, s *spikes) {
	r := v.rule
	g := s.groups.look(h.key())
	if g == nil {
		return
	}
	now := int32(floor(h.time, hour) / hour)
	n := int64(0)
	for _, had := range g.hours {
		if had.hour == now {
			n = int64(had.n)
		}
	}
	v.Window = x.need(r)
	v.Window.Have = float64(n)
	if g.hours[0].hour > now-int32(s.weeks)*hoursOfWeek {
		v.say(Waits, "%d events in this hour so far; the group is not known for %d weeks, and not compared", n, s.weeks)
		return
	}
	usual := g.usual(now, s.weeks)
	v.Window.Need = max(float64(r.Spike.Count), r.Spike.Times*usual)
	if float64(n) >= v.Window.Need {
		v.say(Quiet, "%d events in this hour so far, where %.0f are usual: found already", n, usual)
		return
	}
	v.say(Waits, "%d events in this hour so far, where %.0f are usual; %.4g are wanted", n, usual, v.Window.Need)
}

// first says why an event is not the first of its kind.
func (x *Explaining) first(v *verdict, f *firsts) {
	r, n := v.rule, f.last
	v.decided = true
	switch {
	case !n.fresh:
		what := "the same"
		if r.First.Of != "" {
			what = "the same " + r.First.Of
		}
		v.say(Known, "%s was there at %s, %s before", what, clock(n.last), lasting(v.time-n.last))
	case !n.group:
		v.say(Waits, "the group itself is new: what is new for it is told when it is known")
	default:
		learn := micros(r.First.Learn)
		v.say(Waits, "the rule is still learning: it knows no event that is more than %s older", lasting(max(learn, time.Second.Microseconds())))
	}
}

// deviated says what a value is compared with.
func (x *Explaining) deviated(v *verdict, h *hit, d *deviations) {
	v.decided = true
	switch {
	case h.weight == 0:
		v.say(Known, "it has no %s to compare", v.rule.Deviation.Of)
	case !d.known:
		v.say(Waits, "%s is %d; %d values before it say what is usual, and there are fewer", v.rule.Deviation.Of, h.weight, leastLast)
	default:
		v.say(Known, "%s is %d, %.1f %% of the usual %.0f", v.rule.Deviation.Of, h.weight, 100*float64(h.weight)/d.usual, d.usual)
	}
}

// numbered says how the number of an event follows upon the one before.
func (x *Explaining) numbered(v *verdict, h *hit, g *gaps) {
	of := v.rule.Gap.Of
	switch {
	case g.latest != nil:
		v.Window = x.need(v.rule)
		v.Window.Until = g.latest.due
		v.say(Waits, "%s is %d after %d; what is missing has time until %s", of, h.weight, g.before, clock(g.latest.due))
		return
	case h.weight < 1:
		v.say(Known, "it has no %s", of)
	case g.before == 0:
		v.say(Waits, "%s is %d, the first of its group", of, h.weight)
	case g.filled != nil:
		v.say(Came, "%s is %d, which was missing", of, h.weight)
	default:
		v.say(Known, "%s is %d after %d", of, h.weight, g.before)
	}
	v.decided = true
}

// ordered says what a sequence lacks.
func (x *Explaining) ordered(v *verdict, h *hit, s *sequences) {
	r := v.rule
	q := s.groups.look(h.key())
	switch {
	case h.parts&s.unless != 0:
		v.decided = true
		v.say(Cancelled, "it meets unless: what came before it counts no more")
		return
	case q == nil:
		return
	case v.counted:
		v.say(Quiet, "it ends the sequence, and the rule is silent until there was nothing for %s", lasting(micros(r.Rearm)))
		v.decided = true
		return
	}
	v.Window = x.need(r)
	x.members(v.Window, q.members, h)
	v.Window.Until = h.time + s.within
	for step := range r.Sequence.Steps {
		have, need := int(q.have[step]), s.count(step)
		v.Window.Have += float64(min(have, need))
		if have < need && v.Window.Step == 0 {
			v.Window.Step = step + 1
			v.say(Waits, "step %d of %d: %d of %d events", step+1, len(r.Sequence.Steps), have, need)
		}
	}
	if v.Window.Step > 0 {
		return
	}
	wide := *s
	wide.within = 4 * s.within
	wide.room, wide.made = make([]int, s.need), make([]*hit, s.need)
	last := uint32(1) << (len(r.Sequence.Steps) - 1)
	for i := range q.marks {
		if q.marks[i].parts&last == 0 {
			continue
		}
		if chain := wide.chain(q, i); chain != nil {
			v.Window.Over = chain[len(chain)-1].time - chain[0].time - s.within
			v.say(Waits, "all steps are there, in a time that is %s longer than %s", lasting(v.Window.Over), lasting(s.within))
			return
		}
	}
	v.say(Waits, "all steps are there, and not in their order")
}

// awaited says what is expected after an event.
func (x *Explaining) awaited(v *verdict, h *hit, a *absences) {
	r := v.rule
	w := a.groups[string(h.key())]
	switch {
	case r.Absence.Expect != nil && h.parts&1 != 0 && h.parts&2 == 0:
		v.decided = true
		v.say(Came, "it is what the rule expects to come")
	case w != nil && w.hit.from.gen == v.id.Gen && w.hit.span.Off == v.id.Off:
		v.Window = x.need(r)
		v.Window.Until = w.due
		v.say(Waits, "what is expected has time until %s", clock(w.due))
	case w != nil:
		v.decided = true
		v.say(Waits, "the rule waits already, since %s, for what is expected until %s", clock(w.hit.time), clock(w.due))
	}
}

// followed says why a state may follow the one before.
func (x *Explaining) followed(v *verdict, o *orders) {
	v.decided = true
	switch {
	case v.counted:
		v.say(Quiet, "it may not follow %s, and the rule is silent until there was nothing for %s", o.before, lasting(micros(v.rule.Rearm)))
	case o.before == "":
		v.say(Waits, "it is the first state that is known, within %s: what follows is compared with it", lasting(micros(v.rule.States.Within)))
	default:
		v.say(Known, "it may follow %s, the state before", o.before)
	}
}

// controlled says how a batch stands.
func (x *Explaining) controlled(v *verdict, h *hit, c *controls) {
	switch b := c.groups.look(h.key()); {
	case v.counted:
		v.say(Quiet, "it tells other than what came before it, and the rule is silent until there was nothing for %s", lasting(micros(v.rule.Rearm)))
	case h.parts&1 != 0:
		v.decided = true
		v.say(Came, "the control record tells what came before it")
	case b != nil:
		v.Window = x.need(v.rule)
		v.Window.Have = float64(len(b.named) + len(b.plain))
		v.say(Waits, "the batch has %g so far; its control record is to come", v.Window.Have)
	}
}

// tried says what an event is to a failure that should be tried again.
func (x *Explaining) tried(v *verdict, h *hit, r *retries) {
	s := r.open[r.session(h)]
	if h.parts&retryFails == 0 {
		v.decided = true
	}
	switch {
	case s == nil:
		v.say(Waits, "nothing of its session failed that should be tried again")
	case h.parts&retryFails != 0:
		v.Window = x.need(v.rule)
		v.Window.Until = s.due
		v.say(Waits, "it should be tried again until %s", clock(s.due))
	case s.again:
		v.say(Waits, "what failed runs again; whether it succeeds is still to come")
	default:
		v.say(Waits, "it is not what failed")
	}
}

// then says what another event of the same group changes.
func (x *Explaining) then(v *verdict, h *hit) {
	r := v.rule
	if v.Outcome == Raised && r.Rearm > 0 && h.time < v.Rearm {
		v.Rearm = h.time + micros(r.Rearm)
	}
	if v.Outcome != Waits {
		return
	}
	switch j := r.judge.(type) {
	case *sequences:
		if h.parts&j.unless != 0 && h.time >= v.time {
			v.decided = true
			v.say(Cancelled, "an event that meets unless came %s later", lasting(h.time-v.time))
			v.By = new(momentOf(h))
		}
	case *absences:
		if w := j.groups[v.key]; w == nil || w.hit.from.gen != v.id.Gen || w.hit.span.Off != v.id.Off {
			v.decided = true
			v.say(Came, "what is expected came %s later", lasting(h.time-v.time))
			v.By = new(momentOf(h))
		}
	case *gaps:
		if j.filled != nil && len(j.filled.missing) == 0 && j.filled.hit.from.gen == v.id.Gen && j.filled.hit.span.Off == v.id.Off {
			v.decided = true
			v.say(Came, "what was missing came %s later", lasting(h.time-v.time))
			v.By = new(momentOf(h))
		}
	case nil:
		if r.Threshold != nil {
			v.decided = !x.fullest(v, h)
		}
	}
}

// close says what is left to say when nothing comes any more.
func (x *Explaining) close(v *verdict) {
	switch {
	case v.Outcome != "":
	case v.claim != nil:
		v.say(Waits, "it counts when no other event can tell of the same any more")
	case v.counted && v.rule.silent:
		v.say(Counted, "it is counted; a rule of severity info makes no findings")
	case v.counted:
		v.say(Raised, "it is counted")
	default:
		v.say(Waits, "it was not judged: an event before it is still to come")
	}
}

// ordinal writes 2 as 2nd.
func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
