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

// Aggregate counts and measures matching events, as storage.Reader describes. All measures are exact but percentiles of
// durations over many sealed events, which are at most 0.8 % off (see durations.go).
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
		var a args
		sql, keys, err := s.statement(c, &a, v, q, parts, during)
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

// statement writes the statement that answers a question about the events of parts that lie in an interval. Its columns
// are those of aggregateSQL.
func (s *Store) statement(c *conn, a *args, v access.View, q query.Agg, parts []part, during query.Interval) (string, []groupKey, error) {
	summed, rest, err := s.summedParts(c, v, q, parts, during)
	if err != nil {
		return "", nil, err
	}
	if len(summed) > 0 {
		c.gauge.step("the durations of %s events are summed up in cells, so percentiles may be off by 0.8 %%; %s others were looked at",
			thousands(rowsOf(summed)), thousands(rowsOf(rest)))
		return s.durationsSQL(a, v, q, summed, rest, during)
	}
	from, err := source(c, parts, needOf(v, q.Where), during)
	if err != nil {
		return "", nil, err
	}
	if from == "" { // nothing matches, which the statement says in its own way
		from = "SELECT * FROM " + parts[0].events() + " LIMIT 0"
	}
	return s.aggregateSQL(a, v, q, from, parts)
}

// aggregateSQL writes the statement over the events that from gives: its columns are the step, the count, the keys and
// the measures. They are of parts.
func (s *Store) aggregateSQL(a *args, v access.View, q query.Agg, from string, parts []part) (string, []groupKey, error) {
	cond, err := where(a, v, q.Where, query.Interval{}) // from has them of the time asked for
	if err != nil {
		return "", nil, err
	}
	step, err := stepOf(a, q, parts)
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

// stepOf is the beginning of the time step in which an event of parts lies, 0 without steps.
func stepOf(a *args, q query.Agg, parts []part) (string, error) {
	steps, err := q.Steps()
	if err != nil || steps == nil {
		return "0::BIGINT", err
	}
	runs := steps.Runs(dayTime(parts[0].day).UnixMicro(), dayTime(parts[len(parts)-1].day+1).UnixMicro())
	column, unit := "hour", microsPerHour // the narrow column is quicker to read
	for _, r := range runs {
		if r.From%unit != 0 || r.Step%unit != 0 {
			column, unit = "time", 1
		}
	}
	last := len(runs) - 1
	sql := beginOf(a, column, runs[last], unit)
	if last > 0 {
		var b strings.Builder
		for _, r := range runs[:last] {
			fmt.Fprintf(&b, " WHEN %s < %s THEN %s", column, units(a, r.To, unit), beginOf(a, column, r, unit))
		}
		sql = fmt.Sprintf("CASE%s ELSE %s END", b.String(), sql)
	}
	return fmt.Sprintf("coalesce((%s)::BIGINT * %d, 0::BIGINT)", sql, unit), nil
}

// beginOf is when the step of a run begins in which a column of whole units lies.
func beginOf(a *args, column string, r query.Run, unit int64) string {
	step, since := units(a, r.Step, unit), column
	if r.From%r.Step != 0 {
		since = fmt.Sprintf("(%s - %s)", column, units(a, r.From, unit))
	}
	return fmt.Sprintf("%s - ((%s %% %s) + %[3]s) %% %[3]s", column, since, step)
}

// units is a time in whole units, of the type of the column that has them.
func units(a *args, micros, unit int64) string {
	if unit == microsPerHour {
		return a.add(int32(micros / unit))
	}
	return a.add(micros)
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
		return groupKey{[]string{textKey(unknownText(a, name))}, stringCell}
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
		return groupKey{[]string{textKey(value)}, stringCell}
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

// textKey is a text to group by, empty where it is missing. DuckDB calls a function like concat once for each value of a
// dictionary, and groups by the dictionary; coalesce, which is none, makes it look at the text of each event.
func textKey(value string) string { return "concat(" + value + ", '')" }

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
