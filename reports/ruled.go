package reports

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/state"
)

// ruleTable says of each rule that counted something how often, how many findings that made, and what people said of those.
func ruleTable(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	counted, err := b.countedBy(ctx, s)
	if err != nil {
		return nil, err
	}
	found, severity := map[string]int64{}, map[string]string{}
	for _, f := range b.found(s) {
		found[f.Rule]++
		if document.Severity(f.Severity) > document.Severity(severity[f.Rule]) {
			severity[f.Rule] = f.Severity
		}
		if _, ok := counted[f.Rule]; !ok {
			counted[f.Rule] = 0 // one of the daemon's own
		}
	}
	var records map[string]state.Record
	if b.Records != nil {
		if records, err = b.Records.Records(ctx); err != nil {
			return nil, err
		}
	}
	t := document.Table{Empty: "No rule counted anything in this period.", Columns: []document.Column{
		{Name: "Rule", Mono: true}, {Name: "Severity", Keep: true}, {Name: "Occurrences", Right: true, Keep: true, Bold: true}, {Name: "Findings", Right: true, Keep: true}, {Name: "Verdicts so far", Faint: true}, {Name: "Precision", Right: true, Keep: true}}}
	ids := slices.SortedFunc(maps.Keys(counted), func(x, y string) int { return cmp.Or(cmp.Compare(counted[y], counted[x]), cmp.Compare(x, y)) })
	for _, id := range ids {
		level := document.Cell{Text: "–", Faint: true}
		if severity[id] != "" {
			level = document.Cell{Severity: severity[id]}
		}
		n := max(counted[id], found[id])
		verdicts, precision := judged(records[id])
		t.Rows = append(t.Rows, []document.Cell{{Text: id}, level, document.Num(number(n), float64(n), ""), document.Num(number(found[id]), float64(found[id]), ""), verdicts, precision})
	}
	if b.capped {
		t.Note = "The period has more findings than a report reads: their numbers are of those that were read."
	}
	return one(s.Title, tableBlock(t)), nil
}

// countedBy returns the occurrences of the period by rule.
func (b *builder) countedBy(ctx context.Context, s *Section) (map[string]int64, error) {
	const prefix = "rule/"
	series := []string{prefix + "*"}
	if len(s.Rules) > 0 {
		series = nil
		for _, r := range s.Rules {
			series = append(series, prefix+r)
		}
	}
	step := b.step()
	cells, err := b.results.Rollups(ctx, b.view, storage.RollupQuery{Site: b.Site, Series: series, During: kpi.Align(b.Period, step), Every: step})
	if err != nil {
		return nil, fmt.Errorf("read what the rules counted: %w", err)
	}
	out := map[string]int64{}
	for _, c := range cells {
		out[strings.TrimPrefix(c.Series, prefix)] += c.N
	}
	return out, nil
}

// judged says how people judged a rule's findings, of all time, and how often it was right.
func judged(r state.Record) (verdicts, precision document.Cell) {
	if r.Judged() == 0 {
		return document.Cell{Text: "none"}, document.Cell{Text: "–", Faint: true}
	}
	var parts []string
	for _, v := range []struct {
		n    int
		what string
	}{{r.Confirmed, "confirmed"}, {r.Expected, "expected here"}, {r.FalseAlarm, "false alarm"}} {
		if v.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", v.n, v.what))
		}
	}
	share := 100 * r.Precision()
	return document.Cell{Text: strings.Join(parts, ", ")}, document.Num(kpi.Text(share, 0, "%"), share, "%")
}

// datasets shows shares by data set: lines parsed of each log.
func datasets(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	defs, figs := b.of(s)
	step := b.step()
	var blocks []document.Block
	for i := range defs {
		d := &defs[i]
		if d.Kind != kpi.Ratio {
			continue
		}
		from, count := d.Counted()
		cells, err := b.results.Rollups(ctx, b.view, storage.RollupQuery{Site: b.Site, Series: []string{from, count}, During: kpi.Align(b.Period, step), Every: step})
		if err != nil {
			return nil, fmt.Errorf("read %s by data set: %w", d.ID, err)
		}
		whole, part := map[string]int64{}, map[string]int64{}
		for _, c := range cells {
			if c.Series == from {
				whole[c.Dataset] += c.N
			} else {
				part[c.Dataset] += c.N
			}
		}
		what := "Events"
		if d.Lines {
			what = "Lines"
		}
		t := document.Table{Empty: figs[i].Comment, Columns: []document.Column{
			{Name: "Data set", Mono: true}, {Name: what, Right: true, Keep: true}, {Name: d.Title, Right: true, Keep: true, Bold: true}, {Name: "Others", Right: true, Keep: true}}}
		missing := func(set string) int64 { return whole[set] - part[set] }
		for _, set := range slices.SortedFunc(maps.Keys(whole), func(x, y string) int {
			return cmp.Or(cmp.Compare(missing(y), missing(x)), cmp.Compare(whole[y], whole[x]), cmp.Compare(x, y))
		}) {
			share := 100 * float64(part[set]) / math.Max(float64(whole[set]), 1)
			t.Rows = append(t.Rows, []document.Cell{{Text: cmp.Or(set, "–")}, document.Num(number(whole[set]), float64(whole[set]), ""),
				document.Num(kpi.Text(share, d.Decimals, "%"), share, "%"), document.Num(number(missing(set)), float64(missing(set)), "")})
		}
		blocks = append(blocks, tableBlock(t))
	}
	return one(s.Title, blocks...), nil
}

// maxDisposals bounds the records of a report.
const maxDisposals = 100

// disposals says what retention dropped in the period, and why.
func disposals(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Records == nil {
		return nil, nil
	}
	list, err := b.Records.Disposals(ctx, utc(b.Period.From), utc(b.Period.To), maxDisposals)
	if err != nil {
		return nil, err
	}
	t := document.Table{Empty: "Retention dropped nothing in this period.", Columns: []document.Column{
		{Name: "Dropped", Keep: true}, {Name: "What", Keep: true}, {Name: "Count", Right: true, Keep: true}, {Name: "Of"}, {Name: "Why", Faint: true}}}
	for _, x := range list {
		t.Rows = append(t.Rows, []document.Cell{{Text: b.moment(x.At.UnixMicro())}, {Text: x.What}, document.Num(number(x.N), float64(x.N), ""), {Text: x.Of}, {Text: x.Why}})
	}
	if len(list) == maxDisposals {
		t.Note = "There may be more: veritail disposals shows them all."
	}
	return one(s.Title, tableBlock(t)), nil
}
