// Package state keeps the records that people make and change, and those of what was done: the issue log with its history, verdicts on
// findings, sign-offs of checks, answers to surveys, reports as they were issued and the runs of their schedules, the mail queue, and
// what retention dropped. They lie in one SQLite database in the state directory, beside the event store, which is append-mostly.
//
// It stands behind the flow: the daemon takes findings that are stored into issues, console and commands read and
// change them. Several processes may have the database open; what one has written the others see at once.
//
// Every change of an issue or a verdict is kept: who made it, when, and what stood there before.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrNotFound is returned for a record that is not there.
var ErrNotFound = errors.New("not found")

// A DB is an open database. It is safe for concurrent use.
type DB struct {
	sql *sql.DB
	now func() time.Time
}

// steps bring a database to the schema of today, one after the other; PRAGMA user_version says how many were taken.
// A step that was released is never changed.
var steps = []string{`
CREATE TABLE issue (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	title       TEXT NOT NULL,
	description TEXT NOT NULL,
	category    TEXT NOT NULL,
	priority    TEXT NOT NULL,
	status      TEXT NOT NULL,
	reporter    TEXT NOT NULL,
	role        TEXT NOT NULL,
	reported    INTEGER NOT NULL, -- µs, as all times
	responded   INTEGER,
	assigned    TEXT NOT NULL,
	resolved    INTEGER,
	resolution  TEXT NOT NULL,
	cause       TEXT NOT NULL,
	reopened    INTEGER NOT NULL,
	site        TEXT NOT NULL,
	rule        TEXT NOT NULL,
	fingerprint TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX issue_of ON issue (fingerprint) WHERE fingerprint <> '';

CREATE TABLE issue_change (
	issue INTEGER NOT NULL REFERENCES issue,
	at    INTEGER NOT NULL,
	who   TEXT NOT NULL,
	field TEXT NOT NULL,
	old   TEXT NOT NULL,
	new   TEXT NOT NULL
) STRICT;
CREATE INDEX change_of ON issue_change (issue, at);

CREATE TABLE issue_finding (
	finding TEXT PRIMARY KEY,
	issue   INTEGER NOT NULL REFERENCES issue,
	at      INTEGER NOT NULL,
	title   TEXT NOT NULL
) STRICT;
CREATE INDEX finding_of ON issue_finding (issue, at);

CREATE TABLE verdict (
	finding TEXT NOT NULL,
	at      INTEGER NOT NULL,
	rule    TEXT NOT NULL,
	verdict TEXT NOT NULL,
	who     TEXT NOT NULL,
	note    TEXT NOT NULL,
	PRIMARY KEY (finding, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (
	name TEXT PRIMARY KEY,
	at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`, `
CREATE TABLE issue_rating (
	issue INTEGER PRIMARY KEY REFERENCES issue,
	stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
	note  TEXT NOT NULL
) STRICT;
`, `
CREATE TABLE report (
	document TEXT NOT NULL,
	version  INTEGER NOT NULL,
	report   TEXT NOT NULL,
	name     TEXT NOT NULL,
	title    TEXT NOT NULL,
	site     TEXT NOT NULL,
	begins   INTEGER NOT NULL,
	ends     INTEGER NOT NULL,
	made     INTEGER NOT NULL,
	who      TEXT NOT NULL,
	PRIMARY KEY (document, version)
) STRICT;
CREATE INDEX report_made ON report (made);

CREATE TABLE report_file (
	document TEXT NOT NULL,
	version  INTEGER NOT NULL,
	position INTEGER NOT NULL,
	format   TEXT NOT NULL,
	sha256   TEXT NOT NULL,
	bytes    INTEGER NOT NULL,
	packed   BLOB NOT NULL, -- gzip
	PRIMARY KEY (document, version, position),
	FOREIGN KEY (document, version) REFERENCES report
) STRICT;
CREATE INDEX report_digest ON report_file (sha256);
`, `
CREATE TABLE mail (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	about   TEXT NOT NULL UNIQUE,
	queued  INTEGER NOT NULL,
	subject TEXT NOT NULL,
	text    TEXT NOT NULL
) STRICT;
CREATE TABLE mail_to (
	mail    INTEGER NOT NULL REFERENCES mail,
	address TEXT NOT NULL,
	tries   INTEGER NOT NULL,
	due     INTEGER, -- of the next try; NULL: there is none
	sent    INTEGER,
	gave_up INTEGER,
	problem TEXT NOT NULL,
	PRIMARY KEY (mail, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_due ON mail_to (due) WHERE due IS NOT NULL;
CREATE TABLE mail_file (
	mail   INTEGER NOT NULL REFERENCES mail,
	number INTEGER NOT NULL,
	name   TEXT NOT NULL,
	type   TEXT NOT NULL,
	data   BLOB NOT NULL,
	PRIMARY KEY (mail, number)
) STRICT;
`, `
CREATE TABLE schedule_run (
	schedule TEXT NOT NULL,
	due      INTEGER NOT NULL,
	ended    INTEGER NOT NULL,
	tries    INTEGER NOT NULL,
	document TEXT NOT NULL, -- with its version; '' where none was made
	files    TEXT NOT NULL, -- their paths, a line each
	problem  TEXT NOT NULL, -- '' where all was done
	PRIMARY KEY (schedule, due)
) STRICT, WITHOUT ROWID;
`, `
CREATE TABLE survey_answer (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	survey TEXT NOT NULL,
	about  TEXT NOT NULL, -- the quarter, the version, the issue
	who    TEXT NOT NULL COLLATE NOCASE,
	role   TEXT NOT NULL,
	at     INTEGER NOT NULL,
	UNIQUE (survey, about, who)
) STRICT;
CREATE TABLE survey_value (
	answer   INTEGER NOT NULL REFERENCES survey_answer,
	question TEXT NOT NULL,
	value    TEXT NOT NULL,
	PRIMARY KEY (answer, question)
) STRICT, WITHOUT ROWID;
`, `
CREATE TABLE check_signed (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	check_id TEXT NOT NULL,
	at       INTEGER NOT NULL,
	who      TEXT NOT NULL,
	role     TEXT NOT NULL,
	note     TEXT NOT NULL
) STRICT;
CREATE INDEX check_signed_of ON check_signed (check_id, id);
`, `
CREATE TABLE disposal (
	id   INTEGER PRIMARY KEY AUTOINCREMENT,
	at   INTEGER NOT NULL,
	what TEXT NOT NULL, -- events, findings, rollups
	n    INTEGER NOT NULL,
	of   TEXT NOT NULL,
	why  TEXT NOT NULL
) STRICT;
CREATE INDEX disposal_at ON disposal (at);
`}

// Open opens the database at path and brings it to the schema of today. A path that is not there is made, readable by
// its owner only.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the records: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the records: %w", err)
	}
	// A transaction takes the lock to write when it begins, so that none fails half-way for another one.
	settings := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	d := &DB{sql: db, now: time.Now}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return d, nil
}

// SetClock makes the database take the time from now, which tests set; before it is used.
func (d *DB) SetClock(now func() time.Time) { d.now = now }

// Close ends the use of the database.
func (d *DB) Close() error {
	if err := d.sql.Close(); err != nil {
		return fmt.Errorf("close the records: %w", err)
	}
	return nil
}

// Snapshot writes the database, as it stands after the last change, to path, where nothing or an empty file is. Changes go
// on meanwhile.
func (d *DB) Snapshot(ctx context.Context, path string) error {
	if _, err := d.sql.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy the records: %w", err)
	}
	return nil
}

func (d *DB) migrate(ctx context.Context) error {
	var version int // of one that is as it should be nothing is written: the disk may be full
	if err := d.sql.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err == nil && version == len(steps) {
		return nil
	}
	return d.write(ctx, func(tx *sql.Tx) error {
		var taken int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&taken); err != nil {
			return fmt.Errorf("read its version: %w", err)
		}
		if taken > len(steps) {
			return fmt.Errorf("it has version %d, and this program knows %d: a newer one has written it", taken, len(steps))
		}
		for i, step := range steps[taken:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("bring it to version %d: %w", taken+i+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps)))
		return err
	})
}

// write runs f in a transaction, which is durable when write returns nil.
func (d *DB) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// each calls f for each row of a query.
func each(ctx context.Context, q querier, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := f(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// micros is a time as it is stored: NULL for the zero time.
func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func timeOf(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}
