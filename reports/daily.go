// Package reports writes documents about a period: the daily report.
//
// It stands behind the store: it reads findings and rollups through storage.Results, within a View, and never sees
// an event. The same document serves the daemon, whose results are in its store, and a scan, which keeps results
// only. A document is one HTML file that prints on A4, runs nothing and refers to nothing outside itself.
package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A Request says what a report is to be about.
type Request struct {
	Subject    string    // what the figures are of: a site, a machine, some files
	PreparedBy string    // name or role; "" leaves a line for it
	Version    string    // of the document: "1"; "" if it has none
	Made       time.Time // when the report is made

	Defs       []kpi.Definition
	Prometheus *figures.Prometheus // nil: there is none
	// Events computes exact percentiles, where it still has the events; nil: they come from histograms.
	Events   storage.Reader
	Site     string         // whose findings and rollups: "" is this machine
	Period   query.Interval // both bounds set
	Previous query.Interval // zero: there is none, and nothing is compared

	Lines Lines
	Files []File // the files read, where there are few enough to list
	// Occurrences holds, by rule id and group value, what the rules counted in the period. nil: the report adds up
	// its findings, which know less where a rule does not raise one for each occurrence, and says so.
	Occurrences map[string]map[string]int64
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

// A Daily is the content of a daily report. It is not changed by writing it.
type Daily struct {
	Request
	Figures  []kpi.Figure
	Findings []event.Finding // most severe first, then the newest
	Capped   bool            // there are more findings than a report reads
	Groups   []Breakdown
}

// A Breakdown tells what one count of rules is made of: failed logins by source.
type Breakdown struct {
	KPI   string
	Title string // "Failed logins by source.ip"
	Rows  []Share
	Total int64 // the figure; more than the rows add up to where findings tell less
	Exact bool  // the rows come from a count, not from findings
}

// A Share is one row of a Breakdown.
type Share struct {
	Value string // of the group; "-" where the lines do not give it
	N     int64
	Rules []string // that counted it, largest first
}

// maxFindings bounds what a report reads of a store.
const maxFindings = 2000

// Build reads the results of a period and makes the report's content. It fails where the store does, and where the
// period has no length.
func Build(ctx context.Context, r storage.Results, v access.View, q Request) (*Daily, error) {
	if q.Period.From == 0 && q.Period.To == 0 || q.Period.To <= q.Period.From {
		return nil, errors.New("build report: the period has no length")
	}
	d := &Daily{Request: q}
	figs, err := figures.Read(ctx, r, v, q.figures())
	if err != nil {
		return nil, err
	}
	d.Figures = figs
	if err := d.readFindings(ctx, r, v); err != nil {
		return nil, err
	}
	for i := range q.Defs {
		if q.Defs[i].By != "" {
			d.Groups = append(d.Groups, d.breakdown(&q.Defs[i], d.Figures[i]))
		}
	}
	return d, nil
}

// figures asks for the figures of the report. Sums are read by the steps of its charts where its periods are made of
// whole ones, else by the minute, so that nothing from outside a period counts in it.
func (q Request) figures() figures.Request {
	step := kpi.Step(q.Period)
	if kpi.Align(q.Period, step) != q.Period || kpi.Align(q.Previous, step) != q.Previous {
		step = time.Minute
	}
	return figures.Request{
		Defs: q.Defs, Site: q.Site, Every: step, Prometheus: q.Prometheus, Events: q.Events,
		Period: kpi.Align(q.Period, step), Previous: kpi.Align(q.Previous, step),
	}
}

func (d *Daily) readFindings(ctx context.Context, r storage.Results, v access.View) error {
	const page = 500
	before := ""
	for len(d.Findings) < maxFindings {
		got, err := r.Findings(ctx, v, storage.FindingQuery{Site: &d.Site, During: d.Period, Before: before, Limit: page})
		if err != nil {
			return fmt.Errorf("read the findings of the report: %w", err)
		}
		d.Findings = append(d.Findings, got...)
		if len(got) < page {
			break
		}
		before = got[len(got)-1].ID
	}
	d.Capped = len(d.Findings) >= maxFindings
	slices.SortStableFunc(d.Findings, func(a, b event.Finding) int {
		return cmp.Or(cmp.Compare(severity(b.Severity), severity(a.Severity)), cmp.Compare(b.Time, a.Time), cmp.Compare(a.ID, b.ID))
	})
	return nil
}

// severity ranks severities: critical is 4, one that is not known 0.
func severity(s string) int {
	return slices.Index([]string{"low", "medium", "high", "critical"}, s) + 1
}

func (d *Daily) breakdown(def *kpi.Definition, f kpi.Figure) Breakdown {
	b := Breakdown{KPI: def.ID, Title: def.Title + " by " + def.By, Total: f.Part, Exact: d.Occurrences != nil}
	counts := map[string]map[string]int64{} // by value, then rule
	add := func(rule, value string, n int64) {
		if counts[value] == nil {
			counts[value] = map[string]int64{}
		}
		counts[value][rule] += n
	}
	for _, rule := range def.Rules {
		for value, n := range d.Occurrences[rule] {
			add(rule, value, n)
		}
	}
	for _, finding := range d.Findings {
		if !b.Exact && slices.Contains(def.Rules, finding.Rule) {
			add(finding.Rule, groupValue(finding), finding.Count)
		}
	}
	for value, rules := range counts {
		s := Share{Value: value}
		for rule, n := range rules {
			s.N += n
			s.Rules = append(s.Rules, rule)
		}
		slices.SortFunc(s.Rules, func(a, b string) int { return cmp.Or(cmp.Compare(rules[b], rules[a]), cmp.Compare(a, b)) })
		b.Rows = append(b.Rows, s)
	}
	slices.SortFunc(b.Rows, func(a, b Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
	return b
}

// groupValue writes the group of a finding as summaries do.
func groupValue(f event.Finding) string {
	if len(f.Group) == 0 {
		return "-"
	}
	text := f.Group[0].Value
	for _, g := range f.Group[1:] {
		text += "@" + g.Value
	}
	return text
}
