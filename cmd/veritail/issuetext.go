package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage/state"
)

// titleWidth is how much of a title a list shows, in runes.
const titleWidth = 60

func printIssues(w *sink, p colours, list []state.Issue, now time.Time) {
	if len(list) == 0 {
		w.f("No issue is like that.\n")
		return
	}
	g := grid{heads: []string{"No.", "Priority", "Status", "Title", "Age", "Assigned", "Findings"}, right: []bool{true, false, false, false, true, false, true}}
	for _, i := range list {
		end := now
		if !i.Resolved.IsZero() {
			end = i.Resolved
		}
		g.rows = append(g.rows, []string{
			fmt.Sprint(i.ID), string(i.Priority), string(i.Status), head(printable(i.Title), titleWidth) + siteNote(printable(i.Site)), span(max(end.Sub(i.Reported), 0)), printable(i.Assigned), n(i.Findings),
		})
	}
	g.print(w, p)
}

// head cuts a text to width runes.
func head(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

func (r *issueReport) print(w *sink, p colours) {
	w.f("%s  %s\n", p.bold(fmt.Sprintf("Issue %d", r.ID)), p.bold(printable(r.Title)))
	w.f("%s, priority %s", r.Status, r.Priority)
	if r.Category != "" {
		w.f(", %s", printable(r.Category))
	}
	if r.Site != "" {
		w.f(", site %s", printable(r.Site))
	}
	w.f("\n\n")
	row := func(name, text string) {
		if text == "" {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			if i > 0 {
				name = ""
			}
			w.f("%-14s %s\n", name, printable(line))
		}
	}
	by := printable(r.Reporter)
	if r.Role != "" {
		by += " (" + r.Role + ")"
	}
	row("reported", minuteOf(r.Reported)+" by "+by)
	row("description", r.Description)
	row("assigned to", r.Assigned)
	if !r.Responded.IsZero() {
		row("first response", "after "+span(r.Responded.Sub(r.Reported)))
	}
	row("root cause", r.Cause)
	row("resolution", r.Resolution)
	if !r.Resolved.IsZero() {
		row("resolved", minuteOf(r.Resolved)+", after "+span(r.Took()))
	}
	if r.Reopened > 0 {
		row("opened again", count(r.Reopened, "time"))
	}
	if r.Rating > 0 {
		row("rating", strings.TrimSpace(fmt.Sprintf("%d of 5  %s", r.Rating, r.RatingNote)))
	}
	row("rule", r.Rule)
	w.f("\n%s\n", p.bold("History"))
	for _, c := range r.History {
		w.f("  %s  %s  %s\n", minuteOf(c.At), printable(c.Who), printable(saidOf(c)))
	}
	if len(r.Findings) > 0 {
		w.f("\n%s\n", p.bold("Findings"))
		for _, l := range r.Findings {
			w.f("  %s  %s  %s\n", minuteOf(l.At), l.Finding, printable(l.Title))
		}
		if rest := r.Issue.Findings - int64(len(r.Findings)); rest > 0 {
			w.f("  and %s before\n", n(rest))
		}
	}
}

// saidOf says a change in words.
func saidOf(c state.Change) string {
	one := func(s string) string { return head(strings.ReplaceAll(s, "\n", " "), titleWidth) }
	switch {
	case c.Field == "reported":
		return "reported it"
	case c.Field == "comment":
		return "“" + strings.ReplaceAll(c.New, "\n", " ") + "”"
	case c.Old == "":
		return c.Field + ": " + one(c.New)
	case c.New == "":
		return c.Field + ": none any more, was " + one(c.Old)
	}
	return c.Field + ": " + one(c.Old) + " → " + one(c.New)
}

// minuteOf writes a time of the records.
func minuteOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func printTrends(w *sink, p colours, list []issuelog.Trend, from, to time.Time) {
	last := to.Add(-time.Second)
	when := from.Format(time.DateOnly)
	if last.Format(time.DateOnly) != when {
		when += " to " + last.Format(time.DateOnly)
	}
	w.f("%s  %s, beside the time before\n\n", p.bold("Issues"), when)
	g := grid{heads: []string{"", "value", "before", "trend", ""}, right: []bool{false, true, true, false, false}}
	for _, t := range list {
		value, before := t.Texts(span)
		g.rows = append(g.rows, []string{t.Name, value, before, t.Direction, t.Notes})
	}
	g.print(w, p)
}
