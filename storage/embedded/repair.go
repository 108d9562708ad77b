package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Damaged error says that the files of the store are not what was written. Repair makes a store of them.
type Damaged struct{ Err error }

// Error returns what is wrong.
func (e *Damaged) Error() string { return "the store is damaged: " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *Damaged) Unwrap() error { return e.Err }

// signs are what DuckDB says of files that are not what it wrote.
var signs = []string{"Failure while replaying WAL", "Corrupt database file", "Corrupt WAL", "not a valid DuckDB database file",
	"Could not read all bytes", "Could not read enough bytes", "Failed to decode", "Serialization Error", "Failed to deserialize", "INTERNAL Error", disagrees}

// disagrees is how the error of a store begins whose events are not those it counted.
const disagrees = "the store does not agree with itself"

// damage makes err a *Damaged if it is of the store's files.
func damage(err error) error {
	if err == nil || errors.As(err, new(*Damaged)) {
		return err
	}
	for _, sign := range signs {
		if strings.Contains(err.Error(), sign) {
			return &Damaged{err}
		}
	}
	return err
}

// Repaired tells what Repair has done.
type Repaired struct {
	Kept  []string // where the files are as they were
	Done  []string // what was done, a sentence each; empty where nothing was wrong
	Holes []Hole   // events that could not be read
}

// A Hole is how many events of a generation could not be read of a day's table. They count as dropped until a Filler brings
// them back.
type Hole struct {
	Day    string // 2026-11-24
	Gen    event.GenID
	Path   string // of the log file
	Events int64
	Lines  int64

	day int32
}

// Repair opens the store at cfg.Path, whatever state it is in, and reads all of it. A WAL that cannot be replayed is cut
// where it is damaged; copies of it and of the database go to the folder copies first. Of a database that cannot be
// read, what can be read is copied to a new one, which takes its place, or else a new one begins, whose lines the
// daemon reads from their files; the old one is kept under a name with the time. What was wrong is stored as a finding.
func Repair(ctx context.Context, cfg Config, copies string, now time.Time) (*Store, Repaired, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, Repaired{}, fmt.Errorf("find the store: %w", err)
	}
	cfg.Path = path
	r := repair{ctx: ctx, cfg: cfg, copies: copies, now: now}
	r.cfg.copied = true // what findGap would copy is copied already
	for range 4 {       // a WAL may hide a database, and a damaged place another
		s, err := Open(ctx, r.cfg)
		if err == nil {
			if err = s.unreadable(ctx); err == nil {
				err = s.takeRepair(ctx, r.Repaired, now)
			}
			if err == nil {
				return s, r.Repaired, nil
			}
			if closing := s.Close(); closing != nil {
				return nil, r.Repaired, closing
			}
		}
		if !errors.As(damage(err), new(*Damaged)) {
			return nil, r.Repaired, err
		}
		if err := r.mend(err); err != nil {
			return nil, r.Repaired, fmt.Errorf("repair the store %s: %w", cfg.Path, err)
		}
	}
	return nil, r.Repaired, fmt.Errorf("repair the store %s: it is damaged in more places than one repair mends; run it again", cfg.Path)
}

type repair struct {
	Repaired
	ctx    context.Context
	cfg    Config
	copies string
	now    time.Time
	cut    int64 // where the WAL was cut last
}

func (r *repair) did(format string, args ...any) {
	r.Done = append(r.Done, fmt.Sprintf(format, args...))
}

func (r *repair) mend(why error) error {
	if strings.Contains(why.Error(), "WAL") && fileSize(r.cfg.Path+".wal") > 0 {
		return r.cutWAL(why)
	}
	return r.rebuild(why)
}

var walPosition = regexp.MustCompile(`at byte position (\d+)`)

// cutWAL cuts the WAL where DuckDB says that it is damaged; where it says nothing, or the same again, all of it goes.
func (r *repair) cutWAL(why error) error {
	wal := r.cfg.Path + ".wal"
	was, at := fileSize(wal), int64(0)
	if m := walPosition.FindStringSubmatch(why.Error()); m != nil {
		at, _ = strconv.ParseInt(m[1], 10, 64)
	}
	if at >= was || at == r.cut {
		at = 0
	}
	if len(r.Kept) == 0 {
		free, err := freeSpace(r.copies)
		if err != nil {
			return err
		}
		if need := was + fileSize(r.cfg.Path); free < need {
			return fmt.Errorf("the copies of its files take %.1f MB, %.1f MB are free in %s: name another folder for them", float64(need)/1e6, float64(free)/1e6, r.copies)
		}
		for _, path := range []string{r.cfg.Path, wal} {
			kept, err := keepCopy(path, r.copies, r.now)
			if err != nil {
				return err
			}
			r.Kept = append(r.Kept, kept)
		}
	}
	r.cut = at
	if err := os.Truncate(wal, at); err != nil {
		return fmt.Errorf("cut the WAL at byte %d: %w", at, err)
	}
	r.did("The WAL is damaged at byte %d of %d; it was cut there.", at, was)
	return nil
}

// rebuild makes a new database of what can be read of the old one, or else an empty one, and puts it in its place.
func (r *repair) rebuild(why error) error {
	fresh := r.cfg.Path + ".new"
	for _, suffix := range []string{"", ".wal"} {
		if err := os.Remove(fresh + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	holes, saved := r.salvage(fresh)
	if saved == nil {
		r.did("The database is damaged: %s", firstLine(why))
		r.did("What can be read of it was copied to a new one.")
		r.Holes = holes
	} else {
		r.did("The database is damaged, and cannot be read: %s", firstLine(saved))
		r.did("A new one begins: the daemon reads all lines from their files again.")
	}
	kept := filepath.Join(filepath.Dir(r.cfg.Path), filepath.Base(r.cfg.Path)+"."+r.now.UTC().Format("20060102T150405.000Z")+".kept")
	for _, suffix := range []string{"", ".wal", ".sealed"} {
		if suffix == ".sealed" && saved == nil {
			continue // they belong to the new one
		}
		err := os.Rename(r.cfg.Path+suffix, kept+suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.Kept = append(r.Kept, kept+suffix)
	}
	if saved == nil {
		return os.Rename(fresh, r.cfg.Path)
	}
	return nil
}

// firstLine is what the database says of its files, without what was being done.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	for _, sign := range signs {
		if i := strings.LastIndex(line, sign); i >= 0 {
			line = line[i:]
		}
	}
	return line + "."
}

// unreadable reads every block of the database, and compares the files of sealed days.
func (s *Store) unreadable(ctx context.Context) error {
	return s.read(ctx, func(c *conn) error { return readAll(c) })
}

// readAll reads every value of every table.
func readAll(c *conn) error {
	tables, err := tablesOf(c, "")
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := c.exec("SELECT bit_xor(hash(t)) FROM " + table + " AS t"); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	return nil
}

// tablesOf returns the names of the tables of an attached database, of the main one without a name. Those of an
// annex are none.
func tablesOf(c *conn, database string) ([]string, error) {
	of := "current_database()"
	if database != "" {
		of = quote(database)
	}
	r, err := c.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = " + of + " ORDER BY table_name")
	if err != nil {
		return nil, err
	}
	var names []string
	err = r.each(func(c []cells, i int) error { names = append(names, c[0].str(i)); return nil })
	return names, err
}

// takeRepair stores the finding of a repair, if anything was done.
func (s *Store) takeRepair(ctx context.Context, r Repaired, now time.Time) error {
	if len(r.Done) == 0 {
		return nil
	}
	at := now.UnixMicro()
	events, paths := int64(0), map[string]bool{}
	for _, h := range r.Holes {
		events += h.Events
		paths[h.Path] = true
	}
	f := event.Finding{
		ID: "store-repair-" + now.UTC().Format("20060102T150405.000"), Rule: "veritail.store", Severity: "high", Audience: []string{"operator", "security"},
		Title:   "The store was damaged and repaired",
		Message: strings.Join(r.Done, " ") + fmt.Sprintf(" The old files are kept: %s.", strings.Join(r.Kept, ", ")),
		Runbook: "Look for why the files were damaged: the disk (smartctl -a), the file system, memory, or somebody.",
		Count:   events, Time: at, First: at, Last: at,
	}
	if events > 0 {
		f.Message += fmt.Sprintf(" %d events of %d log files could not be read in it.", events, len(paths))
	}
	_, err := s.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}})
	return err
}
