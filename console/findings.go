package console

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// severities from the most severe down.
var severities = []string{"critical", "high", "medium", "low"}

var audiences = []string{"security", "dba", "operator"}

// findingsPerPage is how many findings a page of the list shows.
const findingsPerPage = 50

// findingsPage is the list of findings. The address holds its filters.
type findingsPage struct {
	Rows  []findingRow
	Chips []chip
	Sum   string
	Left  string // what suppressions left out, "" for nothing
	Newer string // address of the first page, "" on it
	Older string // address of the next page, "" on the last
	Reset string // address without filters, "" where there are none
}

// A chip is one filter: what it is set to, and what it may be set to.
type chip struct {
	Field, Value string
	On           bool
	Options      []option
}

// An option is one value of a chip.
type option struct {
	Name, URL, Count string
	Current          bool
}

// A findingRow is a finding in a list.
type findingRow struct {
	ID, URL, Rule, RuleURL      string
	Severity                    string
	Bars                        int // 1 to 4
	Title, About, Message, When string
	Time                        string
	Count                       int64
	Times                       int // findings that the row stands for
}

func (s *server) findings(ctx context.Context, r *request) (answer, error) {
	f := readFilter(r)
	list, more, rules, err := s.readFindings(ctx, r, f)
	if err != nil {
		return answer{}, err
	}
	p := findingsPage{Rows: rows(r, single(list)), Chips: f.chips(r, rules)}
	if f.before != "" {
		p.Newer = f.with("before", "").url(r.links)
		p.Sum = "older ones"
	} else {
		p.Sum = "newest first"
	}
	var asked []string
	if f.rule != "" {
		asked = strings.Split(f.rule, ",")
	}
	left, err := s.leftOut(ctx, r, asked)
	if err != nil {
		return answer{}, err
	}
	if left > 0 {
		p.Left = count(left, "event was", "events were") + " left out by suppressions in seven days"
	}
	if more {
		p.Older = f.with("before", list[len(list)-1].ID).url(r.links)
	}
	if f.narrowed() {
		p.Reset = r.to("/findings")
	}
	return answer{Title: "Findings", Body: p}, nil
}

// A filter is what the list of findings is narrowed by.
type filter struct{ severity, audience, rule, last, before string }

func readFilter(r *request) filter {
	q := r.URL.Query()
	return filter{q.Get("severity"), q.Get("audience"), q.Get("rule"), q.Get("last"), q.Get("before")}
}

func (f filter) narrowed() bool { f.before = ""; return f != filter{} }

// with returns the filter with one part set, from the first page on.
func (f filter) with(key, value string) filter {
	f.before = ""
	switch key {
	case "severity":
		f.severity = value
	case "audience":
		f.audience = value
	case "rule":
		f.rule = value
	case "last":
		f.last = value
	case "before":
		f.before = value
	}
	return f
}

func (f filter) url(l links) string {
	return l.to("/findings", "severity", f.severity, "audience", f.audience, "rule", f.rule, "last", f.last, "before", f.before)
}

// query makes the question to the store; "high+" is high and above.
func (f filter) query(r *request) storage.FindingQuery {
	q := storage.FindingQuery{Site: &r.site, Audience: f.audience, Before: f.before, Limit: findingsPerPage + 1}
	if f.rule != "" {
		q.Rules = strings.Split(f.rule, ",")
	}
	if sev, above := strings.CutSuffix(f.severity, "+"); above {
		if i := slices.Index(severities, sev); i >= 0 {
			q.Severities = severities[:i+1]
		}
	} else if f.severity != "" {
		q.Severities = []string{f.severity}
	}
	if d, ok := lasting(f.last); ok {
		q.During = query.Since(r.now, d)
	}
	return q
}

// chips offers the filters; rules are those that have counted anything lately, with their occurrences.
func (f filter) chips(r *request, rules []ruleCount) []chip {
	make := func(field, key, value string, options []option) chip {
		c := chip{Field: field, Value: "any", Options: []option{{Name: "any", URL: f.with(key, "").url(r.links), Current: value == ""}}}
		for _, o := range options {
			o.Current = o.URL == value
			if o.Current {
				c.Value, c.On = o.Name, true
			}
			o.URL = f.with(key, o.URL).url(r.links)
			c.Options = append(c.Options, o)
		}
		if value != "" && !c.On {
			c.Value, c.On = value, true
		}
		return c
	}
	var sev, aud, rul, per []option
	for i, s := range severities {
		sev = append(sev, option{Name: s, URL: s})
		if i == 1 || i == 2 {
			sev = append(sev, option{Name: s + " and above", URL: s + "+"})
		}
	}
	for _, a := range audiences {
		aud = append(aud, option{Name: a, URL: a})
	}
	for _, c := range rules {
		rul = append(rul, option{Name: c.id, URL: c.id, Count: number(c.n)})
	}
	for _, l := range lastNames {
		per = append(per, option{Name: l.name, URL: l.key})
	}
	chips := []chip{
		make("severity", "severity", f.severity, sev),
		make("audience", "audience", f.audience, aud),
		make("rule", "rule", f.rule, rul),
		make("during", "last", f.last, per),
	}
	if all := sites(r, "findings"); all != nil {
		c := chip{Field: "site", Value: r.site, On: r.site != ""}
		for _, s := range all {
			c.Options = append(c.Options, option{Name: s.Name, URL: f.with("", "").url(links{s.Site}), Current: s.Current})
			if s.Current {
				c.Value = s.Name
			}
		}
		chips = append(chips, c)
	}
	return chips
}

// rows makes list rows of groups of findings.
func rows(r *request, groups []group) []findingRow {
	out := make([]findingRow, 0, len(groups))
	for _, g := range groups {
		f := g.newest
		row := findingRow{
			ID: f.ID, URL: r.finding(f.ID), Rule: f.Rule, RuleURL: r.to("/findings", "rule", f.Rule),
			Severity: f.Severity, Bars: bars(f.Severity), Title: f.Title, Message: f.Message,
			About: about(f), When: between(f.First, f.Last, r.now), Time: clock(f.Time, r.now), Count: f.Count, Times: g.times,
		}
		if row.Title == "" {
			row.Title = f.Rule
		}
		if g.times > 1 {
			row.Message = fmt.Sprintf("%s; %d such findings in 24 h", strings.TrimSuffix(row.Message, "."), g.times)
			row.Message = strings.TrimPrefix(row.Message, "; ")
		}
		out = append(out, row)
	}
	return out
}

// about is the second line of a finding: its message, or else its group.
func about(f event.Finding) string {
	if f.Message != "" {
		return f.Message
	}
	var parts []string
	for _, g := range f.Group {
		parts = append(parts, g.Field+" "+g.Value)
	}
	return strings.Join(parts, ", ")
}

// bars is how many of the four bars of a severity are filled.
func bars(severity string) int {
	if i := slices.Index(severities, severity); i >= 0 {
		return 4 - i
	}
	return 0
}
