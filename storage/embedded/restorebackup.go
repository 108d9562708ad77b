package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/archive"
	"github.com/saypro/veritail/storage/backup"
)

// restoring is the folder, in the store's own, in which a backup becomes a store. While it is there no store is opened
// beside it.
const restoring = "restore" + backup.Suffix

// RestoredBackup is what was restored, and to whom it was given.
type RestoredBackup struct {
	*backup.Manifest
	Owner string `json:"owner,omitempty"` // user and group of the store's folder, where root has restored for them
}

// RestoreBackup makes of the backup in dir the store at path, in a folder of its own, which must be there and empty or not
// be there. Each file is compared with the manifest, and the store with itself, before it takes its
// place. Problems say what differs. The days that the backup lacks, the store has dropped; findings of it say so. All
// gets the owner of the store's folder, or of the one above it where there was none.
//
// The folder may be a mount point: nothing is made beside it. One that is killed leaves a store that Open refuses, and
// the next one begins anew.
func RestoreBackup(ctx context.Context, dir, path string) (RestoredBackup, error) {
	r, err := restoreBackup(ctx, dir, path)
	if err != nil {
		return RestoredBackup{}, fmt.Errorf("restore from %s: %w", dir, err)
	}
	return r, nil
}

func restoreBackup(ctx context.Context, dir, path string) (r RestoredBackup, err error) {
	m, err := backup.Read(dir)
	if err != nil {
		return r, err
	}
	if m.Layout > schemaVersion {
		return r, backup.Problems{fmt.Sprintf("Veritail %s made it, with the layout %d; this one knows those up to %d: use that one, or a newer one",
			m.Program, m.Layout, schemaVersion)}
	}
	home := filepath.Dir(path)
	made, err := clearHome(home, path)
	if err != nil {
		return r, err
	}
	part := filepath.Join(home, restoring)
	err = fits(home, []ownFile{{File: backup.File{Bytes: m.Bytes()}}})
	if err == nil {
		err = os.Mkdir(part, 0o700)
	}
	if err == nil {
		err = m.CopyTo(ctx, dir, part)
	}
	if err == nil {
		err = proven(ctx, filepath.Join(part, backupName), m)
	}
	if err == nil {
		r.Owner, err = giveToOwner(home, restoring)
	}
	if err == nil {
		err = moveIn(part, path)
	}
	if err != nil {
		err = errors.Join(err, removeStore(path), os.RemoveAll(part))
		if made {
			err = errors.Join(err, os.Remove(home))
		}
		return RestoredBackup{}, err
	}
	r.Manifest = m
	return r, nil
}

// clearHome makes the folder of the store at path if it is not there, and removes what a restore left in it that did not
// end. Whatever else is in it refuses it.
func clearHome(home, path string) (made bool, err error) {
	made, err = makeFolders(home)
	if err == nil && made {
		err = archive.Sync(filepath.Dir(home))
	}
	if err != nil || made {
		return made, err
	}
	part := filepath.Join(home, restoring)
	if _, err := os.Lstat(part); err == nil { // the folder was empty when it was made, and no store was opened since
		if err := errors.Join(removeStore(path), os.RemoveAll(part)); err != nil {
			return false, err
		}
	}
	list, err := os.ReadDir(home)
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if e.Name() != "lost+found" { // of an ext file system
			return false, backup.Problems{fmt.Sprintf("%s is not empty, there is %s: move what is in it away first", home, e.Name())}
		}
	}
	return false, nil
}

// storeSuffixes are those of a store's files, the database last: without it there is no store.
var storeSuffixes = []string{sealedSuffix, ".wal", waterSuffix, ""}

func removeStore(path string) (err error) {
	for _, suffix := range storeSuffixes {
		err = errors.Join(err, os.RemoveAll(path+suffix))
	}
	return err
}

// moveIn gives the copied files the names that those of the store at path have.
func moveIn(part, path string) error {
	for _, suffix := range storeSuffixes {
		err := os.Rename(filepath.Join(part, backupName+suffix), path+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := archive.Sync(filepath.Dir(path)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(part), archive.Sync(filepath.Dir(path)))
}

// halfRestored is why the store at path cannot be opened while, or after, a backup takes its place.
func halfRestored(path string) error {
	part := filepath.Join(filepath.Dir(path), restoring)
	if _, err := os.Lstat(part); err == nil {
		return fmt.Errorf("a backup was being restored and is not whole (%s is there): run veritail restore again", part)
	}
	return nil
}

// proven opens a store that was copied, and compares it with itself and with what its manifest says.
func proven(ctx context.Context, path string, m *backup.Manifest) error {
	s, err := Open(ctx, Config{Path: path, lacks: m.Lacks})
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
	if err == nil {
		err = s.read(ctx, func(c *conn) error {
			_, days, err := countDays(c)
			if err == nil && len(m.Days) > 0 && !slices.Equal(days, m.Days) {
				err = backup.Problems{fmt.Sprintf("its events by day are %v, the manifest says %v", days, m.Days)}
			}
			return err
		})
	}
	return errors.Join(err, s.Close())
}

// forget drops sealed files that a backup lacks, which is restored, and stores findings of it.
func (w *writer) forget(lacks []backup.Lack, now time.Time) error {
	if len(lacks) == 0 {
		return nil
	}
	err := w.transaction(func() error {
		var found []event.Finding
		for _, l := range lacks {
			p := part{day: -1}
			file := strings.TrimPrefix(l.Name, backupSealed+"/")
			err := w.rows("SELECT day, part, coalesce(restored, 0) FROM sealed WHERE file = "+quote(file), func(c []cells, i int) {
				p = part{day: c[0].i32(i), id: c[1].i32(i), restored: c[2].i64(i)}
			})
			if err != nil {
				return err
			}
			if p.day < 0 {
				return backup.Problems{fmt.Sprintf("it lacks %s, which its store does not know", l.Name)}
			}
			if _, err := w.expirePart(p); err != nil {
				return err
			}
			f := sealedFinding("store-lack-restored-"+file, l.Events, now)
			f.Title = "A backup was restored that lacks a sealed day"
			f.Message = fmt.Sprintf("%d events of %s are missing: when the backup was made, %s was damaged (%s).", l.Events, l.Day.Day, file, l.Why)
			f.Runbook = "veritail archive -restore brings the day back from an archive that has it."
			found = append(found, f)
		}
		return w.putFindings(found)
	})
	if err != nil {
		return fmt.Errorf("drop what the backup lacks: %w", err)
	}
	return w.load()
}
