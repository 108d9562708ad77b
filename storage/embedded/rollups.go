package embedded

import (
	"context"
	"fmt"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Rollups returns the sums of the deltas, ordered by series, data set, minute and bucket; without Series, of all. A
// rollup knows its site and data set only: a view that is narrowed by anything else sees none.
func (s *Store) Rollups(ctx context.Context, v access.View, q storage.RollupQuery) ([]event.Delta, error) {
	if v.None() || !query.Only(v.Filter(), event.FieldDataset, event.FieldSite) {
		return nil, nil
	}
	var a args
	cond, err := where(&a, v, nil, query.Interval{})
	if err != nil {
		return nil, err
	}
	conds := []string{cond, "at_site = " + a.add(q.Site)}
	var series, exact []string
	for _, name := range q.Series {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			series = append(series, "starts_with(series, "+a.add(prefix)+")")
		} else {
			exact = append(exact, a.add(name))
		}
	}
	if len(exact) > 0 { // looked up in one table, where each comparison would be made for each row
		series = append(series, "series IN ("+strings.Join(exact, ", ")+")")
	}
	if len(series) > 0 {
		conds = append(conds, "("+strings.Join(series, " OR ")+")")
	}
	if q.During.From != 0 {
		conds = append(conds, "minute >= "+a.add(q.During.From))
	}
	if q.During.To != 0 {
		conds = append(conds, "minute < "+a.add(q.During.To))
	}
	step := "minute"
	if micros := q.Every.Microseconds(); micros > 0 {
		step = fmt.Sprintf("minute - ((minute %% %s) + %[1]s) %% %[1]s", a.add(micros))
	}
	// A missing site or data set is NULL to a view's condition, as it is in the event tables.
	sql := fmt.Sprintf(`SELECT series, coalesce(dataset, '') AS d, %s AS m, bucket, sum(n)::BIGINT, sum("sum")
		FROM (SELECT * EXCLUDE (site, dataset), site AS at_site, nullif(site, '') AS site, nullif(dataset, '') AS dataset FROM rollups)
		WHERE %s GROUP BY series, d, m, bucket ORDER BY series, d, m, bucket`, step, strings.Join(conds, " AND "))
	var deltas []event.Delta
	err = s.read(ctx, func(c *conn) error {
		r, err := c.query(sql, a.values...)
		if err != nil {
			return err
		}
		return r.each(func(c []cells, i int) error {
			deltas = append(deltas, event.Delta{Site: q.Site, Series: c[0].str(i), Dataset: c[1].str(i),
				Minute: c[2].i64(i), Bucket: c[3].i32(i), N: c[4].i64(i), Sum: c[5].f64(i)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the rollups: %w", err)
	}
	return deltas, nil
}
