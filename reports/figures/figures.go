// Package figures reads key figures from a store: for reports, for the console and for the summary of a scan. It knows
// which rollups a figure is made of and how finely they have to be read; what follows from them is rules/kpi's.
package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A Request says which figures are wanted.
type Request struct {
	Defs     []kpi.Definition
	Site     string         // "" is this machine
	Period   query.Interval // both bounds set
	Previous query.Interval // zero: nothing is compared
	// Every is what sums are read by, minutes where it is 0. What a step has that begins before a period counts as of
	// the period: it is for periods of whole steps, or such that hold all events.
	Every time.Duration
	// Prometheus answers what is asked of it; nil: that is not measured.
	Prometheus *Prometheus
	// Events computes percentiles of the events themselves, where it still has them; nil: they come from histograms.
	Events storage.Reader
}

// Read returns the figures of the request's definitions, in their order. The error is of the store.
func Read(ctx context.Context, r storage.Results, v access.View, q Request) ([]kpi.Figure, error) {
	cells, err := readSums(ctx, r, v, q)
	if err != nil {
		return nil, err
	}
	first := q.Period
	if q.Previous != (query.Interval{}) {
		first.From = min(first.From, q.Previous.From)
	}
	more, err := Moments(ctx, r, v, q.Site, q.Defs, first)
	if err != nil {
		return nil, err
	}
	figs := kpi.Evaluate(q.Defs, append(cells, more...), q.Period, q.Previous)
	q.ask(ctx, figs)
	return figs, q.exact(ctx, v, figs)
}

// readSums reads what adds up, of both periods.
func readSums(ctx context.Context, r storage.Results, v access.View, q Request) ([]event.Delta, error) {
	series := kpi.Series(q.Defs)
	if len(series) == 0 {
		return nil, nil
	}
	cells, err := own(ctx, r, v, q)
	if err != nil {
		return nil, err
	}
	for _, during := range []query.Interval{q.Previous, q.Period} {
		if during == (query.Interval{}) {
			continue
		}
		every := max(q.Every, time.Minute)
		got, err := r.Rollups(ctx, v, storage.RollupQuery{Site: q.Site, Series: series, During: kpi.Align(during, every), Every: every})
		if err != nil {
			return nil, fmt.Errorf("read the rollups of the key figures: %w", err)
		}
		for i := range got {
			got[i].Minute = max(got[i].Minute, during.From)
		}
		cells = append(cells, got...)
	}
	return cells, nil
}

// own reads the occurrences of the daemon's own rules, which are findings.
func own(ctx context.Context, r storage.Results, v access.View, q Request) ([]event.Delta, error) {
	var rules []string
	for i := range q.Defs {
		for _, rule := range q.Defs[i].Rules {
			if kpi.Own(rule) {
				rules = append(rules, rule)
			}
		}
	}
	if len(rules) == 0 {
		return nil, nil
	}
	var cells []event.Delta
	for _, during := range []query.Interval{q.Previous, q.Period} {
		if during == (query.Interval{}) {
			continue
		}
		const page = 500
		for before := ""; ; {
			found, err := r.Findings(ctx, v, storage.FindingQuery{Site: &q.Site, Rules: rules, During: during, Before: before, Limit: page})
			if err != nil {
				return nil, fmt.Errorf("read the daemon's own findings: %w", err)
			}
			for i := range found {
				cells = append(cells, kpi.Occurred(&found[i]))
			}
			if len(found) < page {
				break
			}
			before = found[page-1].ID
		}
	}
	return cells, nil
}

// Moments reads what says in a period, and before it as far as that holds, that services are up or down.
func Moments(ctx context.Context, r storage.Results, v access.View, site string, defs []kpi.Definition, during query.Interval) ([]event.Delta, error) {
	var cells []event.Delta
	read := func(series []string, from, to int64, every time.Duration) error {
		got, err := r.Rollups(ctx, v, storage.RollupQuery{Site: site, Series: series, During: query.Interval{From: from, To: to}, Every: every})
		if err != nil {
			return fmt.Errorf("read what says whether services are up: %w", err)
		}
		cells = append(cells, got...)
		return nil
	}
	byLookback := map[time.Duration][]string{}
	var seen []string
	for i := range defs {
		d := &defs[i]
		if !d.Services() {
			continue
		}
		byLookback[d.Lookback()] = append(byLookback[d.Lookback()], d.Moments()...)
		seen = append(seen, d.Seen())
	}
	if len(seen) == 0 {
		return nil, nil
	}
	longest := time.Duration(0)
	for back, series := range byLookback {
		longest = max(longest, back)
		if err := read(series, during.From-back.Microseconds(), during.To, 0); err != nil {
			return nil, err
		}
	}
	// That something was there before is enough to know: by the day, which lies before the period in any case.
	if err := read(seen, during.From-longest.Microseconds(), during.From, 24*time.Hour); err != nil {
		return nil, err
	}
	return cells, read(seen, during.From, during.To, 0)
}

// Days returns the figures of the request's definitions for each day (UTC) of its period, in their order.
func Days(ctx context.Context, r storage.Results, v access.View, q Request) ([][]kpi.Point, error) {
	const day = 24 * time.Hour
	q.Period, q.Previous, q.Every = kpi.Align(q.Period, day), query.Interval{}, day
	cells, err := readSums(ctx, r, v, q)
	if err != nil {
		return nil, err
	}
	more, err := Moments(ctx, r, v, q.Site, q.Defs, q.Period)
	if err != nil {
		return nil, err
	}
	cells = append(cells, more...)
	out := make([][]kpi.Point, len(q.Defs))
	for i := range q.Defs {
		d := &q.Defs[i]
		if d.Kind != kpi.PromQL {
			out[i] = kpi.Points(d, cells, q.Period, day)
			continue
		}
		var samples []kpi.Point
		if q.Prometheus != nil {
			// One that does not answer leaves a gap here; the figure beside it says why.
			samples, _ = q.Prometheus.Samples(ctx, d.Query, q.Period)
		}
		out[i] = d.SamplePoints(samples, q.Period, day)
	}
	return out, nil
}
