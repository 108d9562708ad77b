package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/saypro/veritail/storage"
)

// maxRepeats bounds the repeated events that Check names.
const maxRepeats = 20

// Check compares the lines of each of this writer's generations with its mark, and looks for events that stand in two
// indices (within one, ids are unique).
func (s *Store) Check(ctx context.Context) (storage.Report, error) {
	var r storage.Report
	if err := s.check(ctx, &r); err != nil {
		return r, fmt.Errorf("check the store: %w", err)
	}
	return r, nil
}

func (s *Store) check(ctx context.Context, r *storage.Report) error {
	marks, err := s.Marks(ctx)
	if err != nil {
		return err
	}
	snap, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if err := s.measureStore(ctx, r); err != nil {
		return err
	}
	lines := make(map[string]int64)
	if err := s.linesByGen(ctx, s.names.events(), snap, lines); err != nil {
		return err
	}
	err = s.eachState(ctx, "dropped", func(body json.RawMessage) error {
		var d dropped
		err := json.Unmarshal(body, &d)
		for gen, n := range d.Lines {
			lines[gen] += n
		}
		return err
	})
	if err != nil {
		return err
	}
	for gen, n := range s.Quarantined() {
		lines[gen.String()] += n
	}
	accounted := make(map[string]int64)
	for _, m := range marks {
		accounted[m.Gen.String()] = m.Lines.Parsed + m.Lines.Unparsed
		lines[m.Gen.String()] += 0
	}
	for _, gen := range slices.Sorted(maps.Keys(lines)) {
		if lines[gen] != accounted[gen] {
			r.Problems = append(r.Problems, fmt.Sprintf("generation %s: its mark accounts for %d lines, %d were stored", gen, accounted[gen], lines[gen]))
		}
	}
	return s.repeated(ctx, r)
}

// repeated looks for ids that stand in two indices: in generations that do.
func (s *Store) repeated(ctx context.Context, r *storage.Report) error {
	composite := dsl{"size": 2000, "sources": []any{dsl{"gen": dsl{"terms": dsl{"field": fGen}}}}}
	for {
		var answer searchAnswer
		err := s.search(ctx, s.names.events(), dsl{"size": 0, "query": filter(term(fWriter, s.cfg.Writer)), "aggs": dsl{"gens": dsl{
			"composite": composite, "aggs": dsl{"indices": dsl{"cardinality": dsl{"field": "_index"}}}}}}, &answer)
		if err != nil {
			return err
		}
		for _, b := range answer.Aggregations["gens"].Buckets {
			var key struct{ Gen string }
			var indices struct{ Value int }
			if err := json.Unmarshal(b["key"], &key); err != nil {
				return err
			}
			if err := json.Unmarshal(b["indices"], &indices); err != nil {
				return err
			}
			if indices.Value > 1 {
				if err := s.repeatedOf(ctx, key.Gen, r); err != nil {
					return err
				}
			}
		}
		after := answer.Aggregations["gens"].AfterKey
		if after == nil {
			return nil
		}
		composite["after"] = after
	}
}

// repeatedOf looks for events of one generation that stand twice.
func (s *Store) repeatedOf(ctx context.Context, gen string, r *storage.Report) error {
	composite := dsl{"size": 5000, "sources": []any{dsl{"off": dsl{"terms": dsl{"field": fieldOffset}}}}}
	for found := 0; found < maxRepeats; {
		var answer searchAnswer
		err := s.search(ctx, s.names.events(), dsl{"size": 0, "query": filter(term(fGen, gen)), "aggs": dsl{"events": dsl{"composite": composite}}}, &answer)
		if err != nil {
			return err
		}
		for _, b := range answer.Aggregations["events"].Buckets {
			if b.count() > 1 && found < maxRepeats {
				var key struct{ Off json.Number }
				if err := json.Unmarshal(b["key"], &key); err != nil {
					return err
				}
				r.Problems = append(r.Problems, fmt.Sprintf("event %s-%s is stored %d times", gen, key.Off, b.count()))
				found++
			}
		}
		after := answer.Aggregations["events"].AfterKey
		if after == nil {
			return nil
		}
		composite["after"] = after
	}
	return nil
}
