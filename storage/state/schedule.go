package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Run is what became of a scheduled report that was due at a time.
type Run struct {
	Schedule string    `json:"-"` // its key
	Due      time.Time `json:"due"`
	Ended    time.Time `json:"ended"` // the last try
	Tries    int       `json:"tries"`
	Document string    `json:"document,omitempty"`
	Version  int       `json:"version,omitempty"`
	Files    []string  `json:"files,omitempty"`   // that were written
	Problem  string    `json:"problem,omitempty"` // "": all was done
}

// Begin returns the time up to which a schedule was looked at: of its last run, or of the first call with its key.
func (d *DB) Begin(ctx context.Context, schedule string) (time.Time, error) {
	var at sql.NullInt64
	err := d.write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT max(due) FROM schedule_run WHERE schedule = ?", schedule).Scan(&at); err != nil || at.Valid {
			return err
		}
		const mark = "schedule "
		if _, err := tx.ExecContext(ctx, "INSERT INTO mark (name, at) VALUES (?, ?) ON CONFLICT DO NOTHING", mark+schedule, micros(d.now())); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT at FROM mark WHERE name = ?", mark+schedule).Scan(&at)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read how far a schedule has come: %w", err)
	}
	return timeOf(at), nil
}

// keepRuns is how long runs are kept.
const keepRuns = 400 * 24 * time.Hour

// Ran keeps what became of a run; of one that was tried before it counts the tries.
func (d *DB) Ran(ctx context.Context, r Run) error {
	err := d.write(ctx, func(tx *sql.Tx) error {
		document := r.Document
		if r.Version > 0 {
			document = fmt.Sprintf("%s v%d", document, r.Version)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO schedule_run (schedule, due, ended, tries, document, files, problem) VALUES (?1,?2,?3,1,?4,?5,?6)
			ON CONFLICT DO UPDATE SET ended = ?3, tries = tries + 1, document = ?4, files = ?5, problem = ?6`,
			r.Schedule, micros(r.Due), micros(r.Ended), document, strings.Join(r.Files, "\n"), r.Problem)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM schedule_run WHERE due < ?", micros(d.now().Add(-keepRuns)))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep what became of a scheduled report: %w", err)
	}
	return nil
}

// LastRun returns the newest run of a schedule; false where there was none.
func (d *DB) LastRun(ctx context.Context, schedule string) (r Run, found bool, err error) {
	var due, ended sql.NullInt64
	var document, files string
	err = d.sql.QueryRowContext(ctx, "SELECT due, ended, tries, document, files, problem FROM schedule_run WHERE schedule = ? ORDER BY due DESC LIMIT 1", schedule).
		Scan(&due, &ended, &r.Tries, &document, &files, &r.Problem)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, false, nil
	}
	if err != nil {
		return Run{}, false, fmt.Errorf("read the last run of a schedule: %w", err)
	}
	r.Schedule, r.Due, r.Ended = schedule, timeOf(due), timeOf(ended)
	if files != "" {
		r.Files = strings.Split(files, "\n")
	}
	if id, version, ok := strings.Cut(document, " v"); ok {
		r.Document = id
		_, _ = fmt.Sscan(version, &r.Version) // as Ran has written it
	}
	return r, true, nil
}
