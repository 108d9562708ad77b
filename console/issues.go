package console

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage/state"
)

// issuesPerPage is how many issues a page of the list shows.
const issuesPerPage = 50

// issuesPage is the issue log. The address holds its filters.
type issuesPage struct {
	Lead   string
	Rows   []issueRow
	Chips  []chip
	Text   string // that is looked for
	Site   string
	Status string // of the filters, for the form of the text
	Prio   string
	Trends []trendRow
	ToRate []issueRow // that the reader reported, were resolved, and wait for what they say of it
	New    string     // address of the form
	Reset  string     // address without filters, "" where there are none
	Newer  string
	Older  string
}

// An issueRow is an issue in a list.
type issueRow struct {
	state.Issue
	URL   string
	Class string // of the status
	When  string // it was reported
	Age   string
	Bars  int // of the priority, 1 to 3
}

// A trendRow is one line of the log's summary.
type trendRow struct {
	issuelog.Trend
	Is, Before string
}

func (s *server) issues(ctx context.Context, r *request) (answer, error) {
	f := readIssueFilter(r.URL.Query())
	list, err := s.Records.Issues(ctx, f.query(r))
	if err != nil {
		return answer{}, err
	}
	p := issuesPage{Chips: f.chips(r), Text: f.text, Site: r.site, Status: f.status, Prio: f.priority, New: r.to("/issues/new")}
	if len(list) > issuesPerPage {
		list = list[:issuesPerPage]
		p.Older = f.at(f.from + issuesPerPage).url(r.links)
	}
	if f.from > 0 {
		p.Newer = f.at(max(f.from-issuesPerPage, 0)).url(r.links)
	}
	for i := range list {
		p.Rows = append(p.Rows, issueRowOf(r, &list[i]))
	}
	if f != (issueFilter{}) {
		p.Reset = r.to("/issues")
	}
	today := r.now.Truncate(24 * time.Hour)
	trends, err := issuelog.Trends(ctx, s.Records, r.site, today, today.AddDate(0, 0, 1))
	if err != nil {
		return answer{}, err
	}
	for _, t := range trends {
		is, before := t.Texts(duration)
		p.Trends = append(p.Trends, trendRow{t, is, before})
	}
	if p.ToRate, err = s.waitForRating(ctx, r); err != nil {
		return answer{}, err
	}
	if p.Lead, err = s.issuesLead(ctx, r); err != nil {
		return answer{}, err
	}
	return answer{Title: "Issues", Body: p}, nil
}

// waitingIssues returns the issues of the site that are not resolved.
func (s *server) waitingIssues(ctx context.Context, r *request) ([]state.Issue, error) {
	return s.Records.Issues(ctx, state.IssueQuery{Site: &r.site, Statuses: []state.Status{state.Unsolved, state.InProgress}})
}

// openIssues is how many that are, as the navigation shows it.
func (s *server) openIssues(ctx context.Context, r *request) string {
	list, err := s.waitingIssues(ctx, r)
	switch {
	case err != nil || len(list) == 0:
		return ""
	case len(list) >= 100:
		return "99+"
	}
	return number(int64(len(list)))
}

// issuesLead says what waits for somebody.
func (s *server) issuesLead(ctx context.Context, r *request) (string, error) {
	open, err := s.waitingIssues(ctx, r)
	if err != nil {
		return "", err
	}
	if len(open) == 0 {
		return "No issue is open.", nil
	}
	urgent, nobody := 0, 0
	for i := range open {
		if open[i].Priority == state.High {
			urgent++
		}
		if open[i].Assigned == "" {
			nobody++
		}
	}
	text := count(int64(len(open)), "issue is", "issues are") + " open"
	if urgent > 0 {
		text += fmt.Sprintf(", %s of high priority", number(int64(urgent)))
	}
	if nobody > 0 {
		text += fmt.Sprintf(", %s with nobody assigned", number(int64(nobody)))
	}
	return text + ".", nil
}

func issueRowOf(r *request, i *state.Issue) issueRow {
	row := issueRow{Issue: *i, URL: r.issue(i.ID), When: clock(i.Reported.UnixMicro(), r.now), Class: "R", Bars: 3 - slices.Index(state.Priorities, i.Priority)}
	switch i.Status {
	case state.InProgress:
		row.Class = "Y"
	case state.Resolved:
		row.Class = "G"
		row.Age = duration(i.Took())
	case state.Unsolved:
	}
	if row.Age == "" {
		row.Age = duration(max(r.now.Sub(i.Reported), 0))
	}
	return row
}

// An issueFilter is what the list of issues is narrowed by.
type issueFilter struct {
	status, priority, text string
	from                   int
}

func readIssueFilter(q url.Values) issueFilter {
	from, _ := strconv.Atoi(q.Get("from")) // else from the first on
	return issueFilter{q.Get("status"), q.Get("priority"), strings.TrimSpace(q.Get("text")), min(max(from, 0), 1<<20)}
}

func (f issueFilter) at(from int) issueFilter { f.from = from; return f }

func (f issueFilter) url(l links) string {
	from := ""
	if f.from > 0 {
		from = strconv.Itoa(f.from)
	}
	return l.to("/issues", "status", f.status, "priority", f.priority, "text", f.text, "from", from)
}

func (f issueFilter) query(r *request) state.IssueQuery {
	q := state.IssueQuery{Site: &r.site, Text: f.text, Limit: issuesPerPage + 1, Offset: f.from}
	for _, s := range state.Statuses {
		if f.status == string(s) {
			q.Statuses = []state.Status{s}
		}
	}
	for _, p := range state.Priorities {
		if f.priority == string(p) {
			q.Priorities = []state.Priority{p}
		}
	}
	return q
}

func (f issueFilter) chips(r *request) []chip {
	f.from = 0
	one := func(field, value string, values []string, with func(string) issueFilter) chip {
		c := chip{Field: field, Value: "any", Options: []option{{Name: "any", URL: with("").url(r.links), Current: value == ""}}}
		for _, v := range values {
			o := option{Name: v, URL: with(v).url(r.links), Current: v == value}
			if o.Current {
				c.Value, c.On = v, true
			}
			c.Options = append(c.Options, o)
		}
		return c
	}
	return []chip{
		one("status", f.status, texts(state.Statuses), func(v string) issueFilter { g := f; g.status = v; return g }),
		one("priority", f.priority, texts(state.Priorities), func(v string) issueFilter { g := f; g.priority = v; return g }),
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func (l links) issue(id int64) string { return l.to("/issues/" + strconv.FormatInt(id, 10)) }
