package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/storage/state"
)

// kindsOfProblems are the tags of a reported problem, with what they mean and how soon somebody has to see to it.
var kindsOfProblems = []struct {
	tag, means string
	priority   state.Priority
}{
	{"slow", "it takes too long", state.Medium},
	{"confusing", "I cannot tell what it means or what to do", state.Low},
	{"malfunction", "it does not do what it should, or shows what is wrong", state.Medium},
}

// maxContext bounds each line of what is attached to a report, in characters.
const maxContext = 500

// problemPage is the form in which a reader says what is wrong with a page.
type problemPage struct {
	Form    url.Values
	Refused string
	Act     string
	Kinds   []kindOfProblem
	Context []contextLine // what is attached
}

type kindOfProblem struct {
	Name, Means string
	Current     bool
}

// A contextLine is something that is attached to a report.
type contextLine struct{ Name, Value string }

func (s *server) problem(ctx context.Context, r *request) (answer, error) {
	q := r.URL.Query()
	return s.problemWith(ctx, r, url.Values{"who": {nameOf(r.Request)}, "at": {q.Get("at")}, "seen": {r.now.Format(time.RFC3339)}}, "")
}

// problemWith makes the form. form is what stands in it, refused why it was not taken.
func (s *server) problemWith(ctx context.Context, r *request, form url.Values, refused string) (answer, error) {
	p := problemPage{Form: form, Refused: refused, Act: r.to("/problem")}
	for _, k := range kindsOfProblems {
		p.Kinds = append(p.Kinds, kindOfProblem{k.tag, k.means, form.Get("kind") == k.tag})
	}
	var err error
	if p.Context, err = s.contextOf(ctx, r, form.Get("at"), form.Get("seen")); err != nil {
		return answer{}, err
	}
	return answer{Title: "Report a problem", Body: p}, nil
}

// reportProblem makes an issue of the form.
func (s *server) reportProblem(ctx context.Context, r *request, form url.Values) (string, error) {
	name, err := named(form)
	if err != nil {
		return "", err
	}
	i := state.Issue{Title: form.Get("title"), Description: strings.TrimSpace(form.Get("description")), Role: form.Get("role"), Reporter: name, Site: r.site}
	for _, k := range kindsOfProblems {
		if form.Get("kind") == k.tag {
			i.Category, i.Priority = k.tag, k.priority
		}
	}
	if i.Category == "" {
		return "", refusal("choose what kind of problem it is")
	}
	lines, err := s.contextOf(ctx, r, form.Get("at"), form.Get("seen"))
	if err != nil {
		return "", err
	}
	if i.Description != "" {
		i.Description += "\n\n"
	}
	i.Description += "Attached by the console:"
	for _, l := range lines {
		i.Description += "\n" + l.Name + ": " + l.Value
	}
	made, err := s.Records.Report(ctx, i, name)
	if err != nil {
		return "", err
	}
	return r.issue(made.ID), nil
}

// contextOf says what a reader of the page at an address of the console saw at a time, "" for the time of the request. Both come from the
// browser: what cannot be is left out.
func (s *server) contextOf(ctx context.Context, r *request, at, seen string) ([]contextLine, error) {
	var lines []contextLine
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, contextLine{name, oneLine(value, maxContext)})
		}
	}
	when, err := time.Parse(time.RFC3339, seen)
	if err != nil || when.After(r.now) || r.now.Sub(when) > 24*time.Hour {
		when = r.now
	}
	if u, err := url.ParseRequestURI(at); err == nil && strings.HasPrefix(at, "/") && !strings.HasPrefix(at, "//") {
		add("Page", at)
		add("Query", u.Query().Get("q"))
		if err := s.shownAt(ctx, r, u.Path, add); err != nil {
			return nil, err
		}
	}
	add("Site", r.site)
	add("Seen", when.UTC().Format("2006-01-02 15:04:05")+" UTC")
	add("Version", s.Version)
	add("Browser", r.UserAgent())
	add("Daemon's problem", r.status.Problem)
	return lines, nil
}

// shownAt adds what a page is about: its finding, its issue, or the worst of the overview's figures.
func (s *server) shownAt(ctx context.Context, r *request, path string, add func(name, value string)) error {
	kind, id, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case kind == "findings" && id != "":
		f, err := s.readFinding(ctx, r, id)
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		if err == nil {
			add("Finding", f.ID+", "+f.Rule+", "+f.Title)
		}
	case kind == "issues":
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return nil
		}
		i, err := s.Records.Issue(ctx, n)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return err
		}
		if err == nil {
			add("Issue", id+", "+i.Title)
		}
	case path == "/":
		d, err := s.readOverview(ctx, r)
		if err != nil {
			return err
		}
		tiles, _ := measured(s.tiles(r, d))
		for _, t := range tiles[:min(len(tiles), 8)] {
			add("Key figure", t.Title+": "+t.Actual+" ("+t.Target+")")
		}
	}
	return nil
}

// waitForRating returns the resolved issues that the reader reported, by the name that they gave last, and has not rated.
func (s *server) waitForRating(ctx context.Context, r *request) ([]issueRow, error) {
	name := nameOf(r.Request)
	if name == "" {
		return nil, nil
	}
	list, err := s.Records.Issues(ctx, state.IssueQuery{Site: &r.site, Statuses: []state.Status{state.Resolved}, Reporter: name, Unrated: true, Limit: 3})
	if err != nil {
		return nil, err
	}
	var rows []issueRow
	for i := range slices.Values(list) {
		rows = append(rows, issueRowOf(r, &i))
	}
	return rows, nil
}
