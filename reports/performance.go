package reports

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

// trends compares the figures with those of the period before, and says what has to be done about them.
func trends(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	_, figs := b.of(s)
	t := document.Table{Empty: "Nothing was measured in both periods.", Columns: []document.Column{
		{Name: "Metric", Width: document.Medium}, {Name: "Current", Right: true, Keep: true, Bold: true}, {Name: "Previous", Right: true, Keep: true, Faint: true},
		{Name: "Change", Right: true, Keep: true, Faint: true}, {Name: "Trend", Keep: true}, {Name: "Action required", Width: document.Wide}}}
	for _, f := range figs {
		if f.Trend == "" {
			continue
		}
		current := document.Num(f.Actual, f.Value, f.Unit)
		current.Basis = &document.Basis{KPI: f.ID, Of: "value", Decimals: decimals(f.Actual)}
		t.Rows = append(t.Rows, []document.Cell{{Text: f.Title}, current, previous(f), {Text: f.Change}, {Text: string(f.Trend), Note: string(f.Course)}, actionCell(f)})
	}
	return one(s.Title, tableBlock(t)), nil
}

// actionCell says what a figure asks for: what its definition says of its status; to watch one that meets its target and
// became worse; else nothing.
func actionCell(f kpi.Figure) document.Cell {
	switch missed := f.Status == kpi.Red || f.Status == kpi.Yellow; {
	case missed && f.Comment != "":
		return document.Cell{Text: f.Comment}
	case missed:
		return document.Cell{Text: "Find out why it misses its target"}
	case f.Course == kpi.Worse:
		return document.Cell{Text: "Watch it: it became worse"}
	}
	return document.Cell{Text: "None", Faint: true}
}

// health is the summary of a performance report: the health of the system, critical issues, where to look, what to do next.
// What there is nothing to say of is left out.
func health(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	_, figs := b.of(s)
	blocks := []document.Block{{Paragraph: &document.Paragraph{Parts: append([]document.Part{bold("System health: ")}, append(figureSentence(figs), b.lineSentence()...)...)}}}
	list, err := b.issues(ctx)
	if err != nil {
		return nil, err
	}
	if parts := criticalIssues(list); parts != nil {
		blocks = append(blocks, document.Block{Paragraph: &document.Paragraph{Parts: parts}})
	}
	if parts := focus(figs); parts != nil {
		blocks = append(blocks, document.Block{Paragraph: &document.Paragraph{Parts: parts}})
	}
	if t := nextSteps(figs, list); len(t.Rows) > 0 {
		blocks = append(blocks, tableBlock(t))
	}
	return one(s.Title, blocks...), nil
}

// criticalIssues says which issues of high priority the period solved, and which wait.
func criticalIssues(list []issue) []document.Part {
	var solved, open []issue
	for _, i := range list {
		switch {
		case !i.high():
		case i.resolved:
			solved = append(solved, i)
		default:
			open = append(open, i)
		}
	}
	if len(solved)+len(open) == 0 {
		return nil
	}
	out := []document.Part{bold("Critical issues: ")}
	for _, part := range []struct {
		list []issue
		text string
	}{{solved, "resolved: "}, {open, "not resolved: "}} {
		if len(part.list) == 0 {
			continue
		}
		out = append(out, plain("%d %s", len(part.list), part.text))
		for n, i := range part.list {
			if n == maxNamed {
				out = append(out, plain(", and %d more", len(part.list)-n))
				break
			}
			if n > 0 {
				out = append(out, plain(", "))
			}
			out = append(out, plain("#%d %s", i.ID, i.Title))
		}
		out = append(out, plain(". "))
	}
	return out
}

// maxNamed bounds what a sentence lists.
const maxNamed = 5

// focus names the figures that became worse, those that miss their target first.
func focus(figs []kpi.Figure) []document.Part {
	var worse []kpi.Figure
	for _, missed := range []bool{true, false} {
		for _, f := range figs {
			if f.Course == kpi.Worse && (f.Status == kpi.Red || f.Status == kpi.Yellow) == missed {
				worse = append(worse, f)
			}
		}
	}
	if len(worse) == 0 {
		return nil
	}
	out := []document.Part{bold("Focus areas: "), plain("what became worse: ")}
	for i, f := range worse {
		if i == maxNamed {
			out = append(out, plain(", and %d more", len(worse)-i))
			break
		}
		if i > 0 {
			out = append(out, plain(", "))
		}
		out = append(out, plain("%s (%s, %s)", f.Title, f.Actual, f.Change))
	}
	return append(out, plain("."))
}

// nextSteps lists what figures that miss their targets and open issues of high priority ask for.
func nextSteps(figs []kpi.Figure, list []issue) document.Table {
	t := document.Table{Title: "Recommended next steps", Columns: []document.Column{{Name: "Step"}, {Name: "Because of", Faint: true}}}
	for _, status := range []kpi.Status{kpi.Red, kpi.Yellow} {
		for _, f := range figs {
			if f.Status == status && f.Comment != "" {
				t.Rows = append(t.Rows, []document.Cell{{Text: f.Comment}, {Text: fmt.Sprintf("%s: %s, target %s", f.Title, f.Actual, f.Target)}})
			}
		}
	}
	for _, i := range list {
		if !i.high() || i.resolved {
			continue
		}
		step := "Resolve issue #" + number(i.ID)
		if i.Assigned == "" {
			step = "Assign issue #" + number(i.ID) + " to somebody"
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: step}, {Text: i.Title}})
	}
	return t
}

// conclusion says how many targets were achieved, how that was before, and what changed.
func conclusion(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	_, figs := b.of(s)
	by := byStatus(figs)
	met, targets := len(by[kpi.Green]), len(by[kpi.Green])+len(by[kpi.Yellow])+len(by[kpi.Red])
	var parts []document.Part
	if targets > 0 {
		parts = append(parts, bold("%d of %d metrics with a target achieved it", met, targets), plain(". "))
	}
	better, worse := 0, 0
	for _, f := range figs {
		switch {
		case math.IsNaN(f.Before):
		case f.Course == kpi.Better:
			better++
		case f.Course == kpi.Worse:
			worse++
		}
	}
	if better+worse > 0 {
		parts = append(parts, plain("Compared with the period before, %d became better and %d worse. ", better, worse))
	}
	list, err := b.issues(ctx)
	if err != nil {
		return nil, err
	}
	open, solved := 0, 0
	for _, i := range list {
		if i.resolved {
			solved++
		} else {
			open++
		}
	}
	if open+solved > 0 {
		parts = append(parts, plain("%s resolved in the period; %s open at its end.", count(int64(solved), "issue was", "issues were"), count(int64(open), "was", "were")))
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return one(s.Title, document.Block{Paragraph: &document.Paragraph{Parts: parts}}), nil
}

// date writes a day, "–" for none.
func date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 2006")
}

// took writes how long something took, in its two largest units.
func took(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d/time.Hour%24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d/time.Minute%60)
	}
	return cmp.Or(fmt.Sprintf("%d min", d/time.Minute), "–")
}
