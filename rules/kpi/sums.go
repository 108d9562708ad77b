package kpi

import (
	"cmp"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A Sum is what one step of time adds to a figure. Uptime and downtime have one for each service in place of steps, and
// figures that Prometheus answers one for each sample.
type Sum struct {
	At    int64           `json:"at"`              // where it begins, µs
	Whole int64           `json:"whole,omitempty"` // events that make the figure measured
	Part  int64           `json:"part,omitempty"`  // those of them that count
	Sum   float64         `json:"sum,omitempty"`   // of the field, or the sample
	Hist  map[int32]int64 `json:"hist,omitempty"`  // by cell of the histogram, of percentiles
	Name  string          `json:"name,omitempty"`  // of the service
	Up    int64           `json:"up,omitempty"`    // µs of it
	Down  int64           `json:"down,omitempty"`
}

// A Recipe is how the sums of a figure make its value, for who computes it again elsewhere:
//
//	count       Σ part
//	rate        Σ part / seconds × Per
//	ratio       100 × Σ part / Σ whole
//	average     Σ sum / Σ part × Scale
//	percentile  the value of rank ⌈Percentile / 100 × Σ hist⌉ of the cells × Scale
//	uptime      the least 100 × up / (up + down) of the services
//	downtime    the most down of a service, in seconds / Per
//	promql      Of the samples × Scale
type Recipe struct {
	Kind       Kind    `json:"kind"`
	Unit       string  `json:"unit"`
	Percentile float64 `json:"percentile,omitempty"`
	Scale      float64 `json:"scale,omitempty"`
	Per        float64 `json:"per,omitempty"`
	Of         string  `json:"of,omitempty"`
}

// Recipe returns how figures of the definition are made of their sums.
func (d *Definition) Recipe() Recipe {
	r := Recipe{Kind: d.Kind, Unit: d.Unit, Of: d.Of}
	switch d.Kind {
	case Count, Ratio, Uptime:
	case Rate:
		r.Per = perSeconds[d.Per]
	case Average, PromQL:
		r.Scale = d.scale()
	case Percentile:
		r.Percentile, r.Scale = d.Percentile, d.cellScale()
	case Downtime:
		r.Per = downtimeUnits[d.Unit]
	}
	return r
}

// sums are what the cells of d come to in the steps of an interval; those with nothing are left out.
func (ix index) sums(d *Definition, in query.Interval, every time.Duration) []Sum {
	step := every.Microseconds()
	totals := map[int64]*total{}
	ix.each(d, in, func(p part, c *event.Delta) {
		at := max(c.Minute-mod(c.Minute, step), in.From)
		if totals[at] == nil {
			totals[at] = &total{}
		}
		totals[at].add(p, c)
	})
	var out []Sum
	for at, t := range totals {
		out = append(out, Sum{At: at, Whole: t.whole, Part: t.part, Sum: t.sum, Hist: t.hist})
	}
	slices.SortFunc(out, func(a, b Sum) int { return cmp.Compare(a.At, b.At) })
	return out
}

// serviceSums are the sums of a figure of services.
func serviceSums(of []Service, from int64) []Sum {
	var out []Sum
	for _, s := range of {
		out = append(out, Sum{At: from, Name: s.Name, Up: s.Up.Microseconds(), Down: s.Down.Microseconds()})
	}
	return out
}

// sampleSums are the sums of a figure of samples.
func sampleSums(of []Point) []Sum {
	var out []Sum
	for _, p := range of {
		out = append(out, Sum{At: p.Time, Part: 1, Sum: p.Value})
	}
	return out
}
