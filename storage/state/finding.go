package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Program is who makes the changes that no person makes.
const Program = "Veritail"

// An Occurrence is a finding as the issue log takes it up. Fingerprint says which findings are of one issue.
type Occurrence struct {
	Finding     string // its id
	At          time.Time
	Title       string
	Message     string
	Fingerprint string
	Priority    Priority
	Category    string
	Site, Rule  string
}

// Taken is what became of occurrences.
type Taken struct {
	Opened, Reopened, Linked int
}

// Take links each occurrence to the issue of its fingerprint. Where there is none it opens one; one that was resolved
// before the occurrence is opened again. An occurrence that was taken before changes nothing, so that taking may be
// repeated. All of them are taken, or none; until is kept for TakenUntil with them.
func (d *DB) Take(ctx context.Context, list []Occurrence, until time.Time) (Taken, error) {
	var t Taken
	err := d.write(ctx, func(tx *sql.Tx) error {
		t = Taken{}
		for _, o := range list {
			if err := take(ctx, tx, o, d.now(), &t); err != nil {
				return fmt.Errorf("finding %s: %w", o.Finding, err)
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO mark (name, at) VALUES ('taken', ?1) ON CONFLICT DO UPDATE SET at = max(at, ?1)", micros(until))
		return err
	})
	if err != nil {
		return Taken{}, fmt.Errorf("take findings into the issue log: %w", err)
	}
	return t, nil
}

// TakenUntil returns the time up to which findings were taken that were stored until then; zero: never.
func (d *DB) TakenUntil(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := d.sql.QueryRowContext(ctx, "SELECT at FROM mark WHERE name = 'taken'").Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read how far findings were taken: %w", err)
	}
	return timeOf(at), nil
}

func take(ctx context.Context, tx *sql.Tx, o Occurrence, now time.Time, t *Taken) error {
	var known int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM issue_finding WHERE finding = ?", o.Finding).Scan(&known); err != nil || known > 0 {
		return err
	}
	i, err := scanIssue(tx.QueryRowContext(ctx, "SELECT "+issueColumns+" FROM issue i WHERE i.fingerprint = ?", o.Fingerprint).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		i = Issue{
			Title: o.Title, Description: o.Message, Category: o.Category, Priority: o.Priority, Status: Unsolved,
			Reporter: Program, Reported: earlier(o.At, now), Site: o.Site, Rule: o.Rule, Fingerprint: o.Fingerprint,
		}
		if err := i.check(); err != nil {
			return err
		}
		if i.ID, err = insert(ctx, tx, &i, Program); err != nil {
			return err
		}
		t.Opened++
	case err != nil:
		return err
	case i.Status == Resolved && o.At.After(i.Resolved):
		open := Unsolved
		if err := change(ctx, tx, i.ID, Program, now, Edit{Status: &open, Comment: "It came back: " + o.Title}); err != nil {
			return err
		}
		t.Reopened++
	}
	t.Linked++
	return link(ctx, tx, i.ID, o)
}

// earlier is a, or now where the clock that a is of is ahead.
func earlier(a, now time.Time) time.Time {
	if a.After(now) {
		return now
	}
	return a
}

func link(ctx context.Context, tx *sql.Tx, issue int64, o Occurrence) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO issue_finding (finding, issue, at, title) VALUES (?,?,?,?)", o.Finding, issue, micros(o.At), o.Title)
	return err
}

// A Link is a finding of an issue.
type Link struct {
	Finding string    `json:"finding"`
	Issue   int64     `json:"issue"`
	At      time.Time `json:"at"`
	Title   string    `json:"title"`
}

// Links returns the findings of an issue, newest first, at most limit.
func (d *DB) Links(ctx context.Context, issue int64, limit int) ([]Link, error) {
	var out []Link
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var l Link
		var at sql.NullInt64
		err := r.Scan(&l.Finding, &l.Issue, &at, &l.Title)
		l.At = timeOf(at)
		out = append(out, l)
		return err
	}, "SELECT finding, issue, at, title FROM issue_finding WHERE issue = ? ORDER BY at DESC, finding LIMIT ?", issue, limit)
	if err != nil {
		return nil, fmt.Errorf("read the findings of issue %d: %w", issue, err)
	}
	return out, nil
}

// IssueOf returns the number of the issue that a finding belongs to, 0 if there is none.
func (d *DB) IssueOf(ctx context.Context, finding string) (int64, error) {
	var id int64
	err := d.sql.QueryRowContext(ctx, "SELECT issue FROM issue_finding WHERE finding = ?", finding).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read the issue of finding %s: %w", finding, err)
	}
	return id, nil
}
