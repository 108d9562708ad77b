package embedded

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Aggregate counts and measures matching events, as storage.Reader describes. All measures are exact.
func (s *Store) Aggregate(ctx context.Context, v access.View, q query.Agg) (storage.Table, error) {
	t := storage.Table{By: q.By}
	if len(q.By) == 0 && q.Every == 0 {
		t.Rows = []storage.TableRow{{Key: []string{}, Values: slices.Repeat([]float64{math.NaN()}, len(q.Values))}}
	}
	if v.None() {
		return t, nil
	}
	err := s.read(ctx, func(c *conn) error {
		during := query.Narrow(q.During, q.Where)
		parts, err := partsOf(c, during)
		if err != nil {
			return err
		}
		if err := tellDays(c, parts, during); err != nil || len(parts) == 0 {
			return err
		}
		from, err := source(c, parts, needOf(v, q.Where), during)
		if err != nil {
			return err
		}
		if from == "" { // nothing matches, which the statement says in its own way
			from = "SELECT * FROM " + parts[0].events() + " LIMIT 0"
		}
		var a args
		sql, keys, err := s.aggregateSQL(&a, v, q, from)
		if err != nil {
			return err
		}
		c.gauge.total.Store(rowsOf(parts))
		defer c.gauge.run(rowsOf(parts))()
		r, err := c.query(sql, a.values...)
		if err != nil {
			return err
		}
		t.Rows = t.Rows[:0]
		return r.each(func(c []cells, i int) error {
			row := storage.TableRow{Time: c[0].i64(i), Key: []string{}, Count: c[1].i64(i)}
			col := 2
			for _, k := range keys {
				row.Key = append(row.Key, k.text(c[col:], i))
				col += len(k.exprs)
			}
			for range q.Values {
				row.Values = append(row.Values, c[col].f64(i))
				col++
			}
			t.Rows = append(t.Rows, row)
			return nil
		})
	})
	if err != nil {
		return storage.Table{}, fmt.Errorf("aggregate the events: %w", err)
	}
	return t, nil
}

// aggregateSQL writes the statement over the events that from gives: its columns are the step, the count, the keys and
// the measures.
func (s *Store) aggregateSQL(a *args, v access.View, q query.Agg, from string) (string, []groupKey, error) {
	cond, err := where(a, v, q.Where, q.During)
	if err != nil {
		return "", nil, err
	}
	step, err := stepOf(a, q.Every)
	if err != nil {
		return "", nil, err
	}
	cols := []string{step + " AS step", "count(*) AS n"}
	group := []string{"step"}
	var keys []groupKey
	for _, name := range q.By {
		k := s.groupKey(a, name)
		for _, e := range k.exprs {
			name := fmt.Sprintf("k%d", len(group))
			cols, group = append(cols, e+" AS "+name), append(group, name)
		}
		keys = append(keys, k)
	}
	for i, m := range q.Values {
		e, err := s.measure(a, m)
		if err != nil {
			return "", nil, err
		}
		cols = append(cols, fmt.Sprintf("coalesce(%s, 'NaN'::DOUBLE) AS v%d", e, i))
	}
	limit := q.Limit
	if limit <= 0 {
		limit = query.DefaultGroups
	}
	grouped := fmt.Sprintf("SELECT %s FROM (%s) WHERE %s", strings.Join(cols, ", "), from, cond)
	if len(q.By) == 0 && q.Every == 0 {
		return grouped, nil, nil
	}
	grouped += " GROUP BY " + strings.Join(group, ", ")
	ks := strings.Join(group[1:], ", ")
	switch {
	case len(keys) == 0:
		return grouped + " ORDER BY step", keys, nil
	case q.Every == 0:
		return fmt.Sprintf("%s ORDER BY n DESC, %s LIMIT %s", grouped, ks, a.add(limit)), keys, nil
	}
	return fmt.Sprintf(`SELECT * EXCLUDE (total) FROM (SELECT *, sum(n) OVER (PARTITION BY %s) AS total FROM (%s))
		QUALIFY dense_rank() OVER (ORDER BY total DESC, %[1]s) <= %[3]s ORDER BY step, n DESC, %[1]s`, ks, grouped, a.add(limit)), keys, nil
}

// stepOf is the beginning of the time step in which an event lies, 0 without steps.
func stepOf(a *args, every time.Duration) (string, error) {
	micros := every.Microseconds()
	if every == 0 {
		return "0::BIGINT", nil
	}
	if micros <= 0 {
		return "", fmt.Errorf("a time step of %s", every)
	}
	if micros%microsPerHour == 0 && micros/microsPerHour <= math.MaxInt32 {
		k := a.add(int32(micros / microsPerHour)) // the narrow column is quicker to read
		return fmt.Sprintf("coalesce((hour - ((hour %% %s) + %[1]s) %% %[1]s)::BIGINT * %d, 0::BIGINT)", k, microsPerHour), nil
	}
	k := a.add(micros)
	return fmt.Sprintf("time - ((time %% %s) + %[1]s) %% %[1]s", k), nil
}

// groupKey is a field that is grouped by: its expressions, and how its text is made of their values.
type groupKey struct {
	exprs []string
	text  func(c []cells, i int) string
}

func stringCell(c []cells, i int) string { return c[0].str(i) }

func (s *Store) groupKey(a *args, name string) groupKey {
	f, known := s.schema.Lookup(name)
	if !known {
		return groupKey{[]string{"coalesce(" + unknownText(a, name) + ", '')"}, stringCell}
	}
	kind := s.schema.Def(f).Kind
	value := valueOf(a, f, kind, name)
	if f == event.FieldSourceIP {
		return groupKey{[]string{"source_hi", "source_lo"}, func(c []cells, i int) string {
			return addressText(c[0].has(i), event.IP{Hi: c[0].u64(i), Lo: c[1].u64(i)})
		}}
	}
	switch kind {
	case event.Keyword, event.Text:
		return groupKey{[]string{"coalesce(" + value + ", '')"}, stringCell}
	case event.Address:
		return groupKey{[]string{value}, func(c []cells, i int) string {
			ip, err := parseHexIP(c[0].str(i))
			return addressText(err == nil, ip)
		}}
	}
	return groupKey{[]string{value}, func(c []cells, i int) string {
		if !c[0].has(i) {
			return ""
		}
		return event.Format(numberValue(kind, c[0], i))
	}}
}

func numberValue(kind event.Kind, c cells, i int) any {
	switch kind {
	case event.Float:
		return c.f64(i)
	case event.Time:
		return time.UnixMicro(c.i64(i)).UTC()
	case event.Duration:
		return time.Duration(c.i64(i))
	case event.Bool:
		return c.i64(i) != 0
	}
	return c.i64(i)
}

func addressText(ok bool, ip event.IP) string {
	if !ok {
		return ""
	}
	return ip.Addr().String()
}

// percentiles are the measures that are a value at a rank.
var percentiles = map[string]string{"p50": "0.5", "p95": "0.95", "p99": "0.99"}

// measure is the expression of one measure, a DOUBLE, NULL where no event has the field.
func (s *Store) measure(a *args, m query.Measure) (string, error) {
	f, known := s.schema.Lookup(m.Field)
	kind, value := event.Keyword, ""
	if known {
		kind = s.schema.Def(f).Kind
		value = valueOf(a, f, kind, m.Field)
	} else {
		value = unknownText(a, m.Field)
	}
	if m.Fn == "distinct" {
		if f == event.FieldSourceIP && known {
			value = "CASE WHEN source_hi IS NOT NULL THEN (source_hi, source_lo) END"
		}
		return "nullif(count(DISTINCT " + value + "), 0)::DOUBLE", nil
	}
	switch kind {
	case event.Keyword:
		value = "TRY_CAST(" + value + " AS DOUBLE)"
	case event.Text, event.Address:
		return "", fmt.Errorf("%s of %s, which is of kind %s", m.Fn, m.Field, kind)
	}
	switch m.Fn {
	case "sum", "avg", "min", "max":
		return m.Fn + "(" + value + ")::DOUBLE", nil
	}
	if p, ok := percentiles[m.Fn]; ok {
		return "quantile_disc(" + value + ", " + p + ")::DOUBLE", nil
	}
	return "", fmt.Errorf("unknown measure %q", m.Fn)
}
