package embedded

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// Expire drops days that have ended longer ago than the policy keeps events, and findings and rollups
// by their time. What is dropped stays in the counts, so that the store still agrees with its marks.
func (s *Store) Expire(ctx context.Context, p storage.Policy) (storage.Report, error) {
	var r storage.Report
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	err := s.writeLoaded(ctx, func(w *writer) error {
		files, err := w.expire(p, &r)
		s.shelf.takeOff(files)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("drop what is past its time: %w", err)
	}
	r.Bytes, err = s.bytes(ctx)
	return r, err
}

// expire returns the files that no part has any more.
func (w *writer) expire(p storage.Policy, r *storage.Report) (files []string, err error) {
	err = w.transaction(func() error {
		days, err := w.pastDays(p)
		if err != nil {
			return err
		}
		for _, day := range days {
			of, err := w.dropDay(day, r)
			if err != nil {
				return err
			}
			files = append(files, of...)
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
		return nil, err
	}
	return files, nil
}

// pastDays returns the parts of each day that is kept no longer, the oldest day first.
func (w *writer) pastDays(p storage.Policy) ([][]part, error) {
	if p.Events <= 0 {
		return nil, nil
	}
	parts, err := partsOf(w.c, query.Interval{})
	if err != nil {
		return nil, err
	}
	before := p.Now.Add(-p.Events).UnixMicro()
	return slices.DeleteFunc(byDay(parts), func(day []part) bool { return (int64(day[0].day)+1)*microsPerDay > before }), nil
}

// dropDay drops a day and returns the files of its parts.
func (w *writer) dropDay(day []part, r *storage.Report) (files []string, err error) {
	events := int64(0)
	for _, p := range day {
		events += p.rows
		if err := w.c.exec(`INSERT INTO expired SELECT gen, events, lines FROM counts WHERE day = $1 AND part = $2 ON CONFLICT DO UPDATE
			SET events = expired.events + excluded.events, lines = expired.lines + excluded.lines`, p.day, p.id); err != nil {
			return nil, err
		}
		file, err := w.dropPart(p)
		if err != nil {
			return nil, err
		}
		if file != "" {
			files = append(files, file)
		}
	}
	r.Dropped = append(r.Dropped, fmt.Sprintf("%d events of %s", events, dayTime(day[0].day).Format(time.DateOnly)))
	return files, nil
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
