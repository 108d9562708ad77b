package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage/query"
)

// replayed is what rules would have found.
type replayed struct {
	Over     string             `json:"judged"` // over what
	From     time.Time          `json:"from"`
	To       time.Time          `json:"to"`
	Days     float64            `json:"days"`   // at least 1
	Events   int64              `json:"events"` // that were judged; of the store, those that the rules are about
	Took     float64            `json:"took_seconds"`
	Notices  int64              `json:"notices"`
	Audience map[string]float64 `json:"notices_a_day"` // by audience
	Budget   float64            `json:"budget_a_day"`  // of a rule
	Rules    []ruleReplayed     `json:"rules"`         // most notices first
	All      bool               `json:"all"`

	unread bool         // a log could not be read
	now    *replayTally // of which it is the sum; nil if a daemon made it
}

// ruleReplayed is what one rule would have found. A notice is a finding.
type ruleReplayed struct {
	Rule        string            `json:"rule"`
	Severity    string            `json:"severity"`
	Audience    []string          `json:"audience"`
	Occurrences int64             `json:"occurrences"`
	Notices     int64             `json:"notices"`
	PerDay      float64           `json:"notices_a_day"`
	Over        bool              `json:"over,omitempty"` // the budget
	First       string            `json:"first,omitempty"`
	Last        string            `json:"last,omitempty"`
	Groups      []groupReplayed   `json:"groups,omitempty"` // most occurrences first
	Examples    []exampleReplayed `json:"examples,omitempty"`
	Difference  *ruleDifference   `json:"difference,omitempty"` // from the rule as it is judged now
}

type groupReplayed struct {
	Group string `json:"group"`
	N     int64  `json:"occurrences"`
}

// An exampleReplayed is a finding with the first lines that it rests on.
type exampleReplayed struct {
	ID    string   `json:"id"`
	Time  string   `json:"time"`
	Title string   `json:"title"`
	Count int64    `json:"count"`
	Lines []string `json:"lines"`
}

// A ruleDifference compares what two versions of a rule find. Two findings are the same if the same event made them, or if they are of
// one group and their times meet.
type ruleDifference struct {
	Both    int64             `json:"both"`
	New     int64             `json:"only_new"`
	Old     int64             `json:"only_old"`
	OnlyNew []exampleReplayed `json:"only_new_examples,omitempty"`
	OnlyOld []exampleReplayed `json:"only_old_examples,omitempty"`
}

// The bounds of what is kept of a rule's findings and of its groups.
const (
	maxReplayed       = 100_000
	maxReplayedGroups = 100_000
	maxWithLines      = 1000 // of the findings
	maxExample        = 500  // characters of a line
	replayedGroups    = 10   // that are told
	replayedExamples  = 3
	replayedLines     = 3 // of an example
)

// A replayTally takes up what rules find in an interval.
type replayTally struct {
	rules  []rules.Rule
	during query.Interval
	begun  time.Time
	events int64
	span   query.Interval // of the events
	of     map[string]*ruleTally
}

type ruleTally struct {
	occurrences, notices int64
	groups               map[string]int64
	found                []foundOnce
}

// foundOnce is what is kept of a finding, to compare it with others.
type foundOnce struct {
	key               string // site and group
	time, first, last int64
	exampleReplayed
}

func newReplayTally(list []rules.Rule, during query.Interval) *replayTally {
	return &replayTally{rules: list, during: during, begun: time.Now(), of: map[string]*ruleTally{}}
}

func (t *replayTally) rule(id string) *ruleTally {
	r := t.of[id]
	if r == nil {
		r = &ruleTally{groups: map[string]int64{}}
		t.of[id] = r
	}
	return r
}

// look counts the events of a commit that lie in the interval.
func (t *replayTally) look(_ context.Context, c *event.Commit) error {
	for _, p := range c.Pages {
		for i := range p.N {
			if at := p.Time(i); at > 0 && t.in(at) {
				t.events++
				t.widen(at)
			}
		}
	}
	return nil
}

func (t *replayTally) widen(at int64) {
	if t.span.From == 0 || at < t.span.From {
		t.span.From = at
	}
	t.span.To = max(t.span.To, at)
}

func (t *replayTally) in(at int64) bool {
	return at >= t.during.From && (t.during.To == 0 || at < t.during.To)
}

// take takes up what the rules made of a commit.
func (t *replayTally) take(c *event.Commit) {
	const minute = 60_000_000
	for i := range c.Rollups {
		d := &c.Rollups[i]
		if id, ok := strings.CutPrefix(d.Series, rules.RuleSeries("")); ok && t.in(max(d.Minute, min(d.Minute+minute-1, t.during.From))) {
			t.rule(id).occurrences += d.N
		}
		if rest, ok := strings.CutPrefix(d.Series, "group/"); ok && t.in(max(d.Minute, min(d.Minute+60*minute-1, t.during.From))) {
			id, group, _ := strings.Cut(rest, "/")
			r := t.rule(id)
			if _, known := r.groups[group]; !known && len(r.groups) >= maxReplayedGroups {
				group = rules.Others
			}
			r.groups[group] += d.N
		}
	}
	for i := range c.Findings {
		f := &c.Findings[i]
		if !t.in(f.Time) {
			continue
		}
		r := t.rule(f.Rule)
		r.notices++
		if len(r.found) < maxReplayed {
			r.found = append(r.found, foundOnce{f.Site + "\x00" + groupOf(f), f.Time, f.First, f.Last, exampleOf(f, len(r.found) < maxWithLines)})
		}
	}
}

func groupOf(f *event.Finding) string {
	if len(f.Group) == 0 {
		return ""
	}
	return f.Group[0].Value
}

func exampleOf(f *event.Finding, lines bool) exampleReplayed {
	e := exampleReplayed{ID: f.ID, Time: rfc3339(f.Time), Title: f.Title, Count: f.Count, Lines: []string{}}
	if !lines {
		return e
	}
	for i := range f.Evidence[:min(len(f.Evidence), replayedLines)] {
		e.Lines = append(e.Lines, strings.Clone(cutText(strings.TrimRight(f.Evidence[i].Text, "\n"), maxExample)))
	}
	return e
}

// result sums up; was is of the rules of the draft as they are now.
func (t *replayTally) result(req *replayRequest, was *replayTally) *replayed {
	during := t.during
	if during.From == 0 || during.To == 0 { // of logs
		during = t.span
	}
	r := &replayed{
		now:  t,
		From: time.UnixMicro(during.From).UTC(), To: time.UnixMicro(during.To).UTC(), Events: t.events, Took: time.Since(t.begun).Seconds(),
		Days: max(time.Duration((during.To-during.From)*1000).Hours()/24, 1), Budget: req.budget, All: req.all, Audience: map[string]float64{},
	}
	for i := range t.rules {
		rule := &t.rules[i]
		r.add(rule.ID, rule.Severity, rule.Audience, t.of[rule.ID], compared(rule.ID, t, was))
	}
	if of := t.of[rules.Forgotten]; of != nil {
		r.add(rules.Forgotten, "medium", []string{"operator"}, of, nil)
	}
	slices.SortStableFunc(r.Rules, func(a, b ruleReplayed) int {
		return cmp.Or(cmp.Compare(b.Notices, a.Notices), cmp.Compare(b.Occurrences, a.Occurrences))
	})
	return r
}

func (r *replayed) add(id, severity string, audience []string, t *ruleTally, d *ruleDifference) {
	one := ruleReplayed{Rule: id, Severity: severity, Audience: audience, Difference: d}
	if t != nil {
		one.Occurrences, one.Notices, one.Groups = t.occurrences, t.notices, t.top()
		one.PerDay = float64(t.notices) / r.Days
		one.Over = one.PerDay > r.Budget
		first, last := int64(math.MaxInt64), int64(math.MinInt64)
		for i := range t.found {
			first, last = min(first, t.found[i].time), max(last, t.found[i].time)
			if i < replayedExamples {
				one.Examples = append(one.Examples, t.found[i].exampleReplayed)
			}
		}
		if len(t.found) > 0 {
			one.First, one.Last = rfc3339(first), rfc3339(last)
		}
	}
	r.Notices += one.Notices
	for _, a := range audience {
		r.Audience[a] += one.PerDay
	}
	r.Rules = append(r.Rules, one)
}

// top returns the groups with most occurrences.
func (t *ruleTally) top() []groupReplayed {
	var list []groupReplayed
	for group, n := range t.groups {
		list = append(list, groupReplayed{group, n})
	}
	slices.SortFunc(list, func(a, b groupReplayed) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Group, b.Group)) })
	return list[:min(len(list), replayedGroups)]
}

// compared returns how a rule of the draft differs from what it is now; nil if there is none.
func compared(id string, now, was *replayTally) *ruleDifference {
	if !slices.ContainsFunc(was.rules, func(r rules.Rule) bool { return r.ID == id }) {
		return nil
	}
	var a, b []foundOnce
	if t := now.of[id]; t != nil {
		a = t.found
	}
	if t := was.of[id]; t != nil {
		b = t.found
	}
	byID := map[string]int{}
	byKey := map[string][]int{}
	for i := range b {
		byID[b[i].ID] = i
		byKey[b[i].key] = append(byKey[b[i].key], i)
	}
	taken, d := make([]bool, len(b)), &ruleDifference{}
	var rest []*foundOnce
	for i := range a {
		if at, same := byID[a[i].ID]; same && !taken[at] {
			taken[at] = true
			d.Both++
			continue
		}
		rest = append(rest, &a[i])
	}
	for _, f := range rest {
		at := slices.IndexFunc(byKey[f.key], func(i int) bool { return !taken[i] && b[i].first <= f.last && f.first <= b[i].last })
		if at >= 0 {
			taken[byKey[f.key][at]] = true
			d.Both++
			continue
		}
		if d.New++; len(d.OnlyNew) < replayedExamples {
			d.OnlyNew = append(d.OnlyNew, f.exampleReplayed)
		}
	}
	for i := range b {
		if taken[i] {
			continue
		}
		if d.Old++; len(d.OnlyOld) < replayedExamples {
			d.OnlyOld = append(d.OnlyOld, b[i].exampleReplayed)
		}
	}
	return d
}

// perDay writes a rate.
func perDay(x float64) string {
	if x >= 100 || x == math.Trunc(x) {
		return n(int64(math.Round(x)))
	}
	return fmt.Sprintf("%.1f", x)
}
