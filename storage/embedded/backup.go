package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/archive"
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
func (s *Store) Backup(ctx context.Context, dir string, now time.Time) (*backup.Manifest, error) {
	m, err := s.backup(ctx, dir, now)
	if err != nil {
		return nil, fmt.Errorf("back up to %s: %w", dir, err)
	}
	return m, nil
}

func (s *Store) backup(ctx context.Context, dir string, now time.Time) (*backup.Manifest, error) {
	defer s.shelf.begin()()
	s.backups.Add(1)
	defer s.backups.Add(-1)
	m := &backup.Manifest{Made: now.UTC(), Layout: schemaVersion}
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
		f, err := s.openOwn(i == 0, o.path)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			defer f.Close()
		}
		sources = append(sources, backup.Source{File: o.File, From: f})
	}
	if err := fits(filepath.Dir(dir), own); err != nil {
		return nil, err
	}
	return m, backup.Write(ctx, dir, m, sources, func() error { return s.asHeld(opened, overridden) })
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

// An ownFile is one of the store's files, as long as it is now. Of a sealed one it is known what it was made as.
type ownFile struct {
	backup.File
	path string
}

// ownFiles returns the store's files, the database first, and fills in what the manifest says of it.
func (w *writer) ownFiles(m *backup.Manifest) ([]ownFile, error) {
	own := []ownFile{{backup.File{Name: backupName, Bytes: fileSize(w.path)}, w.path}}
	if wal := w.path + ".wal"; fileSize(wal) > 0 {
		own = append(own, ownFile{backup.File{Name: backupName + ".wal", Bytes: fileSize(wal)}, wal})
	}
	err := w.rows(`SELECT file, bytes, sha256 FROM sealed ORDER BY file`, func(c []cells, i int) {
		f := backup.File{Name: backupSealed + "/" + c[0].str(i), Bytes: c[1].i64(i), SHA256: c[2].str(i)}
		own = append(own, ownFile{f, filepath.Join(w.path+sealedSuffix, c[0].str(i))})
	})
	if err == nil {
		m.Commits = w.commits
		err = w.rows(`SELECT coalesce(sum(events), 0)::BIGINT, coalesce(min(day), 0), coalesce(max(day), 0) FROM counts`, func(c []cells, i int) {
			if m.Events = c[0].i64(i); m.Events > 0 {
				m.First, m.Last = dayTime(c[1].i32(i)).Format(time.DateOnly), dayTime(c[2].i32(i)).Format(time.DateOnly)
			}
		})
	}
	return own, err
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

// RestoreBackup makes of the backup in dir the store at path, in a folder of its own, which must not be there or be empty.
// Each file is compared with the manifest, and the store with itself, before it takes that place. Problems say what differs.
func RestoreBackup(ctx context.Context, dir, path string) (*backup.Manifest, error) {
	m, err := restoreBackup(ctx, dir, path)
	if err != nil {
		return nil, fmt.Errorf("restore from %s: %w", dir, err)
	}
	return m, nil
}

func restoreBackup(ctx context.Context, dir, path string) (*backup.Manifest, error) {
	m, err := backup.Read(dir)
	if err != nil {
		return nil, err
	}
	if m.Layout > schemaVersion {
		return nil, backup.Problems{fmt.Sprintf("it has the layout %d, this Veritail knows those up to %d: use a newer one", m.Layout, schemaVersion)}
	}
	home := filepath.Dir(path)
	if list, err := os.ReadDir(home); err == nil && len(list) > 0 {
		return nil, backup.Problems{"there is a store in " + home + " already: move it away first"}
	}
	if err := fits(filepath.Dir(home), []ownFile{{File: backup.File{Bytes: m.Bytes()}}}); err != nil {
		return nil, err
	}
	part := home + backup.Suffix
	if err := os.RemoveAll(part); err != nil { // what an earlier one left that did not end
		return nil, err
	}
	if err = os.Mkdir(part, 0o700); err == nil {
		err = m.CopyTo(ctx, dir, part)
	}
	if err == nil {
		err = proven(ctx, filepath.Join(part, backupName), m)
	}
	if err == nil {
		err = rename(part, path)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(part))
	}
	return m, nil
}

// proven opens a store that was copied, and compares it with itself and with what its manifest says.
func proven(ctx context.Context, path string, m *backup.Manifest) error {
	s, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	r, err := s.Check(ctx)
	if err == nil && len(r.Problems) > 0 {
		err = backup.Problems(r.Problems)
	}
	if err == nil && r.Events != m.Events {
		err = backup.Problems{fmt.Sprintf("it holds %d events, the manifest says %d", r.Events, m.Events)}
	}
	return errors.Join(err, s.Close())
}

// rename gives the copied files the names that the store's at path have.
func rename(part, path string) error {
	for _, suffix := range []string{"", ".wal", sealedSuffix, waterSuffix} {
		from, to := filepath.Join(part, backupName+suffix), filepath.Join(part, filepath.Base(path)+suffix)
		if from == to {
			continue
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	home := filepath.Dir(path)
	if err := os.Remove(home); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is empty
		return err
	}
	return errors.Join(archive.Sync(part), os.Rename(part, home), archive.Sync(filepath.Dir(home)))
}
