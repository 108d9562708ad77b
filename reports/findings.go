package reports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
)

// What of the findings stands on paper: the most severe with their lines, more as a list, the rest as a number.
const (
	shownFindings  = 25
	listedFindings = 200
	shownLines     = 5 // of a finding
)

// findingList is the findings of the period.
func findingList(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	list := document.Findings{Empty: "No rule found anything in this period."}
	rest := document.Table{Title: "Further findings", Columns: []document.Column{
		{Name: "Severity", Keep: true}, {Name: "Finding"}, {Name: "Group", Faint: true}, {Name: "Count", Right: true}, {Name: "Time", Keep: true, Faint: true}}}
	uncounted := 0
	for i, f := range b.found(s) {
		switch {
		case i < shownFindings:
			list.List = append(list.List, b.finding(f))
		case i < listedFindings:
			rest.Rows = append(rest.Rows, []document.Cell{
				{Severity: f.Severity}, {Text: f.Title}, {Text: who(f)}, document.Num(number(f.Count), float64(f.Count), ""), {Text: b.moment(f.Time)},
			})
		default:
			uncounted++
		}
	}
	blocks := []document.Block{{Findings: &list}}
	if len(rest.Rows) > 0 {
		blocks = append(blocks, tableBlock(rest))
	}
	switch {
	case b.capped:
		blocks = append(blocks, document.Remark(fmt.Sprintf("The period has more findings than a report reads; %d that were read are not listed.", uncounted)))
	case uncounted > 0:
		blocks = append(blocks, document.Remark(count(int64(uncounted), "more finding is", "more findings are")+" not listed."))
	}
	return one(s.Title, blocks...), nil
}

// found is the findings that a section is about.
func (b *builder) found(s *Section) []event.Finding {
	return slices.DeleteFunc(slices.Clone(b.findings), func(f event.Finding) bool { return !s.about(f.Rule) })
}

func (b *builder) finding(f event.Finding) document.Finding {
	out := document.Finding{ID: f.ID, Severity: f.Severity, Title: f.Title, Message: f.Message}
	when := b.moment(f.First)
	if last := b.moment(f.Last); last != when {
		when += "–" + last
	}
	var facts []string
	if group := who(f); group != "" {
		facts = append(facts, group)
	}
	out.Facts = strings.Join(append(facts, count(f.Count, "occurrence", "occurrences"), when, "rule "+f.Rule), " · ")
	for i, e := range f.Evidence {
		if i == shownLines {
			out.More = len(f.Evidence) - shownLines
			break
		}
		out.Evidence = append(out.Evidence, evidence(e))
	}
	return out
}

func evidence(e event.Evidence) document.Evidence {
	out := document.Evidence{Path: e.Path, Text: e.Text, Teller: e.Teller, Cut: len(e.Text) >= event.EvidenceText}
	var spans []string
	for _, s := range e.Spans {
		spans = append(spans, number(s.Off)+"–"+number(s.End()))
	}
	out.Bytes = strings.Join(spans, ", ")
	if e.SHA256 != [32]byte{} {
		out.SHA256 = fmt.Sprintf("%x", e.SHA256)
	}
	return out
}

// who writes a finding's group: the fields and values that tell it from others of its rule.
func who(f event.Finding) string {
	var terms []string
	for _, g := range f.Group {
		field, _, _ := strings.Cut(g.Field, "|") // "a|b" is a, or b where there is no a
		terms = append(terms, field+" "+g.Value)
	}
	return strings.Join(terms, ", ")
}

// moment writes a time; its day is left out where the whole period is of one day.
func (b *builder) moment(us int64) string {
	day := utc(b.Period.From).Format(time.DateOnly)
	if utc(b.Period.To-1).Format(time.DateOnly) == day && utc(us).Format(time.DateOnly) == day {
		return utc(us).Format("15:04:05")
	}
	return utc(us).Format("2 Jan 2006 15:04:05")
}
