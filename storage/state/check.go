package state

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// A SignOff is somebody's word that a check holds. It is kept as it was given, and never changed.
type SignOff struct {
	Check string    `json:"check"`
	Who   string    `json:"who"`
	Role  string    `json:"role"`
	At    time.Time `json:"at"`
	Note  string    `json:"note"`
}

// SignCheck keeps a sign-off, as of now.
func (d *DB) SignCheck(ctx context.Context, s SignOff) error {
	switch {
	case strings.TrimSpace(s.Who) == "" || len(s.Who) > 200:
		return fmt.Errorf("sign off %s: %w", s.Check, refusef("it wants the name of who signs, of at most 200 bytes"))
	case strings.TrimSpace(s.Note) == "" || len(s.Note) > 4<<10:
		return fmt.Errorf("sign off %s: %w", s.Check, refusef("it wants a note that says what was done, of at most 4 KiB"))
	}
	return d.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO check_signed (check_id, at, who, role, note) VALUES (?,?,?,?,?)", s.Check, micros(d.now()), s.Who, s.Role, s.Note); err != nil {
			return fmt.Errorf("sign off %s: %w", s.Check, err)
		}
		return nil
	})
}

// SignOffs returns the sign-offs of a check, the newest first.
func (d *DB) SignOffs(ctx context.Context, check string) ([]SignOff, error) {
	return d.signed(ctx, "SELECT check_id, at, who, role, note FROM check_signed WHERE check_id = ? ORDER BY id DESC", check)
}

// LastSignOffs returns the newest sign-off of each check that has one.
func (d *DB) LastSignOffs(ctx context.Context) (map[string]SignOff, error) {
	list, err := d.signed(ctx, "SELECT check_id, at, who, role, note FROM check_signed WHERE id IN (SELECT max(id) FROM check_signed GROUP BY check_id)")
	if err != nil {
		return nil, err
	}
	out := make(map[string]SignOff, len(list))
	for _, s := range list {
		out[s.Check] = s
	}
	return out, nil
}

func (d *DB) signed(ctx context.Context, query string, args ...any) ([]SignOff, error) {
	out := []SignOff{}
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var s SignOff
		var at sql.NullInt64
		if err := r.Scan(&s.Check, &at, &s.Who, &s.Role, &s.Note); err != nil {
			return err
		}
		s.At = timeOf(at)
		out = append(out, s)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read what was signed off: %w", err)
	}
	return out, nil
}
