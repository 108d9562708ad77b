package reports

import (
	"cmp"
	"context"
	"math"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/reports/forecast"
	"github.com/saypro/veritail/rules/kpi"
)

// diskForecast says when file systems will be full, as seen at the end of the period.
func diskForecast(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Events == nil {
		return noEvents(s), nil
	}
	list, err := forecast.Disks(ctx, b.Events, b.view, b.Databases.Schema, b.Site, utc(b.Period.To))
	if err != nil {
		return nil, err
	}
	t := document.Table{Empty: "Not measured: sample in [resources] of veritail.toml.", Columns: []document.Column{
		{Name: "Host"}, {Name: "File system", Mono: true}, {Name: "Used", Right: true, Keep: true}, {Name: "Free", Right: true, Keep: true},
		{Name: "Growth a day", Right: true, Keep: true}, {Name: "Full", Keep: true, Bold: true}}}
	for i := range list {
		d := &list[i]
		used := 100 * d.Used()
		row := []document.Cell{{Text: cmp.Or(d.Host, "–")}, {Text: d.Mount}, document.Num(kpi.Text(used, 0, "%"), used, "%"), document.Num(configs.Size(d.Free).Rounded(), float64(d.Free), "B")}
		t.Rows = append(t.Rows, append(row, growth(d), fullAt(d)))
	}
	if len(t.Rows) > 0 {
		t.Note = "Growth is the line through the least space that was free in each hour of the last 14 days. With less than two days of samples nothing is said."
	}
	return one(s.Title, tableBlock(t)), nil
}

func growth(d *forecast.Disk) document.Cell {
	switch {
	case math.IsNaN(d.PerDay):
		return document.Cell{Text: "not known yet", Faint: true}
	case d.PerDay <= 0:
		return document.Cell{Text: "none"}
	}
	return document.Num(configs.Size(d.PerDay).Rounded(), d.PerDay, "B")
}

func fullAt(d *forecast.Disk) document.Cell {
	if d.Full.IsZero() {
		return document.Cell{Text: "–", Faint: true}
	}
	c := document.Cell{Text: date(d.Full), Note: "in " + took(d.Full.Sub(d.Last))}
	switch left := d.Full.Sub(d.Last); {
	case left < forecast.Urgent:
		c.Status = string(kpi.Red)
	case left < forecast.Soon:
		c.Status = string(kpi.Yellow)
	}
	return c
}
