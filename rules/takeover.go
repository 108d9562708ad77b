package rules

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Reload says what became of the rules when an engine took over from another.
type Reload struct {
	Unchanged int        `json:"unchanged"`          // they go on with what they remember
	Reworded  []Reloaded `json:"reworded,omitempty"` // so do these, and what they find is told differently
	Changed   []Reloaded `json:"changed,omitempty"`
	New       []Reloaded `json:"new,omitempty"`
	Removed   []string   `json:"removed,omitempty"`
}

// Reloaded is a rule that is not as it was. What it remembers is filled from the stored events.
type Reloaded struct {
	ID     string    `json:"id"`
	Keys   []string  `json:"keys,omitempty"` // in which it differs, and lists that have other values
	Events int64     `json:"events"`         // so many it was about, since then; 0 for a rule that remembers nothing
	Since  time.Time `json:"since,omitzero"`
}

// Left is how many rules there are now.
func (r *Reload) Left() int {
	return r.Unchanged + len(r.Reworded) + len(r.Changed) + len(r.New)
}

// Add adds what became of other rules.
func (r *Reload) Add(other Reload) {
	r.Unchanged += other.Unchanged
	r.Reworded, r.Changed = append(r.Reworded, other.Reworded...), append(r.Changed, other.Changed...)
	r.New, r.Removed = append(r.New, other.New...), append(r.Removed, other.Removed...)
}

// Compare returns how rules differ from those before; both are in the order in which Load returns them, and compiled.
func Compare(list, before []Rule) Reload {
	var out Reload
	was := byID(before)
	for i := range list {
		r := &list[i]
		old := was[r.ID]
		delete(was, r.ID)
		if old == nil {
			out.New = append(out.New, Reloaded{ID: r.ID})
			continue
		}
		switch keys, judged := r.changes(old); {
		case judged:
			out.Changed = append(out.Changed, Reloaded{ID: r.ID, Keys: keys})
		case len(keys) > 0:
			out.Reworded = append(out.Reworded, Reloaded{ID: r.ID, Keys: keys})
		default:
			out.Unchanged++
		}
	}
	for i := range before {
		if was[before[i].ID] != nil {
			out.Removed = append(out.Removed, before[i].ID)
		}
	}
	return out
}

func byID(list []Rule) map[string]*Rule {
	m := make(map[string]*Rule, len(list))
	for i := range list {
		m[list[i].ID] = &list[i]
	}
	return m
}

// changes returns the keys in which the rule differs from what it was, and the lists and hours that have other values, and whether what it
// finds may differ, or what its findings say of the events.
func (r *Rule) changes(from *Rule) (keys []string, judged bool) {
	a, b := *r, *from
	a.Suppress, b.Suppress = a.leftOut(), b.leftOut()
	a.Tests, b.Tests = nil, nil
	a.Enabled, b.Enabled = nil, nil // both are judged
	keys = a.differs(&b)
	judged = slices.ContainsFunc(keys, func(key string) bool { return !slices.Contains(spoken, key) }) ||
		(r.Severity == "info") != (from.Severity == "info")
	values := r.lists.differs(from.lists)
	for i := range min(len(r.Suppress), len(from.Suppress)) {
		if own, other := r.Suppress[i].owner, from.Suppress[i].owner; own != nil && other != nil {
			values = append(values, own.lists.differs(other.lists)...)
		}
	}
	if !r.work.equals(from.work) {
		values = append(values, HoursFile)
	}
	slices.Sort(values)
	return append(keys, slices.Compact(values)...), judged || len(values) > 0
}

// leftOut returns the rule's suppressions, from wherever they are.
func (r *Rule) leftOut() []Suppression {
	list := slices.Clone(r.Suppress)
	for i := range list {
		list[i].owner = nil
	}
	return list
}

// spoken are the keys that neither a window nor a hit depends on. A title's fields are kept with each hit.
var spoken = []string{"severity", "priority", "issue", "audience", "runbook", "tags", "references"}

// TakeOver lets an engine that is new judge instead of old from the next commit on. Rules that judge the same as before go on with
// what they remember; the others, and rules that are new, fill their windows from the events that h has: all that old was given,
// and no other. What was found with them before that is told no more, but a threshold that is met still is told with
// the next event of its group, unless the rule as it was has told it.
//
// After an error old is as it was, and this engine must not be used. Afterwards old must not be.
func (e *Engine) TakeOver(ctx context.Context, old *Engine, h History, now time.Time) (Reload, error) {
	out := Compare(ruleList(e.rules), ruleList(old.rules))
	was := make(map[string]*compiled, len(old.rules))
	for _, r := range old.rules {
		was[r.ID] = r
	}
	fresh := map[string]*Reloaded{}
	for _, list := range [][]Reloaded{out.Changed, out.New} {
		for i := range list {
			fresh[list[i].ID] = &list[i]
		}
	}
	judged := old.Judged(now)
	e.places, e.commits, e.latest, e.newest = old.places, old.commits, old.latest, old.newest
	var of []seeding
	for _, r := range e.rules {
		if fresh[r.ID] == nil {
			continue
		}
		s := seeding{rule: r, back: r.memory()}
		if before := was[r.ID]; before != nil {
			s.back = max(s.back, before.memory())
			r.expect(before)
		}
		of = append(of, s)
	}
	if len(of) > 0 {
		e.aboutOnly(func(r *compiled) bool { return fresh[r.ID] != nil })
		e.Refire(slices.DeleteFunc(old.Fired(), func(f Fired) bool { return fresh[f.Rule] == nil }), old.newest)
		if err := e.fill(ctx, h, of, judged, now); err != nil {
			return out, err
		}
	}
	for _, s := range of {
		s.rule.replace(was[s.rule.ID])
		f := fresh[s.rule.ID]
		if s.back > 0 {
			f.Events, f.Since = s.events, time.UnixMicro(judged).Add(-min(s.back, longest(s.rule))).UTC()
		}
	}
	e.inherit(old, was, fresh)
	return out, nil
}

// longest is how far back fill reads for a rule.
func longest(r *compiled) time.Duration {
	if r.judge != nil {
		return math.MaxInt64
	}
	return maxSeed
}

// Judged is the time (µs) before which every event of the commits so far has been counted.
func (e *Engine) Judged(now time.Time) int64 {
	switch {
	case e.reached != math.MinInt64:
		return e.reached
	case e.noted != 0:
		return e.noted
	}
	return now.UnixMicro()
}

// aboutOnly makes the engine judge only some of its rules.
func (e *Engine) aboutOnly(which func(*compiled) bool) {
	e.about = make([][]*compiled, e.cond.Len())
	for _, r := range e.rules {
		if which(r) {
			e.about[r.when] = append(e.about[r.when], r)
		}
	}
}

// inherit takes over what old remembers: all of the rules that are not fresh, and how far it has come.
func (e *Engine) inherit(old *Engine, was map[string]*compiled, fresh map[string]*Reloaded) {
	kept := map[*compiled]bool{}
	e.onces, e.absent = nil, nil
	for i, r := range e.rules {
		if fresh[r.ID] == nil {
			r = was[r.ID].renew(r)
			e.rules[i], kept[r] = r, true
		}
		e.onces = append(e.onces, r.once...)
		if a, ok := r.judge.(settler); ok {
			e.absent = append(e.absent, a)
		}
	}
	e.aboutOnly(func(*compiled) bool { return true })
	waiting := slices.DeleteFunc(append(old.queue.list, old.queue.added...), func(m match) bool { return !kept[m.rule] })
	e.queue.list = append(append(e.queue.list, e.queue.added...), waiting...)
	slices.SortFunc(e.queue.list, func(a, b match) int { return cmp.Or(inOrder(&b, &a), b.rule.index-a.rule.index) })
	e.queue.added, e.queue.merged = nil, len(e.queue.list)
	e.gens, e.reached, e.noted, e.latest = old.gens, old.reached, old.noted, old.latest
	e.due, e.forgot, e.spare = 0, old.forgot, old.spare
	if e.told.of == nil {
		e.told = old.told
	}
	e.commits = max(e.commits, old.commits)
}

// renew gives what the rule remembers the words, and the numbers of conditions, of the rule as it is now.
func (c *compiled) renew(now *compiled) *compiled {
	c.Rule, c.index, c.when, c.parts = now.Rule, now.index, now.when, now.parts
	c.title, c.text, c.suppress = now.title, now.text, now.suppress
	for i, o := range now.once {
		c.once[i].Once, c.once[i].tellers = o.Once, o.tellers
	}
	for i, p := range now.repeat {
		c.repeat[i].Repeat, c.repeat[i].from = p.Repeat, p.from
	}
	return c
}

// expect notes, before the rule is seeded, what it still waits for as it was.
func (c *compiled) expect(before *compiled) {
	a, now := c.judge.(*absences)
	b, then := before.judge.(*absences)
	if now && then {
		a.before = b.groups
	}
}

// replace makes the rule, which was seeded, silent only about what it has told as it was before; before is nil for a new rule.
func (c *compiled) replace(before *compiled) {
	quiet := recent[int64]{keep: c.quiet.keep}
	if before != nil && before.Group == c.Group {
		quiet = before.quiet
		quiet.keep = c.quiet.keep
	}
	c.quiet = quiet
	switch j := c.judge.(type) {
	case *meters:
		j.unfire(before)
	case *absences:
		j.missAgain()
	}
}

// unfire makes groups tell again that their measure is met, unless the rule as it was has done so.
func (m *meters) unfire(before *compiled) {
	told := map[string]bool{}
	if before != nil {
		if b, ok := before.judge.(*meters); ok {
			b.groups.each(func(group string, g *meter) { told[group] = g.fired })
		}
	}
	m.groups.each(func(group string, g *meter) { g.fired = told[group] })
}

// missAgain waits again for what the rule as it was still waits for.
func (a *absences) missAgain() {
	for _, x := range a.missed {
		if a.groups[x.key] == nil {
			a.add(x)
		}
	}
	a.before, a.missed = nil, nil
}

// standstill is the generation that holds up the others after a time in which nothing was judged. It is no file.
const standstill event.GenID = 0x7374696c6c // "still"

// Stood tells an engine that nothing was read or judged for a while: files get the time of Config.Idle to deliver what waits in
// them before anything is judged that is of later.
func (e *Engine) Stood(now time.Time) {
	if e.cfg.Idle > 0 && e.reached != math.MinInt64 {
		e.gens[standstill] = &progress{low: e.reached, seen: now, behind: true, sample: e.reached, sampled: now}
	}
}

func ruleList(of []*compiled) []Rule {
	list := make([]Rule, len(of))
	for i, r := range of {
		list[i] = *r.Rule
	}
	return list
}
