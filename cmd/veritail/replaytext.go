package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// print writes what rules would have found, for a person.
func (r *replayed) print(out io.Writer) error {
	w, p := &sink{w: out}, palette(out)
	w.f("%s\n", p.bold(fmt.Sprintf("%s, %s to %s: %s events in %.1f s", r.Over, r.From.Format("2 Jan 2006 15:04"), r.To.Format("2 Jan 2006 15:04 UTC"), n(r.Events), r.Took)))
	if r.All {
		r.printAll(w, p)
		return w.err
	}
	for i := range r.Rules {
		w.f("\n")
		r.Rules[i].print(w, p, r.Budget)
	}
	return w.err
}

// printAll writes the noise budget.
func (r *replayed) printAll(w *sink, p colours) {
	w.f("With these rules there would have been %s notices, %s a day", n(r.Notices), perDay(float64(r.Notices)/r.Days))
	sep := ": "
	for _, a := range slices.Sorted(maps.Keys(r.Audience)) {
		if r.Audience[a] > 0 {
			w.f("%s%s %s", sep, a, perDay(r.Audience[a]))
			sep = ", "
		}
	}
	w.f(".\n\n%s\n", p.bold(fmt.Sprintf("  %-34s%9s%9s  %-9s for", "Rule", "notices", "a day", "severity")))
	silent, counted, over := 0, 0, 0
	for i := range r.Rules {
		one := &r.Rules[i]
		switch {
		case one.Notices == 0 && one.Occurrences > 0:
			counted++
			continue
		case one.Notices == 0:
			silent++
			continue
		}
		mark, note := p.green("●"), ""
		if one.Over {
			over++
			mark = p.yellow("▲")
			if len(one.Groups) > 0 {
				note = p.dim(fmt.Sprintf("  most: %s (%s)", cutText(printable(one.Groups[0].Group), 40), n(one.Groups[0].N)))
			}
		}
		w.f("%s %s%9s%9s  %-9s %s%s\n", mark, padRight(one.Rule, 34), n(one.Notices), perDay(one.PerDay), one.Severity, strings.Join(one.Audience, ", "), note)
		if d := one.Difference; d != nil {
			w.f("    %s\n", d.text())
		}
	}
	w.f("\n")
	if over > 0 {
		w.f("%s\n", p.yellow(fmt.Sprintf("▲ %d of them make more than %s notices a day: narrow them, suppress what is expected, or let them rearm later.", over, perDay(r.Budget))))
	}
	w.f("%d rules only count, %d would have found nothing.\n", counted, silent)
}

func padRight(s string, width int) string {
	if len([]rune(s)) > width {
		return s + " "
	}
	return fmt.Sprintf("%-*s", width, s)
}

// print writes what one rule would have found.
func (r *ruleReplayed) print(w *sink, p colours, budget float64) {
	switch {
	case r.Notices == 0 && r.Occurrences == 0:
		w.f("%s  would not have fired\n", p.bold(r.Rule))
	case r.Notices == 0:
		w.f("%s  would have counted %s, and told nobody: its severity is %s\n", p.bold(r.Rule), n(r.Occurrences), r.Severity)
	default:
		w.f("%s  would have fired %s, %s a day", p.bold(r.Rule), timesText(r.Notices), perDay(r.PerDay))
		if r.Occurrences != r.Notices {
			w.f(", of %s occurrences", n(r.Occurrences))
		}
		w.f("\n  first %s, last %s\n", clockText(r.First), clockText(r.Last))
	}
	if r.Over {
		w.f("  %s\n", p.yellow(fmt.Sprintf("▲ more than %s a day: nobody reads them for long", perDay(budget))))
	}
	if d := r.Difference; d != nil {
		w.f("  %s\n", d.text())
	}
	if len(r.Groups) > 0 {
		w.f("\n  %s\n", p.dim("most of them"))
		for _, g := range r.Groups {
			w.f("  %8s  %s\n", n(g.N), cutText(printable(g.Group), 80))
		}
	}
	examples, what := r.Examples, "examples"
	if r.Difference != nil && len(r.Difference.OnlyNew) > 0 {
		examples, what = r.Difference.OnlyNew, "only as it is in the file"
	}
	printExamples(w, p, what, examples)
	if r.Difference != nil {
		printExamples(w, p, "only as it is now", r.Difference.OnlyOld)
	}
}

func printExamples(w *sink, p colours, what string, list []exampleReplayed) {
	if len(list) == 0 {
		return
	}
	w.f("\n  %s\n", p.dim(what))
	for i := range list {
		e := &list[i]
		w.f("  %s  %s\n", clockText(e.Time), printable(e.Title))
		for _, line := range e.Lines {
			w.f("      %s\n", p.dim(cutText(printable(line), 110)))
		}
		if more := e.Count - int64(len(e.Lines)); more > 0 && len(e.Lines) == replayedLines {
			w.f("      %s\n", p.dim(fmt.Sprintf("and %s more", n(more))))
		}
	}
}

// text says how a rule differs from what it is now.
func (d *ruleDifference) text() string {
	if d.New+d.Old == 0 {
		return fmt.Sprintf("as the rule is now: %s", timesText(d.Both))
	}
	return fmt.Sprintf("beside the rule as it is now: %s found by both, %s only as it is in the file, %s only as it is now", n(d.Both), n(d.New), n(d.Old))
}

func timesText(v int64) string {
	switch v {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return n(v) + " times"
}

// clockText writes a time of the JSON for a person.
func clockText(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return at
	}
	return t.Format(time.DateTime)
}
