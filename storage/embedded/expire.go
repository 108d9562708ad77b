package embedded

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/storage"
)

// Expire drops the tables of days that have ended longer ago than the policy keeps events, and findings and rollups
// by their time. What is dropped stays in the counts, so that the store still agrees with its marks.
func (s *Store) Expire(ctx context.Context, p storage.Policy) (storage.Report, error) {
	var r storage.Report
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	err := s.write(ctx, func(w *writer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.marks == nil {
			if err := w.load(); err != nil {
				return err
			}
		}
		return w.expire(p, &r)
	})
	if err != nil {
		return r, fmt.Errorf("drop what is past its time: %w", err)
	}
	r.Bytes = fileSize(s.cfg.Path) + fileSize(s.cfg.Path+".wal")
	return r, nil
}

func (w *writer) expire(p storage.Policy, r *storage.Report) error {
	var old []int32
	if p.Events > 0 {
		before := p.Now.Add(-p.Events).UnixMicro()
		for day := range w.hot {
			if (int64(day)+1)*microsPerDay <= before {
				old = append(old, day)
			}
		}
		slices.Sort(old)
	}
	err := w.transaction(func() error {
		for _, day := range old {
			if err := w.dropDay(day, r); err != nil {
				return err
			}
		}
		if err := w.deleteBefore("findings", "time", p.Findings, p.Now, r); err != nil {
			return err
		}
		if err := w.deleteBefore("rollups", "minute", p.Rollups, p.Now, r); err != nil {
			return err
		}
		return w.rows(`SELECT coalesce(sum(events), 0)::BIGINT FROM counts`, func(c []cells, i int) { r.Events = c[0].i64(i) })
	})
	if err != nil {
		r.Dropped = nil
		return err
	}
	for _, day := range old {
		delete(w.hot, day)
		delete(w.tails, day)
	}
	return nil
}

func (w *writer) dropDay(day int32, r *storage.Report) error {
	events := int64(0)
	rows, err := w.c.query(`SELECT sum(events)::BIGINT FROM counts WHERE day = $1`, day)
	if err != nil {
		return err
	}
	if err := rows.each(func(c []cells, i int) error { events = c[0].i64(i); return nil }); err != nil {
		return err
	}
	if err := w.c.exec(`INSERT INTO expired SELECT gen, events, lines FROM counts WHERE day = $1 ON CONFLICT DO UPDATE
		SET events = expired.events + excluded.events, lines = expired.lines + excluded.lines`, day); err != nil {
		return err
	}
	if err := w.c.exec(`DELETE FROM counts WHERE day = $1`, day); err != nil {
		return err
	}
	for _, table := range []string{eventTable(day), hotRuns(day)} {
		if err := w.c.exec("DROP TABLE " + table); err != nil {
			return err
		}
	}
	r.Dropped = append(r.Dropped, fmt.Sprintf("%d events of %s", events, dayTime(day).Format(time.DateOnly)))
	return nil
}

func (w *writer) deleteBefore(table, column string, keep time.Duration, now time.Time, r *storage.Report) error {
	if keep <= 0 {
		return nil
	}
	before := now.Add(-keep)
	rows, err := w.c.query("DELETE FROM "+table+" WHERE "+column+" < $1", before.UnixMicro())
	if err != nil {
		return err
	}
	n := int64(0)
	if err := rows.each(func(c []cells, i int) error { n = c[0].i64(i); return nil }); err != nil {
		return err
	}
	if n > 0 {
		r.Dropped = append(r.Dropped, fmt.Sprintf("%d %s before %s", n, table, before.UTC().Format(time.RFC3339)))
	}
	return nil
}
