// Package reports makes the site's documents: which there are, and what they hold, is data in configs/reports.toml.
//
// It stands behind the store: it reads findings and rollups through storage.Results, within a View, the records that
// people keep, and sees events only where a report needs them one by one. The same documents serve the daemon, whose results
// are in its store, and a scan, which keeps results only. Package document is their form, and writes them.
//
// All sentences are made of the numbers by the rules of docs/reports.md; one that nothing backs is left out.
package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/reports/workload"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// A Request says what a report is to be about.
type Request struct {
	ID         string    // of the document; "" if it is not kept
	Subject    string    // what the figures are of: a site, a machine, some files
	PreparedBy string    // name or role; "" leaves a line for it
	Version    string    // of the document: "1"; "" if it has none
	Made       time.Time // when the report is made
	Console    string    // where the console answers, for links; "" for none

	Defs       []kpi.Definition
	Prometheus *figures.Prometheus // nil: there is none
	// Events has the events, for what a report looks at one by one; nil: there are none, and sections about them say so.
	Events    storage.Reader
	Exact     bool // percentiles are computed of the events, where they are still there, instead of histograms
	Databases Databases
	Records   *state.DB      // issues; nil: there are none, and sections about them are left out
	Site      string         // whose findings, rollups and issues: "" is this machine
	Period    query.Interval // both bounds set
	Previous  query.Interval // zero: there is none, and nothing is compared

	Event *Event // what a review is about; nil: sections about it are left out

	Lines Lines
	Files []File // the files read, where there are few enough to list
	// Occurrences returns, by rule id and group value, what the rules counted in the period. nil: the report adds up
	// its findings, which know less where a rule does not raise one for each occurrence, and says so.
	Occurrences func(context.Context) (map[string]map[string]int64, error)
}

// Databases says how events of databases are read.
type Databases struct {
	Schema   *event.Schema
	Sessions *transactions.Sessions
	Reports  *transactions.Reports // of deadlocks
}

// Lines is the account of physical lines that the report accounts for.
type Lines struct {
	event.Account
	Open        int64  // in records that are not complete yet
	Stored      int64  // Stored, Quarantined and Pending are 0 where no event is stored, as in a scan
	Quarantined int64  // refused by the store and kept apart
	Pending     int64  // read, and not yet stored
	Scope       string // what was read: "since 3 November", "in 4 files"; "" says nothing
}

// Kept returns the lines that the store has or is to have; 0 where no event is stored.
func (l Lines) Kept() int64 { return l.Stored + l.Quarantined + l.Pending }

// ReadBalanced reports whether something became of each line read.
func (l Lines) ReadBalanced() bool { return l.Read == l.Parsed+l.Unparsed+l.Ignored+l.Open }

// KeptBalanced reports whether each line of an event is kept, where events are stored.
func (l Lines) KeptBalanced() bool { return l.Kept() == 0 || l.Kept() == l.Parsed+l.Unparsed }

// Balanced reports whether each line read is accounted for.
func (l Lines) Balanced() bool { return l.ReadBalanced() && l.KeptBalanced() }

// A File is one file that was read.
type File struct {
	Path   string
	Format string // "" where no format was found
	event.Account
}

// A show makes the sections that a Section of a definition asks for; none where there is nothing to say.
type show struct {
	make    func(context.Context, *builder, *Section) ([]document.Section, error)
	titled  bool     // it brings its own titles
	columns []string // of a table of figures
	rules   bool     // it may be about some rules only
}

// shows are what sections may hold, by the name that configs/reports.toml has for it. One more kind is one more entry
// here and a paragraph in docs/reports.md.
var shows = map[string]show{
	"summary":    {make: summary, rules: true},
	"figures":    {make: figureTable, columns: figureColumns},
	"charts":     {make: charts},
	"findings":   {make: findingList, rules: true},
	"breakdown":  {make: breakdowns, titled: true},
	"uncounted":  {make: uncounted},
	"checking":   {make: checking},
	"text":       {make: text},
	"blank":      {make: blank},
	"issues":     {make: issues},
	"issue-log":  {make: issueTrends},
	"trends":     {make: trends},
	"health":     {make: health},
	"conclusion": {make: conclusion},
	"rules":      {make: ruleTable, rules: true},
	"datasets":   {make: datasets},
	"disposals":  {make: disposals},
	"disks":      {make: diskForecast},
	"statements": {make: statements},
	"locks":      {make: lockWaits},
	"clients":    {make: clients},
	"deadlocks":  {make: deadlockList, rules: true},

	"incident":     {make: incident},
	"timeline":     {make: timeline},
	"evidence":     {make: eventEvidence},
	"done":         {make: done},
	"cause":        {make: rootCause},
	"before-after": {make: beforeAfter},
}

func showNames() []string { return slices.Sorted(maps.Keys(shows)) }

// A builder fills one document. What several sections need is read once.
type builder struct {
	Request
	results  storage.Results
	view     access.View
	doc      *document.Document
	figures  map[string]kpi.Figure
	findings []event.Finding // most severe first, then the newest
	capped   bool            // there are more findings than a report reads
	work     *workload.Workload
}

// maxFindings bounds what a report reads of a store.
const maxFindings = 2000

// Build reads the results of a period and makes the document of a definition. It fails where the store does, and where the
// period has no length.
func Build(ctx context.Context, r storage.Results, v access.View, def *Definition, q Request) (*document.Document, error) {
	if q.Period.From == 0 && q.Period.To == 0 || q.Period.To <= q.Period.From {
		return nil, errors.New("build report: the period has no length")
	}
	b := &builder{Request: q, results: r, view: v, figures: map[string]kpi.Figure{}}
	b.doc = b.document(def)
	if err := b.readFigures(ctx, def); err != nil {
		return nil, err
	}
	if err := b.readFindings(ctx); err != nil {
		return nil, err
	}
	for i := range def.Sections {
		s := &def.Sections[i]
		made, err := shows[s.Show].make(ctx, b, s)
		if err != nil {
			return nil, fmt.Errorf("make %s: %s: %w", def.ID, cmp.Or(s.Title, s.Show), err)
		}
		for _, m := range made {
			if s.Text != "" && s.Show != "text" {
				m.Blocks = append([]document.Block{document.Words(s.Text)}, m.Blocks...)
			}
			b.doc.Sections = append(b.doc.Sections, m)
		}
	}
	return b.doc, nil
}

// document is the document with its head.
func (b *builder) document(def *Definition) *document.Document {
	d := &document.Document{
		Report: def.ID, ID: b.ID, Name: def.Name, Title: strings.ReplaceAll(def.Title, "{subject}", b.Subject), Subject: b.Subject,
		Period: periodOf(b.Period), Made: b.Made.UTC(), By: b.PreparedBy, Version: b.Version, Console: b.Console, Sums: map[string]document.Sums{},
	}
	compared := document.Field{Name: "Compared with", Value: "–", Note: "no earlier period"}
	if b.Previous != (query.Interval{}) {
		p := periodOf(b.Previous)
		d.Previous = &p
		compared.Value, compared.Note = p.String(), ""
	}
	by := cmp.Or(def.By, "Prepared by")
	d.Head = []document.Field{
		{Name: "Report date", Value: b.Made.UTC().Format("2 January 2006, 15:04 UTC")}, {Name: by, Value: b.PreparedBy},
		compared, {Name: "Version", Value: cmp.Or(b.Version, "–")},
	}
	for _, line := range def.Sign {
		if line == by && b.PreparedBy != "" {
			line += ", " + b.PreparedBy
		}
		d.Sign = append(d.Sign, line)
	}
	return d
}

func periodOf(i query.Interval) document.Period {
	return document.Period{From: utc(i.From), To: utc(i.To)}
}

func utc(us int64) time.Time { return time.UnixMicro(us).UTC() }

// step is the longest of the steps in which sums are kept that both periods are made of, so that nothing from outside a
// period counts in it and no more is read than it takes.
func (q Request) step() time.Duration {
	whole := func(step time.Duration) bool {
		return kpi.Align(q.Period, step) == q.Period && kpi.Align(q.Previous, step) == q.Previous
	}
	for _, step := range []time.Duration{24 * time.Hour, time.Hour} {
		if step <= kpi.Step(q.Period) && whole(step) {
			return step
		}
	}
	return time.Minute
}

// readFigures reads the figures that the report's sections are about.
func (b *builder) readFigures(ctx context.Context, def *Definition) error {
	wanted, all := map[string]bool{}, false
	for _, s := range def.Sections {
		all = all || len(s.KPIs) == 0
		for _, id := range s.KPIs {
			wanted[id] = true
		}
	}
	if !all {
		b.Defs = slices.DeleteFunc(slices.Clone(b.Defs), func(d kpi.Definition) bool { return !wanted[d.ID] })
	}
	step := b.step()
	q := figures.Request{
		Defs: b.Defs, Site: b.Site, Every: step, Prometheus: b.Prometheus, Period: kpi.Align(b.Period, step), Previous: kpi.Align(b.Previous, step),
	}
	if b.Exact {
		q.Events = b.Events
	}
	figs, err := figures.Read(ctx, b.results, b.view, q)
	if err != nil {
		return err
	}
	seconds := func(i query.Interval) float64 {
		i = kpi.Align(i, step)
		return float64(i.To-i.From) / 1e6
	}
	for i, f := range figs {
		b.figures[f.ID] = f
		b.doc.Sums[f.ID] = document.Sums{
			Recipe: b.Defs[i].Recipe(), Exact: f.Exact, Seconds: seconds(b.Period), SecondsBefore: seconds(b.Previous), Now: f.Now, Before: f.Past,
		}
	}
	return nil
}

// of returns the definitions that a section is about, in the order that it names them, and their figures.
func (b *builder) of(s *Section) ([]kpi.Definition, []kpi.Figure) {
	defs := b.Defs
	if len(s.KPIs) > 0 {
		defs = nil
		for _, id := range s.KPIs {
			for i := range b.Defs {
				if b.Defs[i].ID == id {
					defs = append(defs, b.Defs[i])
				}
			}
		}
	}
	figs := make([]kpi.Figure, len(defs))
	for i := range defs {
		figs[i] = b.figures[defs[i].ID]
	}
	return defs, figs
}

func (b *builder) readFindings(ctx context.Context) error {
	const page = 500
	before := ""
	for len(b.findings) < maxFindings {
		got, err := b.results.Findings(ctx, b.view, storage.FindingQuery{Site: &b.Site, During: b.Period, Before: before, Limit: page})
		if err != nil {
			return fmt.Errorf("read the findings of the report: %w", err)
		}
		b.findings = append(b.findings, got...)
		if len(got) < page {
			break
		}
		before = got[len(got)-1].ID
	}
	b.capped = len(b.findings) >= maxFindings
	slices.SortStableFunc(b.findings, func(x, y event.Finding) int {
		return cmp.Or(cmp.Compare(document.Severity(y.Severity), document.Severity(x.Severity)), cmp.Compare(y.Time, x.Time), cmp.Compare(x.ID, y.ID))
	})
	return nil
}

// one is a section of blocks.
func one(title string, blocks ...document.Block) []document.Section {
	return []document.Section{{Title: title, Blocks: blocks}}
}

func tableBlock(t document.Table) document.Block { return document.Block{Table: &t} }

// text is a section whose words stand in the definition.
func text(_ context.Context, _ *builder, s *Section) ([]document.Section, error) {
	return one(s.Title, document.Words(s.Text)), nil
}

// blank is a section that a person writes by hand.
func blank(_ context.Context, _ *builder, s *Section) ([]document.Section, error) {
	return one(s.Title, document.Block{Paragraph: &document.Paragraph{Blank: max(s.Lines, 1)}}), nil
}
