package kpi

import (
	"math"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

func TestATrendSaysWhatChangedAndWhetherItIsBetter(t *testing.T) {
	errors := Definition{ID: "e", Kind: Count, Max: num(50)}
	parsed := Definition{ID: "p", Kind: Ratio, Unit: "%", Where: "w", Min: num(99.9), Decimals: 2}
	plain := Definition{ID: "n", Kind: Count}
	for _, tc := range []struct {
		name       string
		def        Definition
		now, then  float64
		wantTrend  Trend
		wantCourse Course
	}{
		{"more than the target allows is worse", errors, 71, 38, TrendUp, Worse},
		{"less of what should be little is better", errors, 38, 71, TrendDown, Better},
		{"5 % of the larger one are no change", errors, 100, 95, NoChange, ""},
		{"6 % are one", errors, 100, 94, TrendUp, Worse},
		{"from none to some", errors, 1, 0, TrendUp, Worse},
		{"none, as before", errors, 0, 0, NoChange, ""},
		{"what reads the same has not changed", parsed, 99.991, 99.994, NoChange, ""},
		{"a share with a lower target is judged by what it misses", parsed, 99.5, 99.9, TrendDown, Worse},
		{"what is missed changed by 4 %", parsed, 97.6, 97.5, NoChange, ""},
		{"without a target a change is neither", plain, 10, 20, TrendDown, ""},
		{"nothing to compare with", errors, 10, math.NaN(), "", ""},
		{"nothing to compare", errors, math.NaN(), 10, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := tc.def.Restate(Figure{}, tc.now, tc.then, today)
			if f.Trend != tc.wantTrend || f.Course != tc.wantCourse {
				t.Errorf("got %q %q, want %q %q", f.Trend, f.Course, tc.wantTrend, tc.wantCourse)
			}
		})
	}
}

func TestTheErrorBudgetBurnsByWhatTheTargetAllows(t *testing.T) {
	half := query.Interval{From: today.From, To: today.From + 12*3600e6}
	week := query.Interval{From: today.From, To: today.From + 7*86400e6}
	for _, tc := range []struct {
		name   string
		def    Definition
		value  float64
		period query.Interval
		want   float64
	}{
		{"half of the errors of a day in half a day", Definition{Kind: Count, Max: num(50)}, 25, half, 1},
		{"all of them in half a day", Definition{Kind: Count, Max: num(50)}, 50, half, 2},
		{"a day's errors in a week", Definition{Kind: Count, Max: num(50)}, 50, week, 1.0 / 7},
		{"12 of 30 minutes", Definition{Kind: Downtime, Unit: "min", Max: num(30)}, 12, today, 0.4},
		{"a share, of what it may be", Definition{Kind: Ratio, Unit: "%", Max: num(1)}, 2.5, today, 2.5},
		{"uptime misses 0.3 of 0.1 %", Definition{Kind: Uptime, Unit: "%", Min: num(99.9)}, 99.7, today, 3},
		{"none used", Definition{Kind: Uptime, Unit: "%", Min: num(99.9)}, 100, today, 0},
		{"none allowed, none used", Definition{Kind: Count, Max: num(0)}, 0, today, 0},
		{"none allowed, one used", Definition{Kind: Count, Max: num(0)}, 1, today, math.Inf(1)},
		{"a time has no budget", Definition{Kind: Average, Unit: "ms", Max: num(500)}, 700, today, math.NaN()},
		{"nor has what has no target", Definition{Kind: Count}, 7, today, math.NaN()},
		{"nor what was not measured", Definition{Kind: Count, Max: num(50)}, math.NaN(), today, math.NaN()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.def.burn(tc.value, tc.period)
			if math.Abs(got-tc.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestARateIsForTheTimeThatHasGone(t *testing.T) {
	cells := []event.Delta{cellOf("kpi/r/from", "10:10", 600), cellOf("kpi/r/count", "10:10", 600), cellOf("kpi/r/count", "-10:10", 300)}
	for per, want := range map[string]float64{"second": 600.0 / 43200, "minute": 600.0 / 720, "hour": 50} {
		d := Definition{ID: "r", Kind: Rate, Per: per}
		half := query.Interval{From: today.From, To: today.From + 12*3600e6}
		f := Evaluate([]Definition{d}, cells, half, yesterday)[0]
		if math.Abs(f.Value-want) > 1e-9 || math.Abs(f.Before-want/4) > 1e-9 {
			t.Errorf("per %s: %v after %v, want %v after %v", per, f.Value, f.Before, want, want/4)
		}
		if got := f.Points[10].Value / perSeconds[per]; f.StepSize != time.Hour || math.Abs(got-600.0/3600) > 1e-9 {
			t.Errorf("per %s: %v/s in its hour", per, got)
		}
	}
}

func TestAPercentileIsOfAnyRank(t *testing.T) {
	var cells []event.Delta
	for v := int64(1); v <= 1000; v++ {
		cells = append(cells, event.Delta{Series: "kpi/p/hist", Minute: at("10:00"), Bucket: bucket(v * 1e6), N: 1})
	}
	for _, rank := range []float64{1, 50, 90, 99, 99.9} {
		d := Definition{ID: "p", Kind: Percentile, Percentile: rank, Unit: "ms", fieldKind: event.Duration}
		f := Evaluate([]Definition{d}, cells, today, query.Interval{})[0]
		if want := rank * 10; math.Abs(f.Value-want) > QuantileError*want {
			t.Errorf("p%v of 1…1000 ms is %v", rank, f.Value)
		}
	}
}
