package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

// A share is one row of what a count of rules is made of: failed logins of a source.
type share struct {
	value string // of the group; "-" where the lines do not give it
	n     int64
	rules []string // that counted it, largest first
}

// maxGroups bounds the rows of a breakdown on paper.
const maxGroups = 20

// breakdowns are a section for each figure that counts what rules found by a field: failed logins by source.
func breakdowns(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	var occurrences map[string]map[string]int64
	if b.Occurrences != nil {
		var err error
		if occurrences, err = b.Occurrences(ctx); err != nil {
			return nil, err
		}
	}
	defs, figs := b.of(s)
	var out []document.Section
	for i := range defs {
		if defs[i].By == "" {
			continue
		}
		rows := b.shares(&defs[i], occurrences)
		if figs[i].Part > 0 || len(rows) > 0 {
			out = append(out, breakdown(&defs[i], figs[i], rows, occurrences != nil))
		}
	}
	return out, nil
}

// shares are the rows of a figure, the largest first.
func (b *builder) shares(def *kpi.Definition, occurrences map[string]map[string]int64) []share {
	counts := map[string]map[string]int64{} // by value, then rule
	add := func(rule, value string, n int64) {
		if counts[value] == nil {
			counts[value] = map[string]int64{}
		}
		counts[value][rule] += n
	}
	for _, rule := range def.Rules {
		for value, n := range occurrences[rule] {
			add(rule, value, n)
		}
	}
	for _, finding := range b.findings {
		if occurrences == nil && slices.Contains(def.Rules, finding.Rule) {
			add(finding.Rule, groupValue(finding), finding.Count)
		}
	}
	var out []share
	for value, rules := range counts {
		s := share{value: value}
		for rule, n := range rules {
			s.n += n
			s.rules = append(s.rules, rule)
		}
		slices.SortFunc(s.rules, func(a, b string) int { return cmp.Or(cmp.Compare(rules[b], rules[a]), cmp.Compare(a, b)) })
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b share) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.value, b.value)) })
	return out
}

func breakdown(def *kpi.Definition, f kpi.Figure, rows []share, exact bool) document.Section {
	t := document.Table{Bare: true, Halves: true, Columns: []document.Column{
		{Name: def.By, Mono: true, Width: document.Medium}, {Name: "Count", Right: true, Width: document.Narrow}, {Name: "Share", Width: document.Medium}}}
	several := map[string]bool{}
	var told, most, others int64
	for i, r := range rows {
		told, most = told+r.n, max(most, r.n)
		if i >= maxGroups {
			others += r.n
		}
		for _, id := range r.rules {
			several[id] = true
		}
	}
	if len(several) > 1 {
		t.Columns = append(t.Columns, document.Column{Name: "Rules", Faint: true})
	}
	for _, r := range rows[:min(len(rows), maxGroups)] {
		row := []document.Cell{{Text: r.value}, document.Num(number(r.n), float64(r.n), ""), {Share: float64(r.n) / float64(max(most, 1))}}
		if len(several) > 1 {
			row = append(row, document.Cell{Text: strings.Join(r.rules, ", ")})
		}
		t.Rows = append(t.Rows, row)
	}
	var notes []string
	if n := len(rows) - maxGroups; others > 0 {
		notes = append(notes, fmt.Sprintf("%s more from %s.", number(others), count(int64(n), "other value", "other values")))
	}
	if told < f.Part {
		of := "The findings of this period"
		if exact {
			of = "The lines"
		}
		notes = append(notes, fmt.Sprintf("%s tell this of %s of %s.", of, number(told), number(f.Part)))
	}
	t.Note = strings.Join(notes, " ")
	if len(t.Rows) == 0 {
		t.Empty, t.Note = t.Note, ""
	}
	return document.Section{Title: def.Title + " by " + def.By, Blocks: []document.Block{tableBlock(t)}}
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
