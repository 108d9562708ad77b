package kpi

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Status is how a figure stands to its target.
type Status string

// The statuses. NoTarget is a figure that was measured and has no target, NotMeasured one whose sources said
// nothing in the period: it has no value, and is never shown as 0.
const (
	Green       Status = "Green"
	Yellow      Status = "Yellow"
	Red         Status = "Red"
	NoTarget    Status = "no target"
	NotMeasured Status = "not measured"
)

// A Figure is a KPI over a period. The texts are ready to be shown, with units; numbers are in the KPI's unit.
type Figure struct {
	ID       string
	Title    string
	Unit     string
	Kind     Kind
	Decimals int
	Status   Status
	Trend    Trend
	Course   Course  // what the trend means for the target
	Burn     float64 // how fast the error budget is used: at 1 it lasts for the period. NaN without one

	Target   string // "≤ 500 ms", "–" without one
	Actual   string // "412 ms", "not measured"
	Previous string // "–" where the previous period was not measured, or there was none
	Change   string // "+14 ms", "−0.02 pt", "same", "–"
	Detail   string // what the number is made of: "64 of 20,645"
	Comment  string // from the definition, by status

	Value    float64   // NaN if not measured
	Before   float64   // NaN if the previous period was not measured
	Bound    float64   // of the target, scaled to the period; NaN without one
	Part     int64     // events or occurrences counted; of uptime and downtime outages
	Whole    int64     // events that made it measured
	Services []Service // of uptime and downtime, the worst first
	ByRule   []Term    // for counts of rules: occurrences by rule, largest first, without zeros
	Points   []Point   // the period in steps, for charts
	StepSize time.Duration
	Now      []Sum // what Value was made of by the definition's Recipe, and
	Past     []Sum // what Before was
	Exact    bool  // it is a percentile of the events themselves, not of the histogram in Now
}

// Measured reports whether the figure has a value.
func (f Figure) Measured() bool { return f.Status != NotMeasured }

// A Term is one part of a sum.
type Term struct {
	Name string
	N    int64
}

// A Point is the KPI over one step. Value is NaN where nothing was measured: a gap, not a zero.
type Point struct {
	Time  int64 // where the step begins, µs
	Value float64
}

// Evaluate makes the figures of defs for a period from rollup cells, which cover period and previous and are of one
// site (storage.RollupQuery with Series(defs), summed to Step(period) or finer). A cell belongs to the period that
// holds its Minute, so the bounds of both periods have to be multiples of the step that the cells are summed to; a
// period may be made so with Align. An empty previous period (zero) yields figures without comparison. Bounds must
// not be open.
func Evaluate(defs []Definition, cells []event.Delta, period, previous query.Interval) []Figure {
	ix := indexCells(cells)
	out := make([]Figure, len(defs))
	for i := range defs {
		out[i] = evaluate(&defs[i], ix, period, previous)
	}
	return out
}

func evaluate(d *Definition, ix index, period, previous query.Interval) Figure {
	f := Figure{
		ID: d.ID, Title: d.Title, Unit: d.Unit, Kind: d.Kind, Decimals: d.Decimals,
		Value: math.NaN(), Before: math.NaN(), StepSize: Step(period),
	}
	if d.Services() {
		ix.services(d).evaluate(d, &f, period, previous)
		d.finish(&f, period)
		return f
	}
	now := ix.total(d, period)
	f.Value, f.Part, f.Whole, f.ByRule = now.value(d, period), now.part, now.whole, now.byRule(d)
	if previous != (query.Interval{}) {
		before := ix.total(d, previous)
		f.Before = before.value(d, previous)
		f.Past = ix.sums(d, previous, f.StepSize)
	}
	f.Now = ix.sums(d, period, f.StepSize)
	f.Points = points(d, ix, period, f.StepSize)
	d.finish(&f, period)
	return f
}

// finish completes a figure whose numbers are there.
func (d *Definition) finish(f *Figure, period query.Interval) {
	f.Bound = d.bound(period)
	f.Status = d.status(f.Value, days(period))
	d.trend(f)
	f.Burn = d.burn(f.Value, period)
	d.words(f, days(period))
}

// Restate returns a figure with another value, and another one of the previous period: those of its events, say, where
// Evaluate has them of a histogram.
func (d *Definition) Restate(f Figure, value, before float64, period query.Interval) Figure {
	f.Value, f.Before = value, before
	d.finish(&f, period)
	return f
}

// Points returns a KPI over the steps of every that begin in period: for charts over other spans than that of a
// figure. cells are as for Evaluate, summed to every or finer.
func Points(d *Definition, cells []event.Delta, period query.Interval, every time.Duration) []Point {
	return points(d, indexCells(cells), period, every)
}

func points(d *Definition, ix index, period query.Interval, every time.Duration) []Point {
	if d.Services() {
		return ix.services(d).points(d, period, every)
	}
	step := every.Microseconds()
	first := period.From - mod(period.From, step)
	n := int((period.To - first + step - 1) / step)
	if n <= 0 {
		return nil
	}
	totals := make([]total, n)
	ix.each(d, period, func(p part, c *event.Delta) {
		totals[(c.Minute-first)/step].add(p, c)
	})
	out := make([]Point, n)
	for i := range out {
		at := first + int64(i)*step
		out[i] = Point{at, totals[i].value(d, query.Interval{From: max(at, period.From), To: min(at+step, period.To)})}
	}
	return out
}

var steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// Step returns the length of the steps that a period is charted in: the shortest that makes at most 60 of them, an
// hour for a day.
func Step(period query.Interval) time.Duration {
	span := time.Duration(period.To-period.From) * time.Microsecond
	if span > 6*time.Hour && span <= 60*time.Hour {
		return time.Hour
	}
	for _, s := range steps {
		if span <= 60*s {
			return s
		}
	}
	return steps[len(steps)-1]
}

// Align widens an interval to whole steps of every, counted from the epoch (days begin at midnight UTC).
func Align(i query.Interval, every time.Duration) query.Interval {
	step := every.Microseconds()
	return query.Interval{From: i.From - mod(i.From, step), To: i.To + mod(-i.To, step)}
}

// days is what counts' targets, which are for a day, are multiplied by: the days of a period of more than one.
func days(period query.Interval) float64 {
	const day = float64(24 * time.Hour / time.Microsecond)
	return math.Max(1, math.Round(float64(period.To-period.From)/day))
}

func (d *Definition) bound(period query.Interval) float64 {
	b := math.NaN()
	if d.Max != nil {
		b = *d.Max
	} else if d.Min != nil {
		b = *d.Min
	}
	if d.Counts() {
		b *= days(period)
	}
	return b
}

func (d *Definition) status(v, days float64) Status {
	if math.IsNaN(v) {
		return NotMeasured
	}
	if d.Counts() {
		v /= days
	}
	switch {
	case d.Max == nil && d.Min == nil:
		return NoTarget
	case d.Max != nil && v <= *d.Max, d.Min != nil && v >= *d.Min:
		return Green
	case d.Yellow != nil && (d.Max != nil && v <= *d.Yellow || d.Min != nil && v >= *d.Yellow):
		return Yellow
	}
	return Red
}

// part says which number of a KPI a series feeds.
type part uint8

const (
	partFrom part = iota
	partCount
	partHist
	partUp
	partDown
	partRule
)

// partNames are the parts that Stage writes, as series name them.
var partNames = [...]string{partFrom: "from", partCount: "count", partHist: "hist", partUp: "up", partDown: "down"}

// An index holds cells by series. Cells of one series stay in the order they came in.
type index map[string][]*event.Delta

func indexCells(cells []event.Delta) index {
	ix := index{}
	for i := range cells {
		ix[cells[i].Series] = append(ix[cells[i].Series], &cells[i])
	}
	return ix
}

// each calls f with the cells of d in an interval.
func (ix index) each(d *Definition, in query.Interval, f func(part, *event.Delta)) {
	visit := func(series string, p part) {
		for _, c := range ix[series] {
			if c.Minute >= in.From && c.Minute < in.To {
				f(p, c)
			}
		}
	}
	visit(d.series(partNames[partFrom]), partFrom)
	if len(d.Rules) > 0 {
		for _, r := range d.Rules {
			visit(ruleSeries(r), partRule)
		}
		return
	}
	visit(d.series(partNames[partCount]), partCount)
	visit(d.series(partNames[partHist]), partHist)
}

func (ix index) total(d *Definition, in query.Interval) total {
	var t total
	ix.each(d, in, func(p part, c *event.Delta) { t.add(p, c) })
	return t
}

// A total is what a KPI's cells come to.
type total struct {
	whole, part int64
	sum         float64
	hist        histogram
	rules       map[string]int64
}

func (t *total) add(p part, c *event.Delta) {
	switch p {
	case partFrom:
		t.whole += c.N
	case partCount:
		t.part += c.N
		t.sum += c.Sum
	case partHist:
		if t.hist == nil {
			t.hist = histogram{}
		}
		t.hist[c.Bucket] += c.N
	case partRule:
		if t.rules == nil {
			t.rules = map[string]int64{}
		}
		t.part += c.N
		t.rules[strings.TrimPrefix(c.Series, ruleSeries(""))] += c.N
	}
}

// value returns the KPI in its unit, of the time that t is the total of; NaN where it was not measured.
func (t *total) value(d *Definition, in query.Interval) float64 {
	switch d.Kind {
	case Count, Rate:
		if t.whole == 0 && t.part == 0 {
			return math.NaN()
		}
		if d.Kind == Rate {
			return float64(t.part) / (float64(in.To-in.From) / 1e6) * perSeconds[d.Per]
		}
		return float64(t.part)
	case Ratio:
		if t.whole == 0 {
			return math.NaN()
		}
		return 100 * float64(t.part) / float64(t.whole)
	case Average:
		if t.part == 0 {
			return math.NaN()
		}
		return t.sum / float64(t.part) * d.scale()
	case Percentile:
		return t.hist.quantile(d.Percentile/100) * d.cellScale()
	}
	return math.NaN()
}

func (t *total) byRule(d *Definition) []Term {
	var out []Term
	for _, r := range d.Rules {
		if n := t.rules[r]; n > 0 {
			out = append(out, Term{r, n})
		}
	}
	slices.SortStableFunc(out, func(a, b Term) int { return cmp.Compare(b.N, a.N) })
	return out
}

func sortedKeys(h histogram) []int32 {
	keys := make([]int32, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
