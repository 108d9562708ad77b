package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// errLocal is why an aggregation is made here, of the events themselves.
var errLocal = errors.New("the index cannot aggregate this")

// mostGroups bounds the groups that an aggregation may meet, before the smallest are left out.
const mostGroups = 1_000_000

// Aggregate counts and measures matching events. Percentiles are of a histogram with three significant digits; distinct
// values are within 0.1 % up to 10,000 and within 1 % above: two in 10,000 may share their 25 bits of a hash. What the index cannot aggregate is read and aggregated here, exactly.
func (s *Store) Aggregate(ctx context.Context, v access.View, q query.Agg) (storage.Table, error) {
	if err := s.checkMeasures(q); err != nil {
		return storage.Table{}, fmt.Errorf("aggregate the events: %w", err)
	}
	t := newTable(q)
	if v.None() {
		return t.table(), s.alive()
	}
	err := s.attempt(ctx, func(c compiler, snap snapshot) error {
		w, err := s.where(c, v, q.Where, q.During, snap)
		if err != nil {
			return err
		}
		t = newTable(q)
		err = errLocal
		if w.exact() {
			if err = s.aggregate(ctx, c, w, q, t); err == nil {
				alone(ctx)
			}
		}
		if errors.Is(err, errLocal) || statusOf(err) == http.StatusBadRequest && c.loose || statusOf(err) == http.StatusInternalServerError {
			t = newTable(q)
			err = s.aggregateHere(ctx, w, q, t)
		}
		return err
	})
	if err != nil {
		return storage.Table{}, fmt.Errorf("aggregate the events: %w", err)
	}
	return t.table(), nil
}

var percents = map[string]float64{"p50": 50, "p95": 95, "p99": 99}

// checkMeasures refuses measures that there are not.
func (s *Store) checkMeasures(q query.Agg) error {
	if _, err := q.Steps(); err != nil {
		return err
	}
	for _, m := range q.Values {
		_, percentile := percents[m.Fn]
		switch {
		case m.Fn == "distinct":
		case !percentile && m.Fn != "sum" && m.Fn != "avg" && m.Fn != "min" && m.Fn != "max":
			return fmt.Errorf("unknown measure %q", m.Fn)
		default:
			if f, ok := s.cfg.Schema.Lookup(m.Field); ok {
				if k := s.cfg.Schema.Def(f).Kind; k == event.Text || k == event.Address {
					return fmt.Errorf("%s of %s, which is of kind %s", m.Fn, m.Field, k)
				}
			}
		}
	}
	return nil
}

// aggregate lets the index do it, or returns errLocal.
func (s *Store) aggregate(ctx context.Context, c compiler, w where, q query.Agg, t *table) error {
	measures := dsl{}
	for i, m := range q.Values {
		a, err := s.measure(c, m)
		if err != nil {
			return err
		}
		measures["v"+strconv.Itoa(i)] = a
	}
	if len(q.By) == 0 && q.Every == 0 {
		var answer struct {
			searchAnswer
			Aggregations bucket
		}
		if err := s.searchInto(ctx, s.names.events(), dsl{"size": 0, "track_total_hits": true, "query": w.upper, "aggs": measures}, &answer, &answer.searchAnswer); err != nil {
			return err
		}
		values, err := answer.Aggregations.values(q.Values)
		if err != nil {
			return err
		}
		return t.add(0, nil, answer.Hits.Total.Value, values)
	}
	return s.compose(ctx, c, w, q, measures, t)
}

// indexed returns the name under which values of a field can be grouped and measured, and their kind.
func (s *Store) indexed(c compiler, name string) (field string, kind event.Kind, err error) {
	f, known := s.cfg.Schema.Lookup(name)
	switch {
	case !known && c.marked(member(name)):
		return "", 0, errLocal
	case !known:
		return fExtra + "." + name, event.Keyword, nil
	case c.marked(name), f == event.FieldTime:
		return "", 0, errLocal
	}
	switch kind = s.cfg.Schema.Def(f).Kind; kind {
	case event.Text:
		return "", 0, errLocal
	case event.Time:
		return fMicros + name, kind, nil
	}
	return name, kind, nil
}

// measure returns the aggregation of one measure.
func (s *Store) measure(c compiler, m query.Measure) (dsl, error) {
	field, kind, err := fTime, event.Time, error(nil)
	timed := m.Field == fieldTime
	if !timed {
		if field, kind, err = s.indexed(c, m.Field); err != nil {
			return nil, err
		}
	}
	var a dsl
	switch p, percentile := percents[m.Fn]; {
	case m.Fn == "distinct":
		a = dsl{"cardinality": dsl{"field": field, "precision_threshold": 40_000}}
	case kind == event.Keyword:
		return nil, errLocal // texts that are numbers
	case percentile:
		a = dsl{"percentiles": dsl{"field": field, "percents": []float64{p}, "keyed": false, "hdr": dsl{"number_of_significant_value_digits": 3}}}
	default:
		a = dsl{"stats": dsl{"field": field}} // tells how many there are, too
	}
	if timed {
		a = dsl{"filter": exists(fieldTime), "aggs": dsl{"v": a}}
	}
	return a, nil
}

// A bucket is one group of an aggregation, or the whole: its key, its count, and the measures by name.
type bucket map[string]json.RawMessage

func (b bucket) count() int64 {
	n, _ := strconv.ParseInt(string(b["doc_count"]), 10, 64) // Elasticsearch writes it
	return n
}

// text is the key of a group by one field.
func (b bucket) text() string { return string(unquoted(b["key"])) }

// values reads the measures of a group, NaN where no event has the field.
func (b bucket) values(measures []query.Measure) ([]float64, error) {
	values := make([]float64, len(measures))
	for i, m := range measures {
		raw := b["v"+strconv.Itoa(i)]
		if raw == nil { // there is no index yet
			values[i] = math.NaN()
			continue
		}
		var a struct {
			V                  json.RawMessage
			Value              *float64
			Values             []struct{ Value *float64 }
			Count              int64
			Sum, Avg, Min, Max *float64
		}
		err := json.Unmarshal(raw, &a)
		if err == nil && a.V != nil {
			raw = a.V
			a.V = nil
			err = json.Unmarshal(raw, &a)
		}
		if err != nil {
			return nil, fmt.Errorf("read the measure %s of %s: %w", m.Fn, m.Field, err)
		}
		value := map[string]*float64{"sum": a.Sum, "avg": a.Avg, "min": a.Min, "max": a.Max}[m.Fn]
		switch {
		case m.Fn == "distinct":
			value = a.Value
			if value != nil && *value == 0 {
				value = nil
			}
		case len(a.Values) > 0:
			value = a.Values[0].Value
		case m.Fn == "sum" && a.Count == 0:
			value = nil
		}
		values[i] = math.NaN()
		if value != nil {
			values[i] = *value
		}
	}
	return values, nil
}

// A key is a field that is grouped by.
type key struct {
	field string
	kind  event.Kind
}

// compose groups by composite aggregation, which counts every group, a page of groups at a time.
func (s *Store) compose(ctx context.Context, c compiler, w where, q query.Agg, measures dsl, t *table) error {
	var sources []any
	var keys []key
	for i, name := range q.By {
		field, kind, err := s.indexed(c, name)
		if err != nil {
			return err
		}
		keys = append(keys, key{field, kind})
		sources = append(sources, dsl{"k" + strconv.Itoa(i): dsl{"terms": dsl{"field": field, "missing_bucket": true}}})
	}
	steps, err := q.Steps()
	if err != nil {
		return err
	}
	if steps == nil {
		return s.composeRun(ctx, w.upper, sources, keys, q, measures, t)
	}
	runs, err := s.runs(ctx, w, q, steps)
	if err != nil {
		return err
	}
	for i, r := range runs {
		bound := dsl{}
		if i > 0 {
			bound["gte"] = r.From
		}
		if i < len(runs)-1 {
			bound["lt"] = r.To
		}
		within := filter(w.upper, dsl{"range": dsl{fTime: bound}})
		// It counts µs, whatever Elasticsearch takes them for. A histogram's steps begin at 0 only.
		step := dsl{"step": dsl{"date_histogram": dsl{"field": fTime, "fixed_interval": strconv.FormatInt(r.Step, 10) + "ms",
			"offset": strconv.FormatInt(r.From%r.Step, 10) + "ms"}}}
		if err := s.composeRun(ctx, within, append([]any{step}, sources...), keys, q, measures, t); err != nil {
			return err
		}
	}
	return nil
}

// runs returns the runs of steps in which the events lie.
func (s *Store) runs(ctx context.Context, w where, q query.Agg, steps *query.Steps) ([]query.Run, error) {
	during := query.Narrow(q.During, q.Where)
	if steps.Zone() != time.UTC && (during.From == 0 || during.To == 0) {
		var answer struct {
			searchAnswer
			Aggregations map[string]struct{ Value *float64 }
		}
		ends := dsl{"min": dsl{"min": dsl{"field": fTime}}, "max": dsl{"max": dsl{"field": fTime}}}
		if err := s.searchInto(ctx, s.names.events(), dsl{"size": 0, "track_total_hits": false, "query": w.upper, "aggs": ends}, &answer, &answer.searchAnswer); err != nil {
			return nil, err
		}
		first, last := answer.Aggregations["min"].Value, answer.Aggregations["max"].Value
		if first == nil || last == nil {
			return nil, nil
		}
		during = query.Interval{From: int64(*first), To: int64(*last) + 1}
	}
	return steps.Runs(during.From, during.To), nil
}

// composeRun groups the events of a query by sources.
func (s *Store) composeRun(ctx context.Context, where dsl, sources []any, keys []key, q query.Agg, measures dsl, t *table) error {
	composite := dsl{"size": 5000, "sources": sources}
	if len(measures) > 0 {
		composite["size"] = 1000
	}
	groups := dsl{"composite": composite}
	if len(measures) > 0 {
		groups["aggs"] = measures
	}
	for {
		var answer searchAnswer
		if err := s.search(ctx, s.names.events(), dsl{"size": 0, "track_total_hits": false, "query": where, "aggs": dsl{"groups": groups}}, &answer); err != nil {
			return err
		}
		for _, b := range answer.Aggregations["groups"].Buckets {
			if err := s.addBucket(b, keys, q, t); err != nil {
				return err
			}
		}
		after := answer.Aggregations["groups"].AfterKey
		if after == nil {
			return nil
		}
		composite["after"] = after
	}
}

func (s *Store) addBucket(b bucket, keys []key, q query.Agg, t *table) error {
	var parts bucket
	if err := json.Unmarshal(b["key"], &parts); err != nil {
		return fmt.Errorf("read a group: %w", err)
	}
	step := int64(0)
	if q.Every != 0 {
		f, err := strconv.ParseFloat(string(parts["step"]), 64)
		if err != nil {
			return fmt.Errorf("read a group's time: %w", err)
		}
		step = int64(f)
	}
	values := make([]groupValue, len(keys))
	for i, k := range keys {
		var err error
		if values[i], err = k.value(parts["k"+strconv.Itoa(i)]); err != nil {
			return fmt.Errorf("read a group of %s: %w", q.By[i], err)
		}
	}
	measured, err := b.values(q.Values)
	if err != nil {
		return err
	}
	return t.add(step, values, b.count(), measured)
}

// value reads the value of a group.
func (k key) value(raw json.RawMessage) (groupValue, error) {
	if string(raw) == "null" {
		return missing(k.kind), nil
	}
	switch k.kind {
	case event.Keyword:
		return textValue(string(unquoted(raw))), nil
	case event.Address:
		return addressValue(string(unquoted(raw)))
	case event.Float:
		v, err := strconv.ParseFloat(string(raw), 64)
		return numberValue(v), err
	case event.Bool:
		v, err := strconv.ParseBool(string(raw))
		return boolValue(v), err
	}
	v, err := strconv.ParseInt(string(raw), 10, 64)
	return intValue(k.kind, v), err
}

// whole returns an error where an answer is not complete.
func (a *searchAnswer) whole() error {
	if a.TimedOut || a.Shards.Failed > 0 {
		return fmt.Errorf("%d of %d shards did not answer", a.Shards.Failed, a.Shards.Total)
	}
	return nil
}

// An aggregation is groups, as Elasticsearch answers them.
type aggregation struct {
	Buckets  []bucket
	AfterKey json.RawMessage `json:"after_key"`
}
