package embedded

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

const defaultLimit = 100

// Search returns matching events, newest first. It goes from day to day, newest first, and stops when it has
// enough.
func (s *Store) Search(ctx context.Context, v access.View, q query.Search) (storage.Rows, error) {
	var rows storage.Rows
	if v.None() || q.IDs != nil && len(q.IDs) == 0 {
		return rows, nil
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	err := s.read(ctx, func(c *conn) error {
		days, err := daysOf(c, query.Narrow(q.During, q.Where))
		if err != nil {
			return err
		}
		slices.Sort(days)
		collect := newPages(s.schema, func(p *event.Page) error {
			for i := range p.N {
				rows.Events = append(rows.Events, storage.EventOf(p, i))
			}
			return nil
		})
		for _, day := range slices.Backward(days) {
			if q.After != nil && day > dayOf(q.After.Time) {
				continue
			}
			// One more than wanted tells whether there is another page.
			if err := searchDay(c, day, v, q, limit+1-len(rows.Events), collect); err != nil {
				return err
			}
			if len(rows.Events) > limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		return storage.Rows{}, fmt.Errorf("search the events: %w", err)
	}
	if len(rows.Events) > limit {
		rows.Events = rows.Events[:limit]
		last := rows.Events[limit-1]
		rows.More = &query.Cursor{Time: last.Time, ID: last.ID}
	}
	return rows, nil
}

func searchDay(c *conn, day int32, v access.View, q query.Search, limit int, collect *pages) error {
	var a args
	cond, err := where(&a, v, q.Where, q.During)
	if err != nil {
		return err
	}
	if q.After != nil {
		t, g, o := a.add(q.After.Time), a.add(uint64(q.After.Gen)), a.add(q.After.Off)
		cond += fmt.Sprintf(" AND time <= %s AND (time < %[1]s OR gen < %s OR gen = %[2]s AND off < %s)", t, g, o)
	}
	if q.IDs != nil {
		cond += " AND " + anyOf(&a, q.IDs)
	}
	// The sort sees the narrow columns only; the others are fetched for the rows that remain.
	table := eventTable(day)
	const order = "ORDER BY time DESC, gen DESC, off DESC"
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE rowid IN (SELECT rowid FROM %[2]s WHERE %s %s LIMIT %s) %[4]s",
		selectAll, table, cond, order, a.add(limit))
	r, err := c.query(sql, a.values...)
	if err != nil {
		return err
	}
	if err := r.each(collect.add); err != nil {
		return err
	}
	return collect.flush()
}

// anyOf is the condition that an event is one of ids.
func anyOf(a *args, ids []query.ID) string {
	offsets := make(map[event.GenID][]string)
	for _, id := range ids {
		offsets[id.Gen] = append(offsets[id.Gen], a.add(id.Off))
	}
	conds := make([]string, 0, len(offsets))
	for gen, offs := range offsets {
		conds = append(conds, fmt.Sprintf("gen = %s AND off IN (%s)", a.add(uint64(gen)), strings.Join(offs, ", ")))
	}
	return "(" + strings.Join(conds, " OR ") + ")"
}
