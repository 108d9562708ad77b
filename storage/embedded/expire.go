package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/storage"
)

// Expire drops days that have ended longer ago than the policy keeps events, the oldest days while the store takes more
// than it may, and findings and rollups by their time. What is dropped stays in the counts, so that the store still
// agrees with its marks.
//
// What a policy with a notice wants dropped is announced first, and dropped by a later call.
func (s *Store) Expire(ctx context.Context, p storage.Policy) (storage.Report, error) {
	var r storage.Report
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	left := false
	err := s.writeLoaded(ctx, func(w *writer) error {
		files, err := w.expire(p, &r)
		w.gone = append(w.gone, files...)
		left = len(w.gone) > 0
		return err
	})
	if err != nil {
		return r, fmt.Errorf("drop what is past its time: %w", err)
	}
	if len(r.Dropped) > 0 || left {
		_ = s.write(ctx, (*writer).freeBlocks) // Check tells of a checkpoint that failed
	}
	return r, nil
}

// expire returns the files that no part has any more.
func (w *writer) expire(p storage.Policy, r *storage.Report) (files []string, err error) {
	days, total, err := w.usage()
	if err != nil {
		return nil, err
	}
	now, soon := due(days, total, p)
	drop := w.announce(now, soon, p, r)
	err = w.transaction(func() error {
		for _, d := range drop {
			of, err := w.dropDay(d, r)
			if err != nil {
				return err
			}
			files, total = append(files, of...), total-d.bytes()
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
	r.Bytes = total
	return files, nil
}

// dropDay drops a day and returns the files of its parts.
func (w *writer) dropDay(d dayUse, r *storage.Report) (files []string, err error) {
	for _, p := range d.parts {
		file, err := w.expirePart(p)
		if err != nil {
			return nil, err
		}
		if file != "" {
			files = append(files, file)
		}
	}
	r.Dropped = append(r.Dropped, storage.Dropped{What: "events", N: d.drop.Events, Of: d.drop.Day, Why: d.drop.Why})
	w.freed += d.inside
	return files, nil
}

// expirePart is dropPart for what stays in the counts of what was ever stored.
func (w *writer) expirePart(p part) (file string, err error) {
	if p.restored == 0 {
		if err := w.c.exec(`INSERT INTO expired SELECT gen, events, lines FROM counts WHERE day = $1 AND part = $2 ON CONFLICT DO UPDATE
			SET events = expired.events + excluded.events, lines = expired.lines + excluded.lines`, p.day, p.id); err != nil {
			return "", err
		}
	}
	return w.dropPart(p)
}

func (w *writer) deleteBefore(table, column string, keep time.Duration, now time.Time, r *storage.Report) error {
	if keep <= 0 {
		return nil
	}
	before := now.Add(-keep)
	if table == "rollups" {
		err := one(w.c, "SELECT coalesce(sum(n), 0)::BIGINT FROM rollups WHERE minute < $1", func(c []cells) { w.rolled -= c[0].i64(0) }, before.UnixMicro())
		if err != nil {
			return err
		}
	}
	rows, err := w.c.query("DELETE FROM "+table+" WHERE "+column+" < $1", before.UnixMicro())
	if err != nil {
		return err
	}
	n := int64(0)
	if err := rows.each(func(c []cells, i int) error { n = c[0].i64(i); return nil }); err != nil {
		return err
	}
	if n > 0 {
		r.Dropped = append(r.Dropped, storage.Dropped{What: table, N: n, Before: before, Why: "age"})
	}
	return nil
}
