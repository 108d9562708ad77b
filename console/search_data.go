package console

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// found is what the store says to a search.
type found struct {
	rows      storage.Rows
	table     storage.Table // instead of rows, where numbers are asked for
	histogram []storage.TableRow
	step      time.Duration
	total     int64
	facets    []facet
	uncounted bool // fields were left out for want of time
}

// A facet is one field with its most frequent values, counted over the whole result.
type facet struct {
	Field  string
	Values []facetValue
}

type facetValue struct {
	Value, URL string
	Count      int64
	Share      int // of the largest, in percent
}

// facetFields are the fields that are broken down, as far as the result has them.
var facetFields = []string{"event.dataset", "source.ip", "user.name", "event.outcome", "http.response.status_code", "log.level", "host.name"}

// facetValues is how many values of a field are shown, facetsShown how many fields.
const (
	facetValues = 7
	facetsShown = 5
)

// facetsIn is how long a search may have taken for fields to be counted, each of which takes as long again.
const facetsIn = 5 * time.Second

// mostBars bounds the bars of the histogram.
const mostBars = 72

func (s *server) readSearch(ctx context.Context, r *request, a ask, during query.Interval) (f found, err error) {
	began := time.Now()
	all := query.And{a.Where, query.OfSite(r.site)}
	view := s.view(r.Request)
	if a.Agg != nil {
		r.scan.does("Asking for numbers of events")
		asked := *a.Agg
		asked.Where, asked.During = all, during
		if f.table, err = s.Reader.Aggregate(ctx, view, asked); err != nil {
			return f, fmt.Errorf("ask for numbers of events: %w", err)
		}
	} else {
		r.scan.does("Looking for events")
		f.rows, err = s.Reader.Search(ctx, view, query.Search{Where: all, During: during, Limit: eventsPerPage, After: a.after})
		if err != nil {
			return f, fmt.Errorf("search events: %w", err)
		}
	}
	f.step = roundStep(time.Duration(during.To-during.From)*time.Microsecond, mostBars)
	r.scan.does("Counting them over time")
	t, err := s.Reader.Aggregate(ctx, view, query.Agg{Where: all, During: during, Every: f.step, Limit: 1000})
	if err != nil {
		return f, fmt.Errorf("count events over time: %w", err)
	}
	f.histogram = t.Rows
	for _, row := range t.Rows {
		f.total += row.Count
	}
	if f.total == 0 {
		return f, nil
	}
	for _, field := range facetFields {
		if len(f.facets) == facetsShown {
			break
		}
		if time.Since(began) > facetsIn {
			f.uncounted = true
			break
		}
		r.scan.does("Counting them by " + field)
		t, err := s.Reader.Aggregate(ctx, view, query.Agg{Where: all, During: during, By: []string{field}, Limit: facetValues + 1})
		if err != nil {
			return f, fmt.Errorf("count events by %s: %w", field, err)
		}
		if one := newFacet(r, a, field, t); len(one.Values) > 0 {
			f.facets = append(f.facets, one)
		}
	}
	return f, nil
}

// newFacet leaves out the events that do not have the field.
func newFacet(r *request, a ask, field string, t storage.Table) facet {
	f := facet{Field: field}
	for _, row := range t.Rows {
		if row.Key[0] == "" || len(f.Values) == facetValues {
			continue
		}
		if len(f.Values) == 0 && row.Count == 0 {
			break
		}
		v := facetValue{Value: row.Key[0], Count: row.Count, URL: a.url(r, a.narrowed(is(field, row.Key[0])))}
		largest := row.Count
		if len(f.Values) > 0 {
			largest = f.Values[0].Count
		}
		v.Share = max(1, int(100*row.Count/max(largest, 1)))
		f.Values = append(f.Values, v)
	}
	return f
}
