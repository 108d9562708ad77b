package reports

import (
	"context"
	"fmt"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

func plain(format string, args ...any) document.Part {
	return document.Part{Text: fmt.Sprintf(format, args...)}
}

func bold(format string, args ...any) document.Part {
	return document.Part{Text: fmt.Sprintf(format, args...), Bold: true}
}

// number writes a count with commas.
func number(n int64) string { return kpi.Text(float64(n), 0, "") }

// count writes a number with its noun in the right form.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// are is the verb that goes with n.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// summary answers first: how the figures stand, what was found, whether all lines are accounted for.
func summary(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	_, figs := b.of(s)
	parts := figureSentence(figs)
	parts = append(parts, findingSentence(b.found(s), b.capped)...)
	parts = append(parts, b.lineSentence()...)
	return one(s.Title, document.Block{Paragraph: &document.Paragraph{Parts: parts, Lead: true}}), nil
}

// byStatus sorts figures by how they stand.
func byStatus(figs []kpi.Figure) map[kpi.Status][]kpi.Figure {
	by := map[kpi.Status][]kpi.Figure{}
	for _, f := range figs {
		by[f.Status] = append(by[f.Status], f)
	}
	return by
}

func figureSentence(figs []kpi.Figure) []document.Part {
	by := byStatus(figs)
	targets := len(by[kpi.Green]) + len(by[kpi.Yellow]) + len(by[kpi.Red])
	if len(by[kpi.NotMeasured]) == len(figs) {
		return []document.Part{bold("Nothing was measured in this period"), plain(": no event that a key figure is made of fell into it. ")}
	}
	var out []document.Part
	switch red, yellow := by[kpi.Red], by[kpi.Yellow]; {
	case targets == 0:
		out = append(out, plain("No key figure with a target was measured. "))
	case len(red)+len(yellow) == 0 && targets == 1:
		out = append(out, bold("The one key figure with a target is Green"), plain(". "))
	case len(red)+len(yellow) == 0 && targets == 2:
		out = append(out, bold("Both key figures with a target are Green"), plain(". "))
	case len(red)+len(yellow) == 0:
		out = append(out, bold("All %d key figures with a target are Green", targets), plain(". "))
	default:
		if len(red) > 0 {
			out = append(out, bold("%d of %d key figures %s Red", len(red), targets, are(len(red))), plain(": "))
			out = append(out, named(red)...)
			out = append(out, plain(". "))
		} else {
			out = append(out, bold("None of %d key figures is Red", targets), plain(". "))
		}
		if len(yellow) > 0 {
			out = append(out, plain("%d %s Yellow: ", len(yellow), are(len(yellow))))
			out = append(out, named(yellow)...)
			out = append(out, plain(". "))
		}
		if n := len(by[kpi.Green]); n > 0 {
			out = append(out, plain("%d %s Green. ", n, are(n)))
		}
	}
	if n := len(by[kpi.NotMeasured]); n > 0 {
		out = append(out, plain("%s not measured. ", count(int64(n), "was", "were")))
	}
	return out
}

// named lists figures: Deadlocks (11, target 0), Failed logins (71, target ≤ 50).
func named(fs []kpi.Figure) []document.Part {
	var out []document.Part
	for i, f := range fs {
		switch {
		case i > 0 && i == len(fs)-1:
			out = append(out, plain(" and "))
		case i > 0:
			out = append(out, plain(", "))
		}
		out = append(out, document.Part{Text: f.Title, Bold: true}, plain(" (%s, target %s)", f.Actual, f.Target))
	}
	return out
}

func findingSentence(found []event.Finding, capped bool) []document.Part {
	if len(found) == 0 {
		return []document.Part{plain("There are no findings. ")}
	}
	var by [5]int64
	for _, f := range found {
		by[document.Severity(f.Severity)]++
	}
	text := count(int64(len(found)), "finding", "findings")
	if capped {
		text = "More than " + text
	}
	var terms []string
	for rank, name := range []string{"", "low", "medium", "high", "critical"} {
		if n := by[rank]; rank > 0 && n > 0 {
			terms = append([]string{number(n) + " " + name}, terms...)
		}
	}
	if len(terms) > 0 {
		text += ", " + strings.Join(terms, ", ")
	}
	out := []document.Part{plain("%s. ", text)}
	if top := found[0]; document.Severity(top.Severity) >= document.Severity("high") {
		out = append(out, plain("Look first at: "), document.Part{Text: top.Title, Bold: true}, plain(". "))
	}
	return out
}

func (b *builder) lineSentence() []document.Part {
	l := b.Lines
	if l.Read == 0 {
		return nil
	}
	text := count(l.Read, "line was", "lines were") + " read"
	if l.Scope != "" {
		text += " " + l.Scope
	}
	switch {
	case !l.Balanced():
		return []document.Part{plain("%s; ", text), bold("not all of them are accounted for"), plain(".")}
	case l.Unparsed == 0:
		return []document.Part{plain("%s, none was left unparsed.", text)}
	}
	return []document.Part{plain("%s, %s unparsed and kept.", text, count(l.Unparsed, "is", "are"))}
}
