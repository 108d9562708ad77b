package reports

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

// figureColumns are those that a table of figures may have. "current" is "actual" under the name of monitoring sheets, and
// "achieved" is "status" in the words of performance reports.
var figureColumns = []string{"metric", "target", "actual", "current", "previous", "change", "status", "achieved", "comment"}

// figureTable is a table of key figures. Where a report is about all that there are, those that were not measured stand below
// it, with what would measure them; those that it names stand in their places.
func figureTable(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	defs, figs := b.of(s)
	t := document.Table{Empty: "No key figure was measured."}
	missing := document.Table{Title: "Not measured", Columns: []document.Column{{Name: "Metric", Width: document.Wide}, {Name: "Target", Right: true, Keep: true, Faint: true}, {Name: "What would measure it", Faint: true}}}
	for _, name := range s.Columns {
		t.Columns = append(t.Columns, figureColumn(name))
	}
	for i := range figs {
		if len(s.KPIs) == 0 && !figs[i].Measured() {
			missing.Rows = append(missing.Rows, []document.Cell{{Text: figs[i].Title}, {Text: figs[i].Target}, {Text: sentences(figs[i].Detail, figs[i].Comment)}})
			continue
		}
		row := make([]document.Cell, len(s.Columns))
		for c, name := range s.Columns {
			row[c] = figureCell(name, &defs[i], figs[i])
		}
		t.Rows = append(t.Rows, row)
	}
	blocks := []document.Block{tableBlock(t)}
	if len(missing.Rows) > 0 {
		blocks = append(blocks, tableBlock(missing))
	}
	return one(s.Title, blocks...), nil
}

func figureColumn(name string) document.Column {
	switch name {
	case "metric":
		return document.Column{Name: "Metric", Width: document.Medium}
	case "target":
		return document.Column{Name: "Target", Right: true, Keep: true, Faint: true}
	case "actual":
		return document.Column{Name: "Actual", Right: true, Keep: true, Bold: true}
	case "current":
		return document.Column{Name: "Current value", Right: true, Keep: true, Bold: true}
	case "previous":
		return document.Column{Name: "Previous", Right: true, Keep: true, Faint: true}
	case "change":
		return document.Column{Name: "Change", Right: true, Keep: true, Faint: true}
	case "status", "achieved":
		return document.Column{Name: "Status", Keep: true}
	}
	return document.Column{Name: "Comment", Width: document.Wide, Faint: true}
}

func figureCell(name string, d *kpi.Definition, f kpi.Figure) document.Cell {
	switch name {
	case "metric":
		return document.Cell{Text: f.Title}
	case "target":
		return document.Cell{Text: f.Target}
	case "actual", "current":
		return actual(d, f)
	case "previous":
		return previous(f)
	case "change":
		c := document.Cell{Text: f.Change}
		if f.Course != "" && f.Change != "same" {
			c.Note = string(f.Course)
		} else if f.Trend == kpi.NoChange && f.Change != "same" {
			c.Note = "no change"
		}
		return c
	case "status":
		return statusCell(f.Status, string(f.Status))
	case "achieved":
		return statusCell(f.Status, achieved(f.Status))
	}
	return document.Cell{Text: sentences(f.Detail, f.BurnText(), f.Comment)}
}

// actual is the value of a figure, with the events behind it and what it was computed of.
func actual(d *kpi.Definition, f kpi.Figure) document.Cell {
	if !f.Measured() {
		return document.Cell{Text: "–", Faint: true}
	}
	c := document.Num(f.Actual, f.Value, f.Unit)
	c.Query, c.Basis = counted(d), &document.Basis{KPI: f.ID, Of: "value", Decimals: decimals(f.Actual)}
	return c
}

func previous(f kpi.Figure) document.Cell {
	c := document.Num(f.Previous, f.Before, f.Unit)
	if !math.IsNaN(f.Before) {
		c.Basis = &document.Basis{KPI: f.ID, Of: "previous", Decimals: decimals(f.Previous)}
	}
	return c
}

// decimals are those of a number that is written.
func decimals(text string) int {
	number, _, _ := strings.Cut(text, " ")
	_, frac, _ := strings.Cut(number, ".")
	return len(frac)
}

// statusCell draws a status with a word; what has none is faint.
func statusCell(s kpi.Status, word string) document.Cell {
	switch s {
	case kpi.Green, kpi.Yellow, kpi.Red:
		return document.Cell{Text: word, Status: string(s)}
	case kpi.NoTarget:
		return document.Cell{Text: "–", Faint: true}
	case kpi.NotMeasured:
	}
	return document.Cell{Text: string(kpi.NotMeasured), Faint: true}
}

// achieved is a status in the words of performance reports.
func achieved(s kpi.Status) string {
	if s == kpi.Green {
		return "Achieved"
	}
	return "Not achieved"
}

// sentences joins those that are not empty.
func sentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ". ")
}

// charts draws what changed over the period, those that miss their target first.
func charts(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	_, figs := b.of(s)
	c := document.Charts{Note: "A gap is time in which nothing was measured; dotted is the target, where the scale holds it. Times are UTC."}
	var zero []string
	for _, status := range []kpi.Status{kpi.Red, kpi.Yellow, kpi.Green, kpi.NoTarget} {
		for _, f := range figs {
			switch {
			case f.Status != status:
			case flat(f.Points):
				zero = append(zero, f.Title)
			default:
				c.List = append(c.List, document.Chart{Title: f.Title, Note: chartNote(f), Series: seriesOf(f)})
			}
		}
	}
	if len(zero) > 0 {
		c.Note = "0 throughout, and not drawn: " + strings.Join(zero, ", ") + ". " + c.Note
	}
	if len(c.List)+len(zero) == 0 {
		return nil, nil
	}
	return one(s.Title, document.Block{Charts: &c}), nil
}

func flat(ps []kpi.Point) bool {
	for _, p := range ps {
		if !math.IsNaN(p.Value) && p.Value != 0 {
			return false
		}
	}
	return true
}

func seriesOf(f kpi.Figure) chart.Series {
	s := chart.Series{Title: f.Title, Unit: f.Unit, Decimals: f.Decimals, Bars: f.Kind.Counts(), Target: f.Bound, Step: f.StepSize}
	if s.Bars {
		s.Target = math.NaN() // it is for a day, not for a step
	} else {
		s.Status = string(f.Status)
	}
	for _, p := range f.Points {
		s.Points = append(s.Points, chart.Point(p))
	}
	return s
}

// chartNote says what a chart's steps are, and its target.
func chartNote(f kpi.Figure) string {
	every := "by " + stepName(f.StepSize)
	switch {
	case f.Kind.Counts():
		return every
	case math.IsNaN(f.Bound):
		return strings.TrimSpace(f.Unit + " " + every)
	}
	return every + ", target " + f.Target
}

// stepName writes the length of a step: minute, 5 minutes, hour, 6 hours, day.
func stepName(d time.Duration) string {
	unit, name := time.Minute, "minute"
	switch {
	case d >= 24*time.Hour:
		unit, name = 24*time.Hour, "day"
	case d >= time.Hour:
		unit, name = time.Hour, "hour"
	}
	if n := d / unit; n > 1 {
		return number(int64(n)) + " " + name + "s"
	}
	return name
}

// counted is the query of the events that a figure counts, "" where it is not made of events that a query finds.
func counted(d *kpi.Definition) string {
	switch {
	case len(d.Rules) > 0 || d.Kind == kpi.PromQL:
		return ""
	case d.Where != "":
		return "(" + d.From + ") and (" + d.Where + ")"
	}
	return d.From
}

// how writes what a figure is counted of, so that a reader can ask for the same events.
func how(d *kpi.Definition) string {
	switch {
	case len(d.Rules) > 0:
		return "occurrences of " + strings.Join(d.Rules, ", ")
	case d.Kind == kpi.Ratio:
		return d.Where + ", as a share of " + d.From
	case d.Kind == kpi.PromQL:
		return d.Of + " of " + d.Query + ", asked of Prometheus"
	case d.Services():
		return "from (" + d.Down + ") to (" + d.Up + ")" + strings.Join(append([]string{""}, d.Group...), ", by ")
	case d.Kind == kpi.Average || d.Kind == kpi.Percentile:
		return d.Field + " of " + d.From
	case d.Where != "":
		return "(" + d.From + ") and " + d.Where
	}
	return d.From
}
