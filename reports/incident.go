package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// Incident is the length of reports that are about one thing that happened: its period is how long that took.
const Incident Length = "incident"

// An Event is what a review is about: an issue with its findings, or a finding that is of none.
type Event struct {
	Title    string
	Site     string
	Issue    *state.Issue // nil: there is none
	History  []state.Change
	Findings []event.Finding // the earliest first
	Period   query.Interval  // from the first sign to the end, whole minutes
}

// ErrNoEvent is returned where there is no such issue or finding.
var ErrNoEvent = errors.New("there is no such issue or finding")

// maxEventFindings bounds the findings of an issue that a review reads.
const maxEventFindings = 200

// minEvent is what a review's period has at least: less says nothing of a key figure.
const minEvent = time.Hour

// ReadEvent reads what happened: the issue with a number, or that of a finding, or the finding alone. The error is
// ErrNoEvent where there is none.
func ReadEvent(ctx context.Context, r storage.Results, v access.View, db *state.DB, number int64, finding string, now time.Time) (*Event, error) {
	e := &Event{}
	if number == 0 {
		var err error
		if number, err = db.IssueOf(ctx, finding); err != nil {
			return nil, err
		}
	}
	ids := []string{finding}
	if number != 0 {
		i, err := db.Issue(ctx, number)
		if errors.Is(err, state.ErrNotFound) {
			return nil, ErrNoEvent
		}
		if err != nil {
			return nil, err
		}
		e.Issue, e.Title, e.Site = &i, fmt.Sprintf("%s (issue #%d)", i.Title, i.ID), i.Site
		if e.History, err = db.History(ctx, number); err != nil {
			return nil, err
		}
		links, err := db.Links(ctx, number, maxEventFindings)
		if err != nil {
			return nil, err
		}
		ids = nil
		for _, l := range links {
			ids = append(ids, l.Finding)
		}
	}
	for _, id := range ids {
		list, err := r.Findings(ctx, v, storage.FindingQuery{ID: id, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("read finding %.100q: %w", id, err)
		}
		e.Findings = append(e.Findings, list...)
	}
	if e.Issue == nil {
		if len(e.Findings) == 0 {
			return nil, ErrNoEvent
		}
		e.Title, e.Site = e.Findings[0].Title, e.Findings[0].Site
	}
	slices.SortStableFunc(e.Findings, func(a, b event.Finding) int { return cmp.Compare(a.First, b.First) })
	e.Period = e.span(now)
	return e, nil
}

// span is from the first sign of what happened to its resolution, or to now while there is none; of a finding alone to its
// last occurrence.
func (e *Event) span(now time.Time) query.Interval {
	from, to := int64(math.MaxInt64), int64(0)
	for _, f := range e.Findings {
		from, to = min(from, f.First), max(to, f.Last)
	}
	if i := e.Issue; i != nil {
		from = min(from, i.Reported.UnixMicro())
		to = now.UnixMicro()
		if i.Status == state.Resolved {
			to = max(i.Resolved.UnixMicro(), from)
		}
	}
	minute := time.Minute.Microseconds()
	from -= from % minute
	to = max(to-to%minute+minute, from+minEvent.Microseconds())
	return query.Interval{From: from, To: to}
}

// EventID is the id of the document about an event.
func (d *Definition) EventID(e *Event) string {
	if e.Issue != nil {
		return fmt.Sprintf("%s-issue-%d", d.Code, e.Issue.ID)
	}
	return d.Code + "-finding-" + e.Findings[0].ID
}

// incident is the facts of what happened.
func incident(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	e := b.Event
	if e == nil {
		return nil, nil
	}
	t := document.Table{Bare: true, Columns: []document.Column{{Name: "Fact", Width: document.Wide, Faint: true}, {Name: "Value"}}}
	row := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []document.Cell{{Text: name}, {Text: value}})
		}
	}
	if n := len(e.Findings); n > 0 {
		var occurrences int64
		for _, f := range e.Findings {
			occurrences += f.Count
		}
		row("First sign", dated(e.Findings[0].First))
		row("Found by", strings.Join(ruleIDs(e.Findings), ", "))
		row("Findings", fmt.Sprintf("%s, %s", count(int64(n), "finding", "findings"), count(occurrences, "occurrence", "occurrences")))
	}
	if i := e.Issue; i != nil {
		row("Reported", dated(i.Reported.UnixMicro())+" by "+i.Reporter)
		if !i.Responded.IsZero() {
			row("First response", fmt.Sprintf("%s, after %s", dated(i.Responded.UnixMicro()), took(max(i.Responded.Sub(i.Reported), 0))))
		}
		row("Priority", string(i.Priority))
		row("Assigned to", cmp.Or(i.Assigned, "nobody"))
		if i.Status == state.Resolved {
			row("Resolved", fmt.Sprintf("%s, after %s", dated(i.Resolved.UnixMicro()), took(i.Took())))
		} else {
			row("Status", string(i.Status))
		}
		if i.Reopened > 0 {
			row("Opened again", count(int64(i.Reopened), "time", "times"))
		}
	}
	blocks := []document.Block{tableBlock(t)}
	if e.Issue != nil && e.Issue.Description != "" {
		blocks = append([]document.Block{document.Words(e.Issue.Description)}, blocks...)
	}
	return one(s.Title, blocks...), nil
}

// dated writes a moment with its day.
func dated(us int64) string { return utc(us).Format("2 January 2006, 15:04:05 UTC") }

func ruleIDs(list []event.Finding) []string {
	var ids []string
	for _, f := range list {
		if !slices.Contains(ids, f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	return ids
}

// maxMoments bounds the rows of a timeline.
const maxMoments = 300

// timeline is what was found and what people did, in its order.
func timeline(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Event == nil {
		return nil, nil
	}
	type moment struct {
		at        int64
		who, what string
	}
	var all []moment
	for _, f := range b.Event.Findings {
		all = append(all, moment{f.First, f.Rule, f.Title})
		if f.Last-f.First >= time.Minute.Microseconds() {
			all = append(all, moment{f.Last, f.Rule, f.Title + ": last of " + count(f.Count, "occurrence", "occurrences")})
		}
	}
	for _, c := range b.Event.History {
		all = append(all, moment{c.At.UnixMicro(), c.Who, changed(c)})
	}
	slices.SortStableFunc(all, func(x, y moment) int { return cmp.Compare(x.at, y.at) })
	t := document.Table{Columns: []document.Column{{Name: "Time (UTC)", Keep: true}, {Name: "What happened"}, {Name: "Who, or which rule", Faint: true}}}
	for _, m := range all[:min(len(all), maxMoments)] {
		t.Rows = append(t.Rows, []document.Cell{{Text: utc(m.at).Format("2 Jan 15:04:05")}, {Text: m.what}, {Text: m.who}})
	}
	if n := len(all) - maxMoments; n > 0 {
		t.Note = count(int64(n), "later moment is", "later moments are") + " not listed."
	}
	return one(s.Title, tableBlock(t)), nil
}

// changed writes a change of an issue.
func changed(c state.Change) string {
	switch {
	case c.Field == "reported":
		return "Issue reported: " + c.New
	case c.Field == "comment":
		return c.New
	case c.Old == "":
		return c.Field + ": " + c.New
	case c.New == "":
		return c.Field + ": taken out, was " + c.Old
	}
	return c.Field + ": " + c.Old + " → " + c.New
}

// eventEvidence is the findings of what happened, with their lines.
func eventEvidence(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Event == nil {
		return nil, nil
	}
	list := document.Findings{Empty: "No finding belongs to it: it was reported by a person."}
	for _, f := range b.Event.Findings[:min(len(b.Event.Findings), shownFindings)] {
		list.List = append(list.List, b.finding(f))
	}
	blocks := []document.Block{{Findings: &list}}
	if n := len(b.Event.Findings) - shownFindings; n > 0 {
		blocks = append(blocks, document.Remark(count(int64(n), "later finding is", "later findings are")+" not shown."))
	}
	return one(s.Title, blocks...), nil
}

// done is what was done about it: the resolution and the comments.
func done(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Event == nil {
		return nil, nil
	}
	var blocks []document.Block
	if i := b.Event.Issue; i != nil && i.Resolution != "" {
		blocks = append(blocks, document.Words(i.Resolution))
	}
	t := document.Table{Columns: []document.Column{{Name: "Time (UTC)", Keep: true}, {Name: "Who"}, {Name: "Note"}}}
	for _, c := range b.Event.History {
		if c.Field == "comment" {
			t.Rows = append(t.Rows, []document.Cell{{Text: c.At.UTC().Format("2 Jan 15:04")}, {Text: c.Who}, {Text: c.New}})
		}
	}
	if len(t.Rows) > 0 {
		blocks = append(blocks, tableBlock(t))
	}
	if len(blocks) == 0 {
		blocks = append(blocks, document.Block{Paragraph: &document.Paragraph{Blank: 4}})
	}
	return one(s.Title, blocks...), nil
}

// rootCause is the cause that the log has, and room for more.
func rootCause(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Event == nil {
		return nil, nil
	}
	p := document.Paragraph{Blank: max(s.Lines, 1)}
	if i := b.Event.Issue; i != nil && i.Cause != "" {
		p.Parts = []document.Part{{Text: i.Cause}}
	}
	return one(s.Title, document.Block{Paragraph: &p}), nil
}

// beforeAfter compares the figures of the event with as long a time before it, and after it as far as that has passed.
func beforeAfter(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Event == nil {
		return nil, nil
	}
	defs, during := b.of(s)
	span := b.Period.To - b.Period.From
	now := b.Made.UnixMicro() - b.Made.UnixMicro()%time.Minute.Microseconds()
	later := query.Interval{From: b.Period.To, To: min(b.Period.To+span, now)}
	after := make([]kpi.Figure, len(defs))
	if later.To > later.From {
		var err error
		if after, err = figures.Read(ctx, b.results, b.view, figures.Request{Defs: defs, Site: b.Site, Every: time.Minute, Prometheus: b.Prometheus, Period: later}); err != nil {
			return nil, err
		}
	}
	t := document.Table{Empty: "No key figure was measured before, during or after it.", Columns: []document.Column{
		{Name: "Metric", Width: document.Medium}, {Name: "Target", Right: true, Keep: true, Faint: true}, {Name: "Before", Right: true, Keep: true}, {Name: "During", Right: true, Keep: true, Bold: true},
		{Name: "After", Right: true, Keep: true}, {Name: "Status during", Keep: true}}}
	for i, f := range during {
		if !f.Measured() && math.IsNaN(f.Before) && (after[i].ID == "" || !after[i].Measured()) {
			continue
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: f.Title}, {Text: f.Target}, previous(f), actual(&defs[i], f), b.afterCell(&defs[i], after[i], later), statusCell(f.Status, string(f.Status))})
	}
	t.Note = fmt.Sprintf("During is %s; before is as long, right before it.", document.Period{From: utc(b.Period.From), To: utc(b.Period.To)})
	if later.To > later.From {
		t.Note += fmt.Sprintf(" After is %s.", periodOf(later))
	}
	return one(s.Title, tableBlock(t)), nil
}

// afterCell is a figure of the time after the event; its sums go into the document under a name of their own.
func (b *builder) afterCell(d *kpi.Definition, f kpi.Figure, later query.Interval) document.Cell {
	if f.ID == "" || !f.Measured() {
		return document.Cell{Text: "–", Faint: true}
	}
	name := f.ID + "/after"
	b.doc.Sums[name] = document.Sums{Recipe: d.Recipe(), Seconds: float64(later.To-later.From) / 1e6, Now: f.Now}
	c := document.Num(f.Actual, f.Value, f.Unit)
	c.Basis = &document.Basis{KPI: name, Of: "value", Decimals: decimals(f.Actual)}
	return c
}
