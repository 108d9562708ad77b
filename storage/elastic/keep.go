package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Marks returns the stored mark of each generation that this writer has written, ordered by generation.
func (s *Store) Marks(ctx context.Context) ([]event.Mark, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.alive(); err != nil {
		return nil, err
	}
	if s.marks == nil {
		if err := s.load(ctx); err != nil {
			return nil, err
		}
	}
	marks := make([]event.Mark, 0, len(s.marks))
	for _, m := range s.marks {
		m.Open = slices.Clone(m.Open)
		marks = append(marks, m)
	}
	slices.SortFunc(marks, func(a, b event.Mark) int { return strings.Compare(a.Gen.String(), b.Gen.String()) })
	return marks, nil
}

// Generations returns every generation that this writer has written, ordered by id.
func (s *Store) Generations(ctx context.Context) ([]event.Generation, error) {
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	var gens []event.Generation
	err := s.eachState(ctx, "generation", func(body json.RawMessage) error {
		var g event.Generation
		err := json.Unmarshal(body, &g)
		gens = append(gens, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the generations: %w", err)
	}
	return gens, nil
}

// An expiry is one run of Expire.
type expiry struct {
	s    *Store
	snap snapshot
	r    storage.Report
}

// Expire drops indices of events whose last event is older than the policy keeps them, indices of rollups likewise, and
// single findings and rollups by their time. What is dropped of events stays counted, so that the store still agrees with
// its marks. A bound on the disk is the cluster's own matter.
func (s *Store) Expire(ctx context.Context, p storage.Policy) (storage.Report, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	e := expiry{s: s}
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	err := s.writable()
	if err == nil {
		e.snap, err = s.begin(ctx)
	}
	if err == nil {
		err = e.events(ctx, p)
	}
	if err == nil {
		err = e.rollups(ctx, p)
	}
	if err == nil && p.Findings > 0 {
		err = e.single(ctx, s.names.findings(), fTime, "findings", p.Now.Add(-p.Findings))
	}
	if err != nil {
		return e.r, fmt.Errorf("drop what is past its time: %w", err)
	}
	return e.r, s.measureStore(ctx, &e.r)
}

func (e *expiry) events(ctx context.Context, p storage.Policy) error {
	if p.Events <= 0 {
		return nil
	}
	return e.indices(ctx, e.s.names.events(), fTime, "events", p.Now.Add(-p.Events))
}

func (e *expiry) rollups(ctx context.Context, p storage.Policy) error {
	if p.Rollups <= 0 {
		return nil
	}
	before := p.Now.Add(-p.Rollups)
	if err := e.indices(ctx, e.s.names.rollups(), "minute", "rollups", before); err != nil {
		return err
	}
	return e.single(ctx, e.s.names.rollups(), "minute", "rollups", before)
}

// single drops documents one by one.
func (e *expiry) single(ctx context.Context, name, field, what string, before time.Time) error {
	n, err := e.s.remove(ctx, name, dsl{"range": dsl{field: dsl{"lt": before.UnixMicro()}}})
	if n > 0 {
		e.r.Dropped = append(e.r.Dropped, storage.Dropped{What: what, N: int64(n), Before: before, Why: "age"})
	}
	return err
}

// indices drops the indices behind an alias that hold nothing after a time.
func (e *expiry) indices(ctx context.Context, alias, field, what string, before time.Time) error {
	var answer searchAnswer
	err := e.s.search(ctx, alias, dsl{"size": 0, "aggs": dsl{"indices": dsl{
		"terms": dsl{"field": "_index", "size": 10_000}, "aggs": dsl{"last": dsl{"max": dsl{"field": field}}}}}}, &answer)
	if err != nil {
		return err
	}
	for _, b := range answer.Aggregations["indices"].Buckets {
		var last struct{ Value float64 }
		if err := json.Unmarshal(b["last"], &last); err != nil {
			return err
		}
		if int64(last.Value) >= before.UnixMicro() {
			continue
		}
		name := b.text()
		if alias == e.s.names.events() {
			if err := e.s.countDropped(ctx, name, e.snap); err != nil {
				return err
			}
		}
		err := e.s.client.call(ctx, http.MethodDelete, "/"+name, nil, nil)
		if err != nil && statusOf(err) != http.StatusNotFound { // another daemon was faster
			return err
		}
		e.s.forget(name)
		e.r.Dropped = append(e.r.Dropped, storage.Dropped{What: what, N: b.count(), Of: name, Why: "age"})
	}
	return nil
}

// A dropped is what an index held of this writer's generations when it was dropped.
type dropped struct {
	Index string           `json:"index"`
	Lines map[string]int64 `json:"lines"` // by generation
}

// countDropped notes what an index holds, before it is dropped.
func (s *Store) countDropped(ctx context.Context, name string, snap snapshot) error {
	d := dropped{Index: name, Lines: make(map[string]int64)}
	if err := s.linesByGen(ctx, name, snap, d.Lines); err != nil {
		return err
	}
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	// An index of the same name that comes later holds other events: the time tells them apart.
	id := fmt.Sprintf("dropped-%s-%s-%d", s.cfg.Writer, name, s.cfg.now().UnixNano())
	err = s.client.call(ctx, http.MethodPut, "/"+s.names.state()+"/_create/"+escapePath(id), stateDoc{Kind: "dropped", Writer: s.cfg.Writer, Body: body}, nil)
	s.touch(s.names.state())
	return err
}

// linesByGen adds up the lines of this writer's events in an index, or behind an alias, by generation.
func (s *Store) linesByGen(ctx context.Context, name string, snap snapshot, lines map[string]int64) error {
	composite := dsl{"size": 5000, "sources": []any{dsl{"gen": dsl{"terms": dsl{"field": fGen}}}}}
	for {
		var answer searchAnswer
		err := s.search(ctx, name, dsl{"size": 0, "query": filter(term(fWriter, s.cfg.Writer), s.standing(snap)), "aggs": dsl{"gens": dsl{
			"composite": composite, "aggs": dsl{"lines": dsl{"sum": dsl{"field": fLines}}}}}}, &answer)
		if err != nil {
			return err
		}
		for _, b := range answer.Aggregations["gens"].Buckets {
			var key struct{ Gen string }
			var sum struct{ Value float64 }
			if err := json.Unmarshal(b["key"], &key); err != nil {
				return err
			}
			if err := json.Unmarshal(b["lines"], &sum); err != nil {
				return err
			}
			lines[key.Gen] += int64(sum.Value)
		}
		after := answer.Aggregations["gens"].AfterKey
		if after == nil {
			return nil
		}
		composite["after"] = after
	}
}

// measureStore fills in how many events there are and how much room they take.
func (s *Store) measureStore(ctx context.Context, r *storage.Report) error {
	var count struct{ Count int64 }
	path := "/" + s.names.events() + "/_count?ignore_unavailable=true"
	if err := s.client.call(ctx, http.MethodGet, path, nil, &count); err != nil {
		return fmt.Errorf("count the events: %w", err)
	}
	var stats struct {
		All struct {
			Primaries struct {
				Store struct {
					Size int64 `json:"size_in_bytes"`
				}
			}
		} `json:"_all"`
	}
	path = "/" + s.names.prefix + "-*/_stats/store?filter_path=_all.primaries"
	if err := s.client.call(ctx, http.MethodGet, path, nil, &stats); err != nil {
		return fmt.Errorf("measure the store: %w", err)
	}
	r.Events, r.Bytes = count.Count, stats.All.Primaries.Store.Size
	return nil
}

// removeVoid removes what was written under numbers that do not count.
func (s *Store) removeVoid(ctx context.Context, void [][2]int64) error {
	var ranges []dsl
	for _, r := range void {
		ranges = append(ranges, dsl{"range": dsl{fBatch: dsl{"gte": r[0], "lte": r[1]}}})
	}
	which := filter(term(fWriter, s.cfg.Writer), either(ranges...))
	for _, name := range []string{s.names.events(), s.names.findings(), s.names.rollups()} {
		if err := s.refresh(ctx, name); err != nil {
			return err
		}
		if _, err := s.remove(ctx, name, which); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the documents behind a name that a condition finds, and returns how many there were.
func (s *Store) remove(ctx context.Context, name string, which dsl) (int, error) {
	for n := 0; ; {
		var answer searchAnswer
		if err := s.search(ctx, name, dsl{"size": 5000, "query": which, "_source": false, "track_total_hits": false}, &answer); err != nil {
			return n, err
		}
		if len(answer.Hits.Hits) == 0 {
			return n, nil
		}
		touched := make(map[string]bool)
		d := s.bulk.deliver(ctx, true)
		for _, h := range answer.Hits.Hits {
			touched[h.Index] = true
			c := d.chunk()
			if c == nil {
				break
			}
			c.delete(h.Index, h.ID)
		}
		if _, err := d.finish(); err != nil {
			return n, err
		}
		n += len(answer.Hits.Hits)
		for index := range touched {
			if err := s.refresh(ctx, index); err != nil {
				return n, err
			}
		}
	}
}

// delete adds the deletion of a document.
func (c *chunk) delete(index, id string) {
	c.ops = append(c.ops, op{from: len(c.buf), index: index, must: true})
	c.buf = append(c.buf, `{"delete":{"_index":`...)
	c.buf = event.AppendJSONString(c.buf, index)
	c.buf = append(c.buf, `,"_id":`...)
	c.buf = event.AppendJSONString(c.buf, id)
	c.buf = append(c.buf, "}}\n"...)
}
