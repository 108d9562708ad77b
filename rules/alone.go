package rules

import "github.com/saypro/veritail/pipeline/event"

// lately is what was found at once and would be found again where an engine that is made anew judges the events since Engine.reached.
type lately struct {
	of   map[string]int64 // by the finding's id: the time (µs) as which its event was judged
	kept int              // so many were left when it was looked through last
}

func (t *lately) add(id string, at int64) {
	if t.of == nil {
		t.of = map[string]int64{}
	}
	t.of[id] = at
}

func (t *lately) has(h *hit) bool {
	if len(t.of) == 0 {
		return false
	}
	_, ok := t.of[findingID(h.rule.ID, h.from.site, string(h.group()), h)]
	return ok
}

// forget forgets what is of before the time reached, now and then.
func (t *lately) forget(reached int64) {
	const few = 64
	if len(t.of) <= 2*t.kept+few {
		return
	}
	for id, at := range t.of {
		if at < reached {
			delete(t.of, id)
		}
	}
	t.kept = len(t.of)
}

// atOnce makes a finding of the hit of a rule to which no other event matters.
func (e *Engine) atOnce(h *hit) {
	n := len(e.out.Findings)
	e.decide(h)
	for i := range e.out.Findings[n:] {
		e.told.add(e.out.Findings[n+i].ID, h.at)
	}
}

// Alone returns the ids of the rules to which each event is a finding, whatever others there are: those that Config.AtOnce is about.
func (e *Engine) Alone() (ids []string) {
	for _, r := range e.rules {
		if r.alone {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Told tells a new engine, before Seed or Resume, of a stored finding of a rule of Alone. Those are wanted that are of a time from the
// stored mark of Progress on: their events were judged, though that mark does not say so.
func (e *Engine) Told(f *event.Finding) { e.told.add(f.ID, f.Time) }
