package kpi

import (
	"math"
	"time"

	"github.com/saypro/veritail/storage/query"
)

// A Trend is how a figure stands to that of the previous period.
type Trend string

// The trends. There is none where one of the periods was not measured.
const (
	TrendUp   Trend = "Up"
	TrendDown Trend = "Down"
	NoChange  Trend = "No change"
)

// A Course is what a trend means for the target.
type Course string

// The courses; "" is that of figures that have no target or have not changed.
const (
	Better Course = "better"
	Worse  Course = "worse"
)

// changeShare is the change that is none: of the larger of the two values. Of shares that have a lower target it is of
// what they miss to 100 %: 99.9 % after 99.5 % is five times better, not the same.
const changeShare = 0.05

// trend fills in Trend and Course. A figure has not changed where it reads the same as before, or differs by at most
// changeShare.
func (d *Definition) trend(f *Figure) {
	f.Trend, f.Course = "", ""
	if math.IsNaN(f.Value) || math.IsNaN(f.Before) {
		return
	}
	a, b := f.Value, f.Before
	if d.missing() {
		a, b = 100-a, 100-b
	}
	diff := f.Value - f.Before
	if math.Abs(diff) <= changeShare*max(math.Abs(a), math.Abs(b)) || d.change(f) == same {
		f.Trend = NoChange
		return
	}
	f.Trend = TrendDown
	if diff > 0 {
		f.Trend = TrendUp
	}
	switch {
	case d.Max == nil && d.Min == nil:
	case (d.Max != nil) == (diff < 0):
		f.Course = Better
	default:
		f.Course = Worse
	}
}

// missing reports whether d is a share that is judged by what it misses to 100 %.
func (d *Definition) missing() bool { return d.Unit == "%" && d.Min != nil }

// burn returns how fast the error budget is used: the share of it that is used, by the share of the time that has gone.
// At 1 it is used up as the time is, at 2 in half of it. What the target allows is the budget: of counts and downtimes
// for a day, of shares for each event or second. NaN where the target is no budget, infinite where it allows nothing.
func (d *Definition) burn(v float64, period query.Interval) float64 {
	if math.IsNaN(v) {
		return math.NaN()
	}
	var used, budget float64
	switch {
	case d.Counts() && d.Max != nil:
		const day = float64(24 * time.Hour / time.Microsecond)
		used, budget = v, *d.Max*float64(period.To-period.From)/day
	case d.missing():
		used, budget = 100-v, 100-*d.Min
	case d.Kind == Ratio && d.Max != nil:
		used, budget = v, *d.Max
	default:
		return math.NaN()
	}
	if used <= 0 {
		return 0
	}
	return used / budget
}

// BurnText says that the error budget does not last, "" where it does or there is none.
func (f Figure) BurnText() string {
	if math.IsNaN(f.Burn) || math.IsInf(f.Burn, 0) || f.Burn <= 1 {
		return ""
	}
	decimals := 1
	if f.Burn >= 10 {
		decimals = 0
	}
	return "Uses its error budget " + Text(f.Burn, decimals, "") + " times as fast as it lasts"
}
