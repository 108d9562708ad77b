package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Percentiles of durations over many sealed events are taken from cells: of each sealed file the store knows how many
// of its events lie in which cell, by data set and site, and counts those of the other parts when it is asked. A doubling
// has 64 cells, and a value is the middle of its cell, so it is off by at most one part in 128.

// durationCell is the middle of the cell in which the duration of an event lies, missing where it has none. The cells are
// as wide as 1 ns up to 128 ns; duration_bucket is a quarter of a doubling, see durationBucket.
const durationCell = "((duration & -" + cellWidth + ") | (" + cellWidth + " >> 1))"

const cellWidth = "(1::BIGINT << greatest((duration_bucket >> 2) - 5, 0))"

// durationsType is the column of sealed that has the cells of a file: n of its events have that data set, site and cell.
const durationsType = "STRUCT(dataset VARCHAR, site VARCHAR, cell BIGINT, n BIGINT)[]"

// durationsOf returns the cells of a sealed file as JSON.
func durationsOf(c *conn, p part) (json string, err error) {
	err = one(c, fmt.Sprintf(`SELECT to_json(list({dataset: dataset, site: site, cell: cell, n: n} ORDER BY dataset, site, cell))::VARCHAR
		FROM (SELECT dataset, site, %s AS cell, count(*) AS n FROM %s GROUP BY ALL)`, durationCell, p.events()),
		func(c []cells) { json = c[0].str(0) })
	return json, err
}

// exactRows is up to how many sealed events percentiles are exact, all durations ranked.
const exactRows = 1 << 18

// summedParts returns the parts whose cells a question can be answered from, and those whose events have to be looked at.
func (s *Store) summedParts(c *conn, v access.View, q query.Agg, parts []part, during query.Interval) (summed, rest []part, err error) {
	if !ofDurations(v, q) {
		return nil, parts, nil
	}
	known := make(map[int32]bool)
	r, err := c.query("SELECT part FROM sealed WHERE durations IS NOT NULL")
	if err == nil {
		err = r.each(func(c []cells, i int) error { known[c[0].i32(i)] = true; return nil })
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the durations of sealed files: %w", err)
	}
	for _, p := range parts {
		if known[p.id] && p.within(during) {
			summed = append(summed, p)
		} else {
			rest = append(rest, p)
		}
	}
	if rowsOf(summed) <= s.cfg.exactRows {
		return nil, parts, nil
	}
	return summed, rest, nil
}

// ofDurations reports whether a question is about percentiles of durations only, and groups and filters only by what the
// cells of sealed files are told apart by.
func ofDurations(v access.View, q query.Agg) bool {
	told := func(f event.Field) bool { return f == event.FieldDataset || f == event.FieldSite }
	var filters func(query.Expr) bool
	filters = func(e query.Expr) bool {
		switch e := e.(type) {
		case nil:
			return true
		case query.And:
			return !slices.ContainsFunc(e, func(x query.Expr) bool { return !filters(x) })
		case query.Or:
			return !slices.ContainsFunc(e, func(x query.Expr) bool { return !filters(x) })
		case query.Not:
			return filters(e.X)
		case *query.Test:
			return e.Known && told(e.F)
		}
		return false
	}
	name := func(f event.Field) string { return event.CoreFields()[f].Name }
	for _, by := range q.By {
		if by != name(event.FieldDataset) && by != name(event.FieldSite) {
			return false
		}
	}
	for _, m := range q.Values {
		if percentiles[m.Fn] == "" || m.Field != name(event.FieldDuration) {
			return false
		}
	}
	return q.Every == 0 && len(q.Values) > 0 && filters(v.Filter()) && filters(q.Where)
}

// durationsSQL writes the statement of such a question, with the columns of aggregateSQL.
func (s *Store) durationsSQL(a *args, v access.View, q query.Agg, summed, rest []part, during query.Interval) (string, []groupKey, error) {
	cond, err := where(a, v, q.Where, query.Interval{})
	if err != nil {
		return "", nil, err
	}
	var keys []groupKey
	var exprs, names []string
	for i, by := range q.By {
		k := s.groupKey(a, by)
		name := fmt.Sprintf("k%d", i+1)
		keys, names, exprs = append(keys, k), append(names, name), append(exprs, k.exprs[0]+" AS "+name+", ")
	}
	ids := make([]string, len(summed))
	for i, p := range summed {
		ids[i] = fmt.Sprint(p.id)
	}
	list := strings.Join(exprs, "")
	cells := fmt.Sprintf("SELECT %scell, n FROM (SELECT unnest(durations, recursive := true) FROM sealed WHERE part IN (%s)) WHERE %s",
		list, strings.Join(ids, ", "), cond)
	if len(rest) > 0 {
		cells += fmt.Sprintf(" UNION ALL SELECT %s%s AS cell, count(*) AS n FROM (%s) WHERE %s GROUP BY ALL", list, durationCell, eventsIn(rest, during), cond)
	}
	cells = fmt.Sprintf("SELECT * EXCLUDE (n), sum(n)::BIGINT AS n FROM (%s) GROUP BY ALL", cells)
	by, partition := strings.Join(names, ", "), ""
	cols := []string{"0::BIGINT AS step", "coalesce(sum(n), 0)::BIGINT AS n"}
	if len(names) > 0 {
		partition = "PARTITION BY " + by
		cols = append(cols, names...)
	}
	for i, m := range q.Values {
		cols = append(cols, fmt.Sprintf("coalesce((min(cell) FILTER (upto >= %s * valued))::DOUBLE, 'NaN'::DOUBLE) AS v%d", percentiles[m.Fn], i))
	}
	const valued = "coalesce(sum(n) FILTER (cell IS NOT NULL) OVER (%s%s), 0)::BIGINT AS %s"
	sql := fmt.Sprintf("SELECT %s FROM (SELECT *, %s, %s FROM (%s))", strings.Join(cols, ", "),
		fmt.Sprintf(valued, partition, " ORDER BY cell", "upto"), fmt.Sprintf(valued, partition, "", "valued"), cells)
	if len(names) > 0 {
		limit := q.Limit
		if limit <= 0 {
			limit = query.DefaultGroups
		}
		sql += fmt.Sprintf(" GROUP BY %s ORDER BY n DESC, %[1]s LIMIT %s", by, a.add(limit))
	}
	return sql, keys, nil
}
