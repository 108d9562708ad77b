package figures

import (
	"context"
	"fmt"
	"math"

	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// measures are the percentiles that stores compute.
var measures = map[float64]string{50: "p50", 95: "p95", 99: "p99"}

// exact replaces percentiles by those of the events themselves, where the store still has all of them that were counted.
func (q Request) exact(ctx context.Context, v access.View, figs []kpi.Figure) error {
	if q.Events == nil {
		return nil
	}
	for i := range q.Defs {
		d := &q.Defs[i]
		if d.Kind != kpi.Percentile || measures[d.Percentile] == "" || !figs[i].Measured() {
			continue
		}
		now, count, err := q.percentile(ctx, v, d, q.Period)
		if err != nil {
			return err
		}
		if count != figs[i].Part {
			continue
		}
		before := figs[i].Before
		if !math.IsNaN(before) {
			if got, _, err := q.percentile(ctx, v, d, q.Previous); err != nil {
				return err
			} else if !math.IsNaN(got) {
				before = got
			}
		}
		figs[i] = d.Restate(figs[i], now, before, q.Period)
		figs[i].Exact = true
	}
	return nil
}

// percentile returns a percentile of the events of an interval, and how many they are.
func (q Request) percentile(ctx context.Context, v access.View, d *kpi.Definition, in query.Interval) (float64, int64, error) {
	t, err := q.Events.Aggregate(ctx, v, query.Agg{
		Where: query.And{d.Measured(), query.OfSite(q.Site)}, During: in, Values: []query.Measure{{Fn: measures[d.Percentile], Field: d.Field}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("compute %s of the events: %w", d.ID, err)
	}
	if len(t.Rows) == 0 {
		return math.NaN(), 0, nil
	}
	return d.InUnit(t.Rows[0].Values[0]), t.Rows[0].Count, nil
}
