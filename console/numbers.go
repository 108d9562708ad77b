package console

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// numbers is the table that a query asks for behind its |.
type numbers struct {
	Zone   string   // of the steps of time with which rows begin; "" without
	By     []string // the fields of the groups
	Values []string // the measures
	Rows   []numbersRow
	Bound  bool // there may be further groups
}

// A numbersRow is a group in one step of time.
type numbersRow struct {
	Time   string
	Keys   []numbersKey
	Count  int64
	Events string // address of the events that were counted
	Share  int    // of the largest count, in percent
	Values []string
}

type numbersKey struct {
	Value string
	URL   string // address of the query narrowed to the value; "" where there is none
}

func (s *server) numbers(r *request, a ask, t storage.Table) *numbers {
	n := &numbers{By: t.By}
	steps, _ := a.Agg.Steps() // the store has taken them
	layout := "2006-01-02 15:04"
	if a.Agg.Every%time.Minute != 0 {
		layout += ":05"
	}
	if steps != nil {
		if n.Zone = steps.Zone().String(); n.Zone != "UTC" {
			layout += " -07:00"
		}
	}
	for _, m := range a.Agg.Values {
		n.Values = append(n.Values, m.String())
	}
	largest := int64(1)
	for _, row := range t.Rows {
		largest = max(largest, row.Count)
	}
	groups := map[string]bool{}
	for _, row := range t.Rows {
		one := numbersRow{Count: row.Count, Share: max(1, int(100*row.Count/largest))}
		cond := a.Condition
		group := ""
		for i, key := range row.Key {
			k := numbersKey{Value: key}
			group += key + "\x00"
			if key != "" && fieldName(t.By[i]) {
				k.URL = a.url(r, a.narrowed(is(t.By[i], key)))
				cond = both(cond, is(t.By[i], key))
			} else {
				cond = both(cond, "not "+t.By[i]+":*")
			}
			one.Keys = append(one.Keys, k)
		}
		groups[group] = true
		one.Events = a.url(r, cond)
		if steps != nil {
			one.Time = utc(row.Time).In(steps.Zone()).Format(layout)
			one.Events = r.search(cond, row.Time, steps.End(row.Time))
		}
		for i, v := range row.Values {
			one.Values = append(one.Values, s.measured(a.Agg.Values[i], v))
		}
		n.Rows = append(n.Rows, one)
	}
	n.Bound = len(groups) >= cmp.Or(a.Agg.Limit, query.DefaultGroups)
	return n
}

// measured writes a measure's number: durations with a unit, what was not measured as a dash.
func (s *server) measured(m query.Measure, v float64) string {
	f, known := s.Schema.Lookup(m.Field)
	switch {
	case math.IsNaN(v):
		return "–"
	case known && m.Fn != "distinct" && s.Schema.Def(f).Kind == event.Duration:
		return duration(time.Duration(v))
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return number(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
