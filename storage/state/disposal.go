package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Disposal is the record of something that retention dropped: it says for ever that there was something, and why it has gone.
type Disposal struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // events, findings, rollups
	N    int64     `json:"count"`
	Of   string    `json:"of"`  // "2026-08-29", or "before 2026-08-29T00:00:00Z"
	Why  string    `json:"why"` // "older than retention.events, 90d"
}

// Disposed keeps records of what was dropped.
func (d *DB) Disposed(ctx context.Context, list []Disposal) error {
	err := d.write(ctx, func(tx *sql.Tx) error {
		for _, x := range list {
			if _, err := tx.ExecContext(ctx, "INSERT INTO disposal (at, what, n, of, why) VALUES (?,?,?,?,?)", x.At.UnixMicro(), x.What, x.N, x.Of, x.Why); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the record of what was dropped: %w", err)
	}
	return nil
}

// Disposals returns what was dropped from a time on until another one, the newest first, at most limit of them. Zero times do not
// narrow.
func (d *DB) Disposals(ctx context.Context, from, to time.Time, limit int) ([]Disposal, error) {
	lo, hi := int64(0), int64(1)<<62
	if !from.IsZero() {
		lo = from.UnixMicro()
	}
	if !to.IsZero() {
		hi = to.UnixMicro()
	}
	var out []Disposal
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var x Disposal
		var at int64
		if err := r.Scan(&at, &x.What, &x.N, &x.Of, &x.Why); err != nil {
			return err
		}
		x.At = time.UnixMicro(at).UTC()
		out = append(out, x)
		return nil
	}, "SELECT at, what, n, of, why FROM disposal WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?", lo, hi, limit)
	if err != nil {
		return nil, fmt.Errorf("read what was dropped: %w", err)
	}
	return out, nil
}
