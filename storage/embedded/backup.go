package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/backup"
)

// The files of a backup: the store's, whatever its own are called.
const (
	backupName   = "events.duckdb"
	backupSealed = backupName + sealedSuffix
)

// Backup copies the store, as it stands after the last commit, into dir, where nothing may be. Commits go on meanwhile:
// until the next checkpoint DuckDB changes nothing of its file that the last one or the WAL refers to, so the file and
// as much of the WAL as there is now are the store of now, however long copying takes. Checkpoints and the removal of
// sealed files wait.
//
// Sealed files that are not as they were made are left out: the manifest says what it lacks, and so does a finding. The
// manifest names the version of the program. Others are files that are none of the store's and go with it.
func (s *Store) Backup(ctx context.Context, dir, program string, now time.Time, others ...backup.Source) (*backup.Manifest, error) {
	m, err := s.backup(ctx, dir, program, now, others)
	if err != nil {
		return nil, fmt.Errorf("back up to %s: %w", dir, err)
	}
	return m, nil
}

func (s *Store) backup(ctx context.Context, dir, program string, now time.Time, others []backup.Source) (*backup.Manifest, error) {
	defer s.shelf.begin()()
	s.backups.Add(1)
	defer s.backups.Add(-1)
	m := &backup.Manifest{Program: program, Made: now.UTC(), Layout: schemaVersion}
	var own []ownFile
	opened, overridden := 0, 0
	err := s.write(ctx, func(w *writer) (err error) {
		opened, overridden = s.opened, w.overridden
		own, err = w.ownFiles(m)
		return err
	})
	if err != nil {
		return nil, err
	}
	sources := make([]backup.Source, 0, len(own))
	for i, o := range own {
		source := backup.Source{File: o.File, Held: o.held}
		f, err := s.openOwn(i == 0, o.path)
		switch {
		case err != nil && o.held.Events > 0:
			source.From = unopened{err}
		case err != nil:
			return nil, err
		default:
			source.From = f
		}
		if i > 0 {
			defer f.Close()
		}
		sources = append(sources, source)
	}
	for _, o := range others {
		own, sources = append(own, ownFile{File: o.File}), append(sources, o)
	}
	if err := fits(filepath.Dir(dir), own); err != nil {
		return nil, err
	}
	if err := backup.Write(ctx, dir, m, sources, func() error { return s.asHeld(opened, overridden) }); err != nil {
		return nil, err
	}
	if err := s.tellLacks(ctx, m, now); err != nil {
		return nil, fmt.Errorf("the backup is there, and lacks %d files; %w", len(m.Lacks), err)
	}
	return m, nil
}

// unopened reads as a file that could not be opened.
type unopened struct{ err error }

func (u unopened) ReadAt([]byte, int64) (int, error) { return 0, u.err }

// tellLacks stores a finding of each file that a backup could not have.
func (s *Store) tellLacks(ctx context.Context, m *backup.Manifest, now time.Time) error {
	if len(m.Lacks) == 0 {
		return nil
	}
	found := make([]event.Finding, len(m.Lacks))
	for i, l := range m.Lacks {
		found[i] = sealedFinding("store-lack-"+path.Base(l.Name), l.Events, now)
		found[i].Title = "A sealed day of the store is damaged"
		found[i].Message = fmt.Sprintf("%s, %d events of %s, could not be backed up: %s.", path.Base(l.Name), l.Events, l.Day.Day, l.Why)
		found[i].Runbook = "Put the file back into " + s.shelf.dir + " from an older backup or an archive that has it: " +
			"those after it lack the day. veritail repair -check compares all files with their SHA-256."
	}
	return s.writeLoaded(ctx, func(w *writer) error {
		return w.transaction(func() error { return w.putFindings(found) })
	})
}

// asHeld is why the files may no longer be those of the beginning of a backup, which stood at the given counts.
func (s *Store) asHeld(opened, overridden int) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case s.opened != opened:
		return errors.New("the store failed and was opened again meanwhile; try again")
	case s.w != nil && s.w.overridden != overridden:
		return fmt.Errorf("%w: the store needed the space that is left where it lies while it was copied", storage.ErrFull)
	}
	return nil
}

// An ownFile is one of the store's files, as long as it is now. Of a sealed one it is known what it was made as, and holds.
type ownFile struct {
	backup.File
	path string
	held backup.Day
}

// ownFiles returns the store's files, the database first, and fills in what the manifest says of it.
func (w *writer) ownFiles(m *backup.Manifest) ([]ownFile, error) {
	own := []ownFile{{File: backup.File{Name: backupName, Bytes: fileSize(w.path)}, path: w.path}}
	if wal := w.path + ".wal"; fileSize(wal) > 0 {
		own = append(own, ownFile{File: backup.File{Name: backupName + ".wal", Bytes: fileSize(wal)}, path: wal})
	}
	err := w.rows(`SELECT file, bytes, sha256, day, rows FROM sealed ORDER BY file`, func(c []cells, i int) {
		f := backup.File{Name: backupSealed + "/" + c[0].str(i), Bytes: c[1].i64(i), SHA256: c[2].str(i)}
		own = append(own, ownFile{f, filepath.Join(w.c.dir, c[0].str(i)), backup.Day{Day: dayText(c[3].i32(i)), Events: c[4].i64(i)}})
	})
	if err != nil {
		return nil, err
	}
	m.Commits = w.commits
	m.Events, m.Days, err = countDays(w.c)
	return own, err
}

// countDays returns how many events were stored of each day, dropped ones left out.
func countDays(c *conn) (all int64, days []backup.Day, err error) {
	r, err := c.query(`SELECT day, sum(events)::BIGINT FROM counts GROUP BY day ORDER BY day`)
	if err != nil {
		return 0, nil, err
	}
	err = r.each(func(c []cells, i int) error {
		all += c[1].i64(i)
		days = append(days, backup.Day{Day: dayText(c[0].i32(i)), Events: c[1].i64(i)})
		return nil
	})
	return all, days, err
}

// openOwn opens one of the store's files for reading. The database is opened once: when a process closes any descriptor of
// a file, the locks that it has on it are gone (fcntl(2)), and with them what keeps other processes out.
func (s *Store) openOwn(database bool, path string) (*os.File, error) {
	if !database {
		return os.Open(path)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.copying == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s.copying = f
	}
	return s.copying, nil
}

// endCopying closes what openOwn has opened, once the database is closed.
func (s *Store) endCopying() {
	if s.copying != nil {
		_ = s.copying.Close() // it was only read
		s.copying = nil
	}
}

// fits refuses a folder whose file system has less room than files take.
func fits(dir string, files []ownFile) error {
	need := int64(0)
	for _, f := range files {
		need += f.Bytes
	}
	free, err := freeSpace(dir)
	if err == nil && free < need {
		err = fmt.Errorf("%w: %.1f MB are free in %s, %.1f MB are wanted", storage.ErrFull, float64(free)/1e6, dir, float64(need)/1e6)
	}
	return err
}
