package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Findings returns findings, newest first, those of one time by id. A narrowed view sees a finding if it sees every
// event that is its evidence, as long as the events are stored.
func (s *Store) Findings(ctx context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if v.None() {
		return nil, s.alive()
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []event.Finding
	err := s.attempt(ctx, func(c compiler, snap snapshot) error {
		found = nil
		body := dsl{"query": s.findingQuery(q, snap), "sort": []any{dsl{fTime: "desc"}, dsl{"id": "desc"}},
			"size": min(limit, mostHits), "track_total_hits": false, "_source": []string{"body"}}
		if q.Before != "" {
			after, err := s.placeOf(ctx, q.Before)
			if err != nil || after == nil {
				return err
			}
			body["search_after"] = after
		}
		for {
			page, err := s.findingPage(ctx, body)
			if err != nil {
				return err
			}
			for _, f := range page {
				seen, err := s.sees(ctx, c, snap, v, f)
				if err != nil {
					return err
				}
				if seen {
					found = append(found, f)
				}
				if len(found) == limit {
					return nil
				}
			}
			if len(page) < body["size"].(int) {
				return nil
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	return found, nil
}

func (s *Store) findingQuery(q storage.FindingQuery, snap snapshot) dsl {
	conds := []dsl{s.standing(snap)}
	if q.ID != "" {
		conds = append(conds, term("id", q.ID))
	}
	for field, values := range map[string][]string{"rule": q.Rules, "severity": q.Severities} {
		if len(values) > 0 {
			conds = append(conds, dsl{"terms": dsl{field: values}})
		}
	}
	if q.Audience != "" {
		conds = append(conds, term("audience", q.Audience))
	}
	if q.Site != nil {
		conds = append(conds, term(fieldSite, *q.Site))
	}
	return filter(append(conds, between(fTime, q.During)...)...)
}

// between is the condition that a time in µs lies in an interval.
func between(field string, during query.Interval) []dsl {
	bound := dsl{}
	if during.From != 0 {
		bound["gte"] = during.From
	}
	if during.To != 0 {
		bound["lt"] = during.To
	}
	if len(bound) == 0 {
		return nil
	}
	return []dsl{{"range": dsl{field: bound}}}
}

// findingPage reads a page of findings and makes body ask for the next.
func (s *Store) findingPage(ctx context.Context, body dsl) ([]event.Finding, error) {
	var answer searchAnswer
	if err := s.search(ctx, s.names.findings(), body, &answer); err != nil {
		return nil, err
	}
	var page []event.Finding
	for _, h := range answer.Hits.Hits {
		var doc struct{ Body json.RawMessage }
		err := json.Unmarshal(h.Source, &doc)
		if err == nil {
			var f event.Finding
			f, err = storage.ReadFinding(doc.Body)
			page = append(page, f)
		}
		if err != nil {
			return nil, fmt.Errorf("a stored finding that cannot be read: %w", err)
		}
		body["search_after"] = h.Sort
	}
	return page, nil
}

// placeOf returns where a finding stands in the order of findings, nil if there is none of that id.
func (s *Store) placeOf(ctx context.Context, id string) ([]any, error) {
	var doc struct {
		Source struct {
			Time json.Number `json:"veritail.store.time"`
		} `json:"_source"`
	}
	err := s.client.call(ctx, http.MethodGet, "/"+s.names.findings()+"/_doc/"+escapePath(id), nil, &doc)
	if statusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	return []any{doc.Source.Time, id}, err
}

// sees reports whether a view sees all the evidence of f.
func (s *Store) sees(ctx context.Context, c compiler, snap snapshot, v access.View, f event.Finding) (bool, error) {
	if v.Filter() == nil {
		return true, nil
	}
	distinct := make(map[query.ID]bool)
	var ids []query.ID
	for _, e := range f.Evidence {
		if len(e.Spans) == 0 {
			return false, nil
		}
		id := query.ID{Gen: e.Gen, Off: e.Spans[0].Off}
		if !distinct[id] {
			distinct[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	w, err := s.where(c, v, nil, query.Interval{}, snap)
	if err != nil {
		return false, err
	}
	rows, err := s.searchRows(ctx, w, query.Search{IDs: ids}, len(ids))
	return len(rows.Events) == len(ids), err
}

// Rollups returns the sums of the deltas, ordered by series, data set, minute and bucket; without Series, of all. A
// rollup knows its site and data set only: a view that is narrowed by anything else sees none.
func (s *Store) Rollups(ctx context.Context, v access.View, q storage.RollupQuery) ([]event.Delta, error) {
	if v.None() || !query.Only(v.Filter(), event.FieldDataset, event.FieldSite) {
		return nil, s.alive()
	}
	seen, err := query.Compile(v.Filter())
	if err != nil {
		return nil, fmt.Errorf("read the rollups: %w", err)
	}
	snap, err := s.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the rollups: %w", err)
	}
	var deltas []event.Delta
	err = s.eachCell(ctx, s.rollupQuery(q, snap), q.Every.Microseconds(), func(d event.Delta) {
		d.Site = q.Site
		if seesCell(seen, d) {
			deltas = append(deltas, d)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the rollups: %w", err)
	}
	slices.SortFunc(deltas, compareDeltas)
	return deltas, nil
}

func compareDeltas(a, b event.Delta) int {
	return cmp.Or(strings.Compare(a.Series, b.Series), strings.Compare(a.Dataset, b.Dataset),
		cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Bucket, b.Bucket))
}

// seesCell reports whether a condition on site and data set holds for a cell.
func seesCell(m *query.Matcher, d event.Delta) bool {
	p := &event.Page{Schema: event.NewSchema(), Arena: &event.Arena{}, Data: d.Dataset, Site: d.Site}
	p.AddRow(event.Str{}, 1, []event.Span{{}})
	p.Complete()
	var bits event.Bits
	m.Match(p, &bits)
	return bits.Has(0)
}

func (s *Store) rollupQuery(q storage.RollupQuery, snap snapshot) dsl {
	conds := append(between("minute", q.During), s.standing(snap))
	for _, r := range snap.void {
		conds = append(conds, without(filter(term(fWriter, s.cfg.Writer), dsl{"range": dsl{fBatch: dsl{"gte": r[0], "lte": r[1]}}})))
	}
	if q.Site == "" {
		conds = append(conds, without(exists(fieldSite)))
	} else {
		conds = append(conds, term(fieldSite, q.Site))
	}
	var series []dsl
	for _, name := range q.Series {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			series = append(series, dsl{"prefix": dsl{"series": dsl{"value": prefix}}})
		} else {
			series = append(series, term("series", name))
		}
	}
	if len(series) > 0 {
		conds = append(conds, either(series...))
	}
	return filter(conds...)
}

// eachCell calls f with the sums of the cells, in no order.
func (s *Store) eachCell(ctx context.Context, where dsl, every int64, f func(event.Delta)) error {
	minute := dsl{"terms": dsl{"field": "minute"}}
	if every > 0 {
		minute = dsl{"histogram": dsl{"field": "minute", "interval": every}}
	}
	composite := dsl{"size": 5000, "sources": []any{
		dsl{"series": dsl{"terms": dsl{"field": "series"}}},
		dsl{"dataset": dsl{"terms": dsl{"field": fieldDataset, "missing_bucket": true}}},
		dsl{"minute": minute},
		dsl{"bucket": dsl{"terms": dsl{"field": "bucket"}}},
	}}
	cells := dsl{"composite": composite, "aggs": dsl{"n": dsl{"sum": dsl{"field": "n"}}, "sum": dsl{"sum": dsl{"field": "sum"}}}}
	for {
		var answer searchAnswer
		if err := s.search(ctx, s.names.rollups(), dsl{"size": 0, "track_total_hits": false, "query": where, "aggs": dsl{"cells": cells}}, &answer); err != nil {
			return err
		}
		for _, b := range answer.Aggregations["cells"].Buckets {
			d, err := cellOf(b)
			if err != nil {
				return fmt.Errorf("read a sum: %w", err)
			}
			f(d)
		}
		after := answer.Aggregations["cells"].AfterKey
		if after == nil {
			return nil
		}
		composite["after"] = after
	}
}

func cellOf(b bucket) (event.Delta, error) {
	var key struct {
		Series, Dataset string
		Minute          float64
		Bucket          int32
	}
	var n, sum struct{ Value float64 }
	for raw, into := range map[string]any{"key": &key, "n": &n, "sum": &sum} {
		if err := json.Unmarshal(b[raw], into); err != nil {
			return event.Delta{}, err
		}
	}
	return event.Delta{Series: key.Series, Dataset: key.Dataset, Minute: int64(key.Minute), Bucket: key.Bucket, N: int64(n.Value), Sum: sum.Value}, nil
}
