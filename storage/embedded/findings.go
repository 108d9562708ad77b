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

// Findings returns findings, newest first, those of one time by id. A narrowed view sees a finding if it sees every
// event that is its evidence, as long as the events are stored.
func (s *Store) Findings(ctx context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if v.None() {
		return nil, nil
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []event.Finding
	err := s.read(ctx, func(c *conn) error {
		before := q.Before
		for {
			page, err := readFindings(c, q, before, limit)
			if err != nil {
				return err
			}
			for _, f := range page {
				seen, err := s.sees(c, v, f)
				if err != nil {
					return err
				}
				if seen {
					found = append(found, f)
				}
				if len(found) == limit {
					return nil
				}
			}
			if len(page) < limit {
				return nil
			}
			before = page[len(page)-1].ID
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	return found, nil
}

// readFindings reads up to limit findings after the one called before, whatever the view.
func readFindings(c *conn, q storage.FindingQuery, before string, limit int) ([]event.Finding, error) {
	var a args
	conds := []string{"TRUE"}
	is := func(col, v string) {
		if v != "" {
			conds = append(conds, col+" = "+a.add(v))
		}
	}
	is("id", q.ID)
	for col, values := range map[string][]string{"rule": q.Rules, "severity": q.Severities} {
		if len(values) > 0 {
			conds = append(conds, col+" IN ("+list(&a, values)+")")
		}
	}
	if q.Audience != "" {
		conds = append(conds, "list_contains(audience::JSON::VARCHAR[], "+a.add(q.Audience)+")")
	}
	if q.Site != nil {
		conds = append(conds, "site = "+a.add(*q.Site))
	}
	if q.During.From != 0 {
		conds = append(conds, "time >= "+a.add(q.During.From))
	}
	if q.During.To != 0 {
		conds = append(conds, "time < "+a.add(q.During.To))
	}
	if before != "" {
		conds = append(conds, fmt.Sprintf("(time, id) < (SELECT (time, id) FROM findings WHERE id = %s)", a.add(before)))
	}
	r, err := c.query(fmt.Sprintf("SELECT body FROM findings WHERE %s ORDER BY time DESC, id DESC LIMIT %s",
		strings.Join(conds, " AND "), a.add(limit)), a.values...)
	if err != nil {
		return nil, err
	}
	var found []event.Finding
	err = r.each(func(c []cells, i int) error {
		f, err := storage.ReadFinding(c[0].bytes(i))
		if err != nil {
			return fmt.Errorf("a stored finding that cannot be read: %w", err)
		}
		found = append(found, f)
		return nil
	})
	return found, err
}

func list(a *args, values []string) string {
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = a.add(v)
	}
	return strings.Join(places, ", ")
}

// sees reports whether a view sees all the evidence of f.
func (s *Store) sees(c *conn, v access.View, f event.Finding) (bool, error) {
	if v.Filter() == nil {
		return true, nil
	}
	ids := make(map[int32][]query.ID)
	distinct := make(map[query.ID]bool)
	for _, e := range f.Evidence {
		if len(e.Spans) == 0 {
			return false, nil
		}
		id := query.ID{Gen: e.Gen, Off: e.Spans[0].Off}
		if !distinct[id] {
			distinct[id] = true
			ids[dayOf(e.Time)] = append(ids[dayOf(e.Time)], id)
		}
	}
	seen := int64(0)
	for day, of := range ids {
		n, err := seesOf(c, v, day, of)
		if err != nil {
			return false, err
		}
		seen += n
	}
	return len(distinct) > 0 && seen == int64(len(distinct)), nil
}

// seesOf counts the events of a day that are among ids and that a view sees.
func seesOf(c *conn, v access.View, day int32, ids []query.ID) (n int64, err error) {
	begin := dayTime(day).UnixMicro()
	parts, err := partsOf(c, query.Interval{From: begin, To: begin + 1})
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	var a args
	cond, err := where(&a, v, nil, query.Interval{})
	if err != nil {
		return 0, err
	}
	err = one(c, "SELECT count(*) FROM ("+unionOf(parts)+") WHERE "+anyOf(&a, ids)+" AND "+cond,
		func(c []cells) { n = c[0].i64(0) }, a.values...)
	return n, err
}
