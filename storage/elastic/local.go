package elastic

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// mostValues bounds what an aggregation made here keeps in memory: values for percentiles, and distinct ones.
const mostValues = 5_000_000

// A gauge measures one thing in one group.
type gauge struct {
	count    int64
	sum      float64
	min, max float64
	values   []float64           // for percentiles
	distinct map[string]struct{} // texts
}

// aggregateHere reads the events and aggregates them.
func (s *Store) aggregateHere(ctx context.Context, w where, q query.Agg, t *table) error {
	gauges := make(map[*tableRow][]gauge)
	kept := 0
	steps, err := q.Steps()
	if err != nil {
		return err
	}
	err = s.scan(ctx, w, func(p *event.Page) error {
		for i := range p.N {
			row := p.Row(i)
			key := make([]groupValue, len(q.By))
			for k, name := range q.By {
				key[k] = groupOf(row, name)
			}
			begin := int64(0)
			if steps != nil {
				begin = steps.Begin(p.Time(i))
			}
			r, first, err := t.row(begin, key)
			if err != nil {
				return err
			}
			if first {
				gauges[r] = make([]gauge, len(q.Values))
			}
			r.count++
			for k, m := range q.Values {
				kept += gauges[r][k].add(row, m)
			}
		}
		if kept > mostValues {
			return fmt.Errorf("more than %d values would have to be kept in memory; narrow the query", mostValues)
		}
		return nil
	})
	for r, list := range gauges {
		for k, m := range q.Values {
			r.values = append(r.values, list[k].value(m))
		}
	}
	return err
}

// groupOf is the value by which a row is grouped.
func groupOf(row event.Row, name string) groupValue {
	f, known := row.Page.Schema.Lookup(name)
	if !known {
		return textValue(memberText(row, name))
	}
	kind := row.Page.Schema.Def(f).Kind
	v, ok := row.Value(f)
	if !ok {
		return missing(kind)
	}
	switch v := v.(type) {
	case int64:
		return intValue(kind, v)
	case time.Time:
		return intValue(kind, v.UnixMicro())
	case time.Duration:
		return intValue(kind, int64(v))
	case bool:
		return boolValue(v)
	case float64:
		return numberValue(v)
	case string:
		return textValue(v)
	}
	g, _ := addressValue(event.Format(v)) // it is an address
	return g
}

// memberText is the text of a member of the row's JSON object, "" where there is none.
func memberText(row event.Row, name string) string {
	text := ""
	query.Members(row.Page.Bytes(row.Page.Extra[row.I]), func(key, value []byte) bool {
		if string(unquoted(key)) != name {
			return true
		}
		switch value[0] {
		case 'n':
		case '"':
			text = string(unquoted(value))
		default:
			text = string(value)
		}
		return false
	})
	return text
}

// add takes a row's value and returns how many values are kept more.
func (g *gauge) add(row event.Row, m query.Measure) int {
	f, known := row.Page.Schema.Lookup(m.Field)
	var v any
	if known {
		var ok bool
		if v, ok = row.Value(f); !ok {
			return 0
		}
	} else if v = memberText(row, m.Field); v == "" && !hasMember(row, m.Field) {
		return 0
	}
	if m.Fn == "distinct" {
		text := event.Format(v)
		if _, ok := g.distinct[text]; ok {
			return 0
		}
		if g.distinct == nil {
			g.distinct = make(map[string]struct{})
		}
		g.distinct[text] = struct{}{}
		return 1
	}
	x, ok := numberOf(v)
	if !ok {
		return 0
	}
	if g.count == 0 {
		g.min, g.max = x, x
	}
	g.count++
	g.sum, g.min, g.max = g.sum+x, min(g.min, x), max(g.max, x)
	if _, ok := percents[m.Fn]; !ok {
		return 0
	}
	g.values = append(g.values, x)
	return 1
}

func hasMember(row event.Row, name string) bool {
	found := false
	query.Members(row.Page.Bytes(row.Page.Extra[row.I]), func(key, value []byte) bool {
		found = string(unquoted(key)) == name && value[0] != 'n'
		return !found
	})
	return found
}

// numberOf is a value as a number. A text counts if it is written like one.
func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		return float64(b2i(v)), true
	case time.Time:
		return float64(v.UnixMicro()), true
	case time.Duration:
		return float64(v), true
	case string:
		x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return x, err == nil && finite(x)
	}
	return 0, false
}

// value is the measure, NaN where no event had the field.
func (g *gauge) value(m query.Measure) float64 {
	switch {
	case m.Fn == "distinct" && len(g.distinct) > 0:
		return float64(len(g.distinct))
	case g.count == 0:
		return math.NaN()
	}
	switch m.Fn {
	case "sum":
		return g.sum
	case "avg":
		return g.sum / float64(g.count)
	case "min":
		return g.min
	case "max":
		return g.max
	}
	slices.Sort(g.values)
	rank := int(math.Ceil(percents[m.Fn] / 100 * float64(len(g.values))))
	return g.values[max(rank, 1)-1]
}
