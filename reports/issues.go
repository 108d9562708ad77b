package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/state"
)

// An issue is one of the log as it stood at the end of the report's period.
type issue struct {
	state.Issue
	resolved bool
}

func (i issue) high() bool { return i.Priority == state.High }

// maxIssues bounds the issues of a report.
const maxIssues = 200

// issues returns the issues of the site that were open at some time of the period: those of high priority first, then the
// newest.
func (b *builder) issues(ctx context.Context) ([]issue, error) {
	if b.Records == nil {
		return nil, nil
	}
	list, err := b.Records.Issues(ctx, state.IssueQuery{Site: &b.Site, To: utc(b.Period.To)})
	if err != nil {
		return nil, err
	}
	var out []issue
	for _, i := range list {
		if !i.Resolved.IsZero() && i.Resolved.Before(utc(b.Period.From)) {
			continue
		}
		out = append(out, issue{i, i.Status == state.Resolved && i.Resolved.Before(utc(b.Period.To))})
	}
	slices.SortStableFunc(out, func(x, y issue) int {
		return cmp.Or(cmp.Compare(slices.Index(state.Priorities, x.Priority), slices.Index(state.Priorities, y.Priority)), y.Reported.Compare(x.Reported), cmp.Compare(y.ID, x.ID))
	})
	return out, nil
}

// issues is the table of the issues of the period and what was done about them.
func issues(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Records == nil {
		return nil, nil
	}
	list, err := b.issues(ctx)
	if err != nil {
		return nil, err
	}
	t := document.Table{Empty: "No issue was open in this period.", Columns: []document.Column{
		{Name: "No.", Right: true, Keep: true}, {Name: "Issue"}, {Name: "Identified", Keep: true}, {Name: "Action taken"}, {Name: "Impact", Keep: true}, {Name: "Status", Keep: true}, {Name: "Resolved", Keep: true}}}
	for _, i := range list[:min(len(list), maxIssues)] {
		action, err := b.action(ctx, i)
		if err != nil {
			return nil, err
		}
		status, resolved := document.Cell{Text: "Unresolved", Note: waits(i)}, document.Cell{Text: "–"}
		if i.resolved {
			status, resolved = document.Cell{Text: "Resolved"}, document.Cell{Text: date(i.Resolved), Note: "after " + took(i.Took())}
		}
		t.Rows = append(t.Rows, []document.Cell{
			document.Num("#"+fmt.Sprint(i.ID), float64(i.ID), ""), {Text: i.Title, Note: cause(i)}, {Text: date(i.Reported)}, action, {Text: impact(i)}, status, resolved,
		})
	}
	if n := len(list) - maxIssues; n > 0 {
		t.Note = count(int64(n), "more issue is", "more issues are") + " not listed."
	}
	return one(s.Title, tableBlock(t)), nil
}

// waits says whose an issue is that is not resolved.
func waits(i issue) string {
	if i.Assigned == "" {
		return "nobody assigned"
	}
	return i.Assigned
}

func cause(i issue) string {
	if i.Cause == "" || !i.resolved {
		return ""
	}
	return "cause: " + i.Cause
}

// action is what was done: the resolution, else the last comment that was made until the end of the period.
func (b *builder) action(ctx context.Context, i issue) (document.Cell, error) {
	if i.resolved {
		return document.Cell{Text: i.Resolution}, nil
	}
	full, err := b.Records.Issue(ctx, i.ID)
	if err != nil {
		return document.Cell{}, err
	}
	for _, c := range slices.Backward(full.Comments) {
		if c.At.Before(utc(b.Period.To)) {
			return document.Cell{Text: c.New}, nil
		}
	}
	return document.Cell{Text: "–", Faint: true}, nil
}

// impact is what the log knows of an issue's: its priority, which says how much fails, and how often it was found.
func impact(i issue) string {
	text := string(i.Priority)
	if i.Findings > 0 {
		text += ", " + count(i.Findings, "finding", "findings")
	}
	return text
}

// issueTrends is the summary of the issue log at the end of the period, beside that of the one before.
func issueTrends(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Records == nil {
		return nil, nil
	}
	list, err := issuelog.Trends(ctx, b.Records, b.Site, utc(b.Period.From), utc(b.Period.To))
	if err != nil {
		return nil, err
	}
	t := document.Table{Columns: []document.Column{
		{Name: "Metric", Width: document.Wide}, {Name: "Value", Right: true, Keep: true, Bold: true}, {Name: "Previous", Right: true, Keep: true, Faint: true}, {Name: "Trend", Keep: true}, {Name: "Notes", Faint: true}}}
	for _, x := range list {
		value, before := x.Texts(took)
		cell := document.Cell{Text: value}
		if x.Known && x.Unit == "" {
			cell = document.Num(kpi.Text(x.Value, 0, ""), x.Value, "")
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: x.Name}, cell, {Text: before}, {Text: cmp.Or(x.Direction, "–")}, {Text: x.Notes}})
	}
	return one(s.Title, tableBlock(t)), nil
}
