package kpi

import (
	"math"
	"time"

	"github.com/saypro/veritail/storage/query"
)

// OfSamples makes the figure of a definition of kind promql from values that were asked elsewhere, of the period and of
// the previous one.
func (d *Definition) OfSamples(now, before []Point, period query.Interval) Figure {
	f := Figure{
		ID: d.ID, Title: d.Title, Unit: d.Unit, Kind: d.Kind, Decimals: d.Decimals,
		Value: d.of(now), Before: d.of(before), Part: int64(len(now)), Whole: int64(len(now)), StepSize: Step(period),
	}
	f.Now, f.Past = sampleSums(now), sampleSums(before)
	f.Points = d.SamplePoints(now, period, f.StepSize)
	d.finish(&f, period)
	return f
}

// SamplePoints returns what the definition makes of values over the steps of every that begin in a period.
func (d *Definition) SamplePoints(samples []Point, period query.Interval, every time.Duration) []Point {
	var out []Point
	step := every.Microseconds()
	for at := period.From - mod(period.From, step); at < period.To; at += step {
		var of []Point
		for _, p := range samples {
			if p.Time >= at && p.Time < at+step {
				of = append(of, p)
			}
		}
		out = append(out, Point{at, d.of(of)})
	}
	return out
}

// of is what the definition makes of values, in its unit; NaN of none.
func (d *Definition) of(samples []Point) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	v := samples[0].Value
	sum := 0.0
	for _, s := range samples {
		sum += s.Value
		switch d.Of {
		case "max":
			v = max(v, s.Value)
		case "min":
			v = min(v, s.Value)
		case "last":
			v = s.Value
		}
	}
	if d.Of == "average" || d.Of == "" {
		v = sum / float64(len(samples))
	}
	return v * d.scale()
}
