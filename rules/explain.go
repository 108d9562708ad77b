package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// An Outcome is what a rule made of an event.
type Outcome string

// The outcomes, from the one that tells most.
const (
	Raised     Outcome = "fired"      // a finding, and this event met it
	Counted    Outcome = "counted"    // an occurrence of a rule of severity info, which makes no findings
	Member     Outcome = "member"     // of a finding that a later event met
	Quiet      Outcome = "quiet"      // met or counted, and no finding: one was made before, and the rule is not armed again
	Waits      Outcome = "waits"      // counted in a window that is not full, or something is still to come
	Suppressed Outcome = "suppressed" // left out
	Cancelled  Outcome = "cancelled"  // a sequence that another event broke off, or that this one does
	Came       Outcome = "came"       // nothing is absent: what was expected came, or is this event
	Told       Outcome = "told"       // it tells once more of what another event tells of
	Known      Outcome = "known"      // not the first time
	Late       Outcome = "late"       // too old when it was judged
	Unmatched  Outcome = "unmatched"  // a condition does not hold
)

var outcomes = []Outcome{Raised, Counted, Member, Quiet, Waits, Suppressed, Cancelled, Came, Told, Known, Late, Unmatched}

// A Moment is an event that an explanation names.
type Moment struct {
	ID   string `json:"event"` // generation and offset, as a search prints it
	Time int64  `json:"time"`  // µs
	Path string `json:"path"`
	Off  int64  `json:"offset"`
	Line int64  `json:"line,omitempty"` // in a file, where it was counted
	Text string `json:"text,omitempty"` // of the record, as much as evidence keeps
	This bool   `json:"this,omitempty"` // it is the event that is explained
}

// A Window is how much of what a rule counts it had with an event.
type Window struct {
	Have    float64  `json:"have"`
	Need    float64  `json:"need"`
	Of      string   `json:"of"`              // what is counted
	Within  int64    `json:"within"`          // µs
	Until   int64    `json:"until,omitempty"` // what comes before this time (µs) counts with it
	Over    int64    `json:"over,omitempty"`  // there were enough in a time that is so much too long, µs
	Step    int      `json:"step,omitempty"`  // of a sequence: the one that lacks events, from 1
	Members []Moment `json:"members,omitempty"`
}

// A Verdict says what a rule made of an event, and why.
type Verdict struct {
	Rule       string   `json:"rule"`
	Severity   string   `json:"severity"`
	Outcome    Outcome  `json:"outcome"`
	Why        string   `json:"why"`
	Held       int      `json:"held"` // of the predicates of its condition
	Of         int      `json:"of"`
	Group      string   `json:"group,omitempty"` // what it was counted under
	Conditions []Clause `json:"conditions,omitempty"`
	Window     *Window  `json:"window,omitempty"`
	By         *Moment  `json:"by,omitempty"`         // the other event that decided
	Finding    string   `json:"finding,omitempty"`    // the id of the one that it made or is a member of
	Stored     *bool    `json:"stored,omitempty"`     // whether the store has that; nil: it was not asked
	Crossing   string   `json:"-"`                    // the id of the finding that it would make
	References []string `json:"references,omitempty"` // what there is to read about it, unless it is unmatched
	Rearm      int64    `json:"rearm,omitempty"`      // µs: when the rule is armed again for the group if nothing else comes
}

// Near reports whether little was missing: most of its predicates hold, or the event counted without a finding.
func (v *Verdict) Near() bool {
	switch v.Outcome {
	case Raised, Counted:
		return false
	case Unmatched:
		return 2*v.Held > v.Of && slices.ContainsFunc(v.Conditions, func(c Clause) bool { return !c.Beside() && c.affirms() })
	}
	return true
}

// Beside reports whether the condition only says of an event that meets the others how it counts: once, repeat, suppress.
func (c *Clause) Beside() bool {
	return strings.HasPrefix(c.Key, "once") || strings.HasPrefix(c.Key, "repeat") || strings.HasPrefix(c.Key, "suppress")
}

// An Explanation says what rules made of one event.
type Explanation struct {
	Event Moment    `json:"event"`
	Rules []Verdict `json:"rules"` // in the order of outcomes, then of how near they came, then of their ids
}

// Explaining watches an engine, and says what it made of some events, and why. It decides nothing itself: it looks at conditions, windows
// and what they had when the engine was about to judge, and after it did. It is used by the engine's goroutine.
type Explaining struct {
	e       *Engine
	which   func(event.GenID, int64) bool
	parts   *query.Set
	clauses map[*compiled][]clause

	list    []*explained
	looked  map[lookedAt]bool
	matched map[matchKey]*verdict
	open    map[groupOf][]*verdict // that other events of their groups may still decide
	moments map[query.ID]Moment
	claims  map[*compiled][]*verdict // that are the first to tell of what waits for others
	fired   map[string]int64         // by rule and group: when it found something last
	at      judging
}

type explained struct {
	Moment
	verdicts []*verdict
}

// lookedAt names an event that was looked at; an id may come again with another time where it is of no file.
type lookedAt struct {
	query.ID
	time int64
}

// groupOf names a group of a rule.
type groupOf struct {
	rule *compiled
	key  string
}

// matchKey names what a rule makes of an event.
type matchKey struct {
	query.ID
	rule *compiled
}

// A verdict is a Verdict while the engine goes on.
type verdict struct {
	Verdict
	rule    *compiled
	id      query.ID
	time    int64
	key     string // of its group
	counted bool
	claim   *occurrence // that it is the first to tell of, while that waits
	decided bool        // nothing that comes changes it
}

// Explain makes the engine say what becomes of the events that which names by generation and offset. It has to be called before the first
// commit; End returns what was said.
func (e *Engine) Explain(which func(gen event.GenID, off int64) bool) *Explaining {
	e.watch = &Explaining{
		e: e, which: which, parts: query.NewSet(), clauses: map[*compiled][]clause{}, looked: map[lookedAt]bool{}, moments: map[query.ID]Moment{},
		matched: map[matchKey]*verdict{}, open: map[groupOf][]*verdict{}, claims: map[*compiled][]*verdict{}, fired: map[string]int64{},
	}
	return e.watch
}

// End returns what was made of the events, in the order in which they came. The engine must not be used any more.
func (x *Explaining) End() []Explanation {
	var all []Explanation
	for _, ev := range x.list {
		out := Explanation{Event: ev.Moment}
		for _, v := range ev.verdicts {
			x.close(v)
			out.Rules = append(out.Rules, v.Verdict)
		}
		slices.SortStableFunc(out.Rules, func(a, b Verdict) int {
			return cmp.Or(cmp.Compare(slices.Index(outcomes, a.Outcome), slices.Index(outcomes, b.Outcome)),
				cmp.Compare(b.Held*max(a.Of, 1), a.Held*max(b.Of, 1)), cmp.Compare(a.Rule, b.Rule))
		})
		all = append(all, out)
	}
	return all
}

// page looks at the events of a page before the rules do.
func (x *Explaining) page(p *event.Page) {
	begun := false
	for _, r := range x.e.rules { // a set takes no more once it has looked at a page
		x.of(r)
	}
	for i := range p.N {
		if !x.which(p.Gen, p.Offset(i)) || x.seen(p, i) {
			continue
		}
		if !begun {
			x.parts.Begin(p)
			begun = true
		}
		row := p.Row(i)
		raw := p.Bytes(p.Raw[i])
		ev := &explained{Moment: Moment{
			ID: idOf(p.Gen, p.Offset(i)), Time: p.Time(i), Path: p.Path, Off: p.Offset(i), Text: string(raw[:min(len(raw), event.EvidenceText)]), This: true,
		}}
		for _, r := range x.e.rules {
			ev.verdicts = append(ev.verdicts, x.look(r, row))
		}
		x.list = append(x.list, ev)
	}
}

// seen reports whether row i of a page was looked at: a history may give it again.
func (x *Explaining) seen(p *event.Page, i int) bool {
	at := lookedAt{query.ID{Gen: p.Gen, Off: p.Offset(i)}, p.Time(i)}
	was := x.looked[at]
	x.looked[at] = true
	return was
}

// look says what holds of a row, and whether the rule is about it.
func (x *Explaining) look(r *compiled, row event.Row) *verdict {
	v := &verdict{rule: r, id: query.ID{Gen: row.Page.Gen, Off: row.Page.Offset(row.I)}, time: row.Page.Time(row.I)}
	v.Rule, v.Severity = r.ID, r.Severity
	for _, c := range x.of(r) {
		v.Conditions = append(v.Conditions, Clause{c.key, c.root.of(x, row)})
	}
	failing := v.score(r)
	if !x.e.cond.Match(r.when).Has(row.I) {
		v.Outcome, v.decided = Unmatched, true
		v.Why = "it is none of the events that the rule asks for"
		if failing != nil {
			v.Why = failing.why()
		}
		return v
	}
	v.References = r.Refs
	key, _ := r.appendGroup(append(append([]byte(nil), row.Page.Site...), 0), row)
	v.key, v.Group = string(key), plain(string(key[len(row.Page.Site)+1:]))
	v.Crossing = findingID(r.ID, row.Page.Site, string(key[len(row.Page.Site)+1:]), &hit{from: &origin{gen: v.id.Gen}, span: row.Page.RowSpans(row.I)[0]})
	x.matched[matchKey{v.id, r}] = v
	x.await(v)
	return v
}

// of returns the conditions of a rule, each with its parts.
func (x *Explaining) of(r *compiled) []clause {
	list, done := x.clauses[r]
	if done {
		return list
	}
	for key, c := range r.conditions() {
		e, err := r.parse(c, x.e.cfg.Schema)
		if err != nil {
			continue // New has taken it, so it is understood
		}
		if root, err := x.predicates(e); err == nil {
			list = append(list, clause{key, root})
		}
	}
	x.clauses[r] = list
	return list
}

// score counts the predicates that hold of those that decide whether the rule is about the event, and returns the first that does not.
func (v *verdict) score(r *compiled) (failing *Predicate) {
	var best *Predicate // of the conditions of a kind one is enough
	share := -1.0
	keys, _ := r.Rule.parts()
	for i := range v.Conditions {
		c := &v.Conditions[i]
		held, of := c.Score()
		switch {
		case c.Key == "when" && r.Control == nil && (r.Absence == nil || r.Absence.Expect == nil):
			v.Held, v.Of = v.Held+held, v.Of+of
			failing = c.Failing()
		case c.Key == "when" || r.Ratio == nil && slices.Contains(keys, c.Key):
			if s := float64(held) / float64(max(of, 1)); s > share {
				best, share = &c.Predicate, s
			}
		}
	}
	if best != nil {
		held, of := best.Score()
		v.Held, v.Of = v.Held+held, v.Of+of
		if failing == nil {
			failing = best.Failing()
		}
	}
	return failing
}

// say decides the verdict.
func (v *verdict) say(o Outcome, format string, args ...any) {
	v.Outcome, v.Why = o, fmt.Sprintf(format, args...)
}

// leftOut notes that a suppression leaves row i of a page out of a rule.
func (x *Explaining) leftOut(r *compiled, s *suppression, p *event.Page, i int) {
	v := x.matched[matchKey{query.ID{Gen: p.Gen, Off: p.Offset(i)}, r}]
	if v == nil {
		return
	}
	at, key := s.at(r.Rule, slices.Index(r.suppress, s))
	f := at.fault(key+".reason", "")
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	v.say(Suppressed, "left out by the suppression in %s: %s", place, s.Reason)
	v.decided = true
}

// atWork notes that row i of a page lies in hours that the rule is not about.
func (x *Explaining) atWork(r *compiled, p *event.Page, i int) {
	if v := x.matched[matchKey{query.ID{Gen: p.Gen, Off: p.Offset(i)}, r}]; v != nil {
		at := time.UnixMicro(p.Time(i)).In(r.work.zone)
		v.say(Suppressed, "%s lies in the hours %q of %s, and the rule is about other times", at.Format("Mon 15:04 MST"), r.Outside, HoursFile)
		v.decided = true
	}
}

// momentOf is the event of a hit.
func momentOf(h *hit) Moment {
	m := Moment{ID: idOf(h.from.gen, h.span.Off), Time: h.time, Path: h.from.path, Off: h.span.Off}
	if h.row.Page != nil {
		raw := h.row.Page.Bytes(h.row.Page.Raw[h.row.I])
		m.Text = string(raw[:min(len(raw), event.EvidenceText)])
	} else if !h.rule.silent {
		m.Text = string(h.raw())
	}
	return m
}

// momentOf is momentOf, made once for each event: windows have the same ones again and again.
func (x *Explaining) momentOf(h *hit) Moment {
	id := query.ID{Gen: h.from.gen, Off: h.span.Off}
	m, made := x.moments[id]
	if !made || m.Time != h.time || m.Text == "" {
		m = momentOf(h)
		x.moments[id] = m
	}
	return m
}

func idOf(gen event.GenID, off int64) string { return fmt.Sprintf("%s-%d", gen, off) }

// clock writes a time for a sentence.
func clock(t int64) string { return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05 UTC") }

// lasting writes how long something lasts (µs) for a sentence: 350 ms, 12.5 s, 8 min 20 s, 26 h, 90 d.
func lasting(us int64) string {
	const second = int64(1_000_000)
	day := 24 * hour
	two := func(unit int64, name string, part int64, of string) string {
		text := fmt.Sprintf("%d %s", us/unit, name)
		if n := us % unit / part; n > 0 {
			text += fmt.Sprintf(" %d %s", n, of)
		}
		return text
	}
	switch {
	case us < second:
		return fmt.Sprintf("%g ms", float64(us/100)/10)
	case us < 2*minute:
		return fmt.Sprintf("%g s", float64(us/100_000)/10)
	case us < 2*hour:
		return two(minute, "min", second, "s")
	case us < 2*day:
		return two(hour, "h", minute, "min")
	}
	return two(day, "d", hour, "h")
}
