package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/backup"
	"github.com/saypro/veritail/storage/query"
	needs "github.com/saypro/veritail/tools/need"
)

// busyStore returns a store to which commits of all sizes go on, with seals, checkpoints and annexes, until the test ends.
func busyStore(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path, walDue: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		mark := event.Mark{Gen: killGen}
		var annex storage.Annex
		for ctx.Err() == nil {
			rows := 1 + rand.IntN(3000)
			if rand.IntN(8) == 0 {
				rows = 130_000
			}
			if _, err := s.Commit(context.Background(), numbered(s.schema, &mark, rows)); err != nil {
				done <- err
				return
			}
			if rand.IntN(4) == 0 {
				var err error
				if annex, err = turnAnnex(s, annex); err != nil {
					done <- err
					return
				}
			}
			if rand.IntN(10) == 0 {
				if _, err := s.Seal(context.Background(), SealPolicy{Now: later}); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A backup that is made while commits, seals and checkpoints go on is a store as it stood after one commit: it agrees with
// itself, and holds each line up to its mark once.
func TestABackupIsTheStoreOfOneCommit(t *testing.T) {
	dir := t.TempDir()
	s := busyStore(t, filepath.Join(dir, "busy.db"))
	last := int64(0)
	for i := range 5 {
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		to, home := filepath.Join(dir, fmt.Sprint("backup-", i)), filepath.Join(dir, fmt.Sprint("home-", i))
		m, err := s.Backup(t.Context(), to, "test", later)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := RestoreBackup(t.Context(), to, filepath.Join(home, "other.db")); err != nil {
			t.Fatal(err)
		}
		restored, err := Open(t.Context(), Config{Path: filepath.Join(home, "other.db")})
		if err != nil {
			t.Fatal(err)
		}
		marks, err := restored.Marks(t.Context())
		if err != nil || len(marks) > 1 {
			t.Fatal(marks, err)
		}
		off := int64(0)
		for _, mark := range marks {
			off = mark.Off
		}
		table, err := restored.Aggregate(t.Context(), access.All(), query.Agg{Values: []query.Measure{{Fn: "distinct", Field: "log.offset"}}})
		if err != nil {
			t.Fatal(err)
		}
		if n := off / 10; table.Rows[0].Count != n || m.Events != n || off < last {
			t.Errorf("backup %d holds %d events, its manifest says %d, its mark %d; the one before stood at %d", i, table.Rows[0].Count, m.Events, n, last/10)
		}
		if f := restored.Doubts(); len(f) > 0 {
			t.Errorf("backup %d: %v", i, f)
		}
		last = off
		if err := restored.Close(); err != nil {
			t.Error(err)
		}
	}
	if out := openElsewhere(t, s.cfg.Path); !strings.Contains(out, "lock") {
		t.Errorf("after a backup another process that opens the store is told %q", out)
	}
}

// However much is committed, sealed and dropped between the beginning of a backup and its copying, it is the store of the
// beginning.
func TestASlowBackupIsTheStoreOfItsBeginning(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Config{Path: filepath.Join(dir, "events.db"), walDue: 1 << 18})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mark := event.Mark{Gen: killGen}
	for range 6 {
		commit(t, s, numbered(s.schema, &mark, 2500))
	}
	then := mark.Off
	s.backups.Add(1)
	defer s.shelf.begin()()
	m := &backup.Manifest{Layout: schemaVersion}
	var own []ownFile
	if err := s.write(t.Context(), func(w *writer) (err error) { own, err = w.ownFiles(m); return err }); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		commit(t, s, numbered(s.schema, &mark, []int{2500, 130_000}[i%2]))
		if _, err := s.Seal(t.Context(), SealPolicy{Now: later}); err != nil {
			t.Fatal(err)
		}
	}
	var sources []backup.Source
	for i, o := range own {
		f, err := s.openOwn(i == 0, o.path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, backup.Source{File: o.File, From: f})
	}
	if err := backup.Write(t.Context(), filepath.Join(dir, "backup"), m, sources, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	s.backups.Add(-1)
	path := filepath.Join(dir, "home", "events.db")
	if _, err := RestoreBackup(t.Context(), filepath.Join(dir, "backup"), path); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	marks, err := restored.Marks(t.Context())
	if err != nil || len(marks) != 1 || marks[0].Off != then {
		t.Errorf("its mark stands at %v, the store's stood at %d: %v", marks, then, err)
	}
}

const openEnv = "VERITAIL_TEST_OPEN"

// openElsewhere says what another process is told that opens a database.
func openElsewhere(t *testing.T, path string) string {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenElsewhere$")
	cmd.Env = append(os.Environ(), openEnv+"="+path)
	out, _ := cmd.CombinedOutput() // it ends with 1 where it is refused
	return string(out)
}

func TestOpenElsewhere(t *testing.T) {
	path := os.Getenv(openEnv)
	if path == "" {
		return // the test that needs it calls it
	}
	db, err := openDatabase(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.close()
}

// smallBackup returns the folder of a backup of a small store with a sealed day.
func smallBackup(t *testing.T) (s *Store, dir string) {
	t.Helper()
	home := t.TempDir()
	s = openTest(t, event.NewSchema(), filepath.Join(home, "events.db"))
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 6000))
	if _, err := s.Seal(t.Context(), SealPolicy{Now: later}); err != nil {
		t.Fatal(err)
	}
	commit(t, s, numbered(s.schema, &mark, 500))
	dir = filepath.Join(home, "backup")
	if _, err := s.Backup(t.Context(), dir, "test", later); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestABackupThatWasChangedIsRefused(t *testing.T) {
	_, whole := smallBackup(t)
	m, err := backup.Read(whole)
	if err != nil || len(m.Files) < 3 {
		t.Fatalf("the backup has the files %v: %v", m.Files, err)
	}
	file := m.Files[len(m.Files)-1].Name
	tests := map[string]struct {
		change func(dir string) error
		want   string
	}{
		"a byte": {func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "events.duckdb"), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, 5000); err != nil {
				return err
			}
			b[0] ^= 1
			_, err = f.WriteAt(b, 5000)
			return errors.Join(err, f.Close())
		}, "events.duckdb: it has the SHA-256"},
		"cut":     {func(dir string) error { return os.Truncate(filepath.Join(dir, "events.duckdb.wal"), 100) }, "events.duckdb.wal"},
		"missing": {func(dir string) error { return os.Remove(filepath.Join(dir, file)) }, file},
		"another version": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, backup.ManifestName), []byte(`{"version":2}`), 0o600)
		}, "has version 2, this Veritail reads version 1"},
		"no manifest": {func(dir string) error { return os.Remove(filepath.Join(dir, backup.ManifestName)) }, "open the backup"},
		"a name that leads out": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, backup.ManifestName), []byte(`{"version":1,"files":[{"file":"../x"}]}`), 0o600)
		}, `"../x" is no name of a file of a backup`},
		"fewer events than it says": {func(dir string) error {
			path := filepath.Join(dir, backup.ManifestName)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), `"events": 6500`, `"events": 6501`, 1)), 0o600))
		}, "it holds 6500 events, the manifest says 6501"},
		"another day than it says": {func(dir string) error {
			path := filepath.Join(dir, backup.ManifestName)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), `"day": "`+m.Days[0].Day, `"day": "2001-02-03`, 1)), 0o600))
		}, "the manifest says [{2001-02-03"},
		"a newer layout": {func(dir string) error {
			path := filepath.Join(dir, backup.ManifestName)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), fmt.Sprintf(`"layout": %d`, schemaVersion), `"layout": 99`, 1)), 0o600))
		}, "Veritail test made it, with the layout 99"},
		"lacks what it never had": {func(dir string) error {
			path := filepath.Join(dir, backup.ManifestName)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), `"files": [`, `"lacks": [{"file": "x.parquet"}], "files": [`, 1)), 0o600))
		}, "it lacks x.parquet, which its store does not know"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			dir, to := filepath.Join(home, "backup"), filepath.Join(home, "store", "events.duckdb")
			if err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), tc.change(dir)); err != nil {
				t.Fatal(err)
			}
			_, err := RestoreBackup(t.Context(), dir, to)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it is restored with the error %v, which does not say %q", err, tc.want)
			}
			if left, _ := filepath.Glob(filepath.Join(home, "store*")); len(left) > 0 {
				t.Errorf("it leaves %v", left)
			}
		})
	}
}

// What could not be restored is no backup, and leaves nothing.
func TestABackupThatDoesNotHoldIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backup")
	err := backup.Write(t.Context(), dir, new(backup.Manifest), nil, func() error { return fs.ErrInvalid })
	if left, _ := filepath.Glob(dir + "*"); !errors.Is(err, fs.ErrInvalid) || len(left) > 0 {
		t.Errorf("what does not hold any more is written with %v and leaves %v", err, left)
	}
}

// A sealed file that is damaged costs its own events only: all else is backed up and comes back, and both stores tell of
// it. An archive brings the day back.
func TestABackupLacksWhatIsDamaged(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(file string) error
		why    string
	}{
		"altered": {func(file string) error {
			text, err := os.ReadFile(file)
			text[len(text)/2] ^= 1
			return errors.Join(err, os.WriteFile(file, text, 0o600))
		}, "it has the SHA-256"},
		"cut":        {func(file string) error { return os.Truncate(file, 100) }, "100 bytes of"},
		"gone":       {os.Remove, "no such file"},
		"unreadable": {func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := smallBackup(t)
			home := filepath.Dir(s.cfg.Path)
			if _, err := s.Archive(t.Context(), filepath.Join(home, "archive"), "", "", later); err != nil {
				t.Fatal(err)
			}
			files := sealedFiles(t, s)
			if err := tc.damage(filepath.Join(s.shelf.dir, files[0])); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(home, "second")
			if _, err := s.Backup(t.Context(), dir, "test", later); err != nil {
				t.Fatal(err)
			}
			m, err := backup.Read(dir)
			if err != nil || len(m.Lacks) != 1 || m.Lacks[0].Events != 3500 || !strings.Contains(m.Lacks[0].Why, tc.why) || m.Events != 3000 {
				t.Fatalf("the manifest says %+v: %v; wanted is that 3500 of 6500 events are lacking since %q", m, err, tc.why)
			}
			if found, err := m.Check(t.Context(), dir); err != nil || len(found) > 0 {
				t.Errorf("the backup differs from its manifest: %v %v", found, err)
			}
			toldOnce(t, s, "A sealed day of the store is damaged", tc.why)

			path := filepath.Join(home, "restored", "events.db")
			if _, err := RestoreBackup(t.Context(), dir, path); err != nil {
				t.Fatal(err)
			}
			restored := openTest(t, event.NewSchema(), path)
			wantSound(t, restored, 3000)
			toldOnce(t, restored, "A backup was restored that lacks a sealed day", "3500 events of "+m.Lacks[0].Day.Day)
			if _, err := restored.Restore(t.Context(), filepath.Join(home, "archive"), "", "", later); err != nil {
				t.Fatal(err)
			}
			wantSound(t, restored, 6500)
		})
	}
}

// toldOnce wants one finding of a title, with a text in its message.
func toldOnce(t *testing.T, s *Store, title, text string) {
	t.Helper()
	found, err := s.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"veritail.store"}})
	if err != nil || len(found) != 1 || found[0].Title != title || !strings.Contains(found[0].Message, text) {
		t.Errorf("the findings are %+v: %v; wanted is %q with %q", found, err, title, text)
	}
}

func TestAManifestSaysWhatABackupHolds(t *testing.T) {
	_, dir := smallBackup(t)
	m, err := backup.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, d := range m.Days {
		sum += d.Events
	}
	if m.Program != "test" || m.Events != 6500 || sum != 6500 || !m.Made.Equal(later) || m.Layout != schemaVersion {
		t.Errorf("the manifest says %+v", m)
	}
}

// A folder that is a mount point can be neither replaced nor made anew, and of an ext file system it is never empty.
func TestABackupIsRestoredToAMountPoint(t *testing.T) {
	disk := needs.Disk(t, 64<<20)
	_, dir := smallBackup(t)
	if err := os.Mkdir(filepath.Join(disk, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(disk, "events.db")
	if _, err := RestoreBackup(t.Context(), dir, path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, s, 6500)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(disk, "*.part")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// Where the disk runs short, the store checkpoints although a backup is made, and the backup is none.
func TestABackupGivesWayToIntake(t *testing.T) {
	s := openTest(t, event.NewSchema(), "")
	mark := event.Mark{Gen: killGen}
	free, err := freeSpace(filepath.Dir(s.cfg.Path))
	if err != nil {
		t.Fatal(err)
	}
	s.backups.Add(1)
	defer s.backups.Add(-1)
	for _, tc := range []struct {
		minFree int64
		yields  bool
	}{{1, false}, {free / 3 * 2, true}, {2 * free, false}} { // the last could not checkpoint in any case
		s.w.walDue, s.w.minFree = 1<<19, tc.minFree
		overridden := s.w.overridden
		commit(t, s, numbered(s.schema, &mark, 6000))
		wal, err := fileSize(s.cfg.Path+".wal"), s.asHeld(s.opened, overridden)
		if errors.Is(err, storage.ErrFull) != tc.yields || (wal < 1<<19) != tc.yields {
			t.Errorf("with %d bytes free of which %d are wanted: %v, and the WAL has %d bytes", free, tc.minFree, err, wal)
		}
	}
}

func TestABackupTakesNothingsPlace(t *testing.T) {
	s, dir := smallBackup(t)
	if _, err := s.Backup(t.Context(), dir, "test", later); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second backup to the same folder: %v", err)
	}
	if _, err := RestoreBackup(t.Context(), dir, s.cfg.Path); err == nil || !strings.Contains(err.Error(), "away first") {
		t.Errorf("restored over a store: %v", err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	other := dir + "-2"
	if _, err := s.Backup(ended, other, "test", later); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup that is given up: %v", err)
	}
	if left, _ := filepath.Glob(other + "*"); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

func TestABackupThatDoesNotFitLeavesNothing(t *testing.T) {
	disk := needs.Disk(t, 1<<20)
	s, _ := smallBackup(t)
	if _, err := s.Backup(t.Context(), filepath.Join(disk, "backup"), "test", later); !errors.Is(err, storage.ErrFull) {
		t.Errorf("on a disk that is too small: %v", err)
	}
	if left, _ := os.ReadDir(disk); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

const backupEnv = "VERITAIL_TEST_BACKUP_UNTIL_KILLED"

// A process that is killed while it backs up leaves folders that are whole, and one that says by its name that it is not.
func TestAKilledBackupIsNotTakenForOne(t *testing.T) {
	if dir := os.Getenv(backupEnv); dir != "" {
		s := busyStore(t, filepath.Join(dir, "busy.db"))
		for i := 0; ; i++ {
			if _, err := s.Backup(t.Context(), filepath.Join(dir, fmt.Sprint("backup-", i)), "test", later); err != nil {
				t.Fatal(err)
			}
		}
	}
	rounds, parts := 3, 0
	for range rounds {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledBackup")
		cmd.Env = append(os.Environ(), backupEnv+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(700+rand.IntN(800)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		dirs, err := filepath.Glob(filepath.Join(dir, "backup-*"))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("there are no backups: %v", err)
		}
		for _, d := range dirs {
			if strings.HasSuffix(d, backup.Suffix) {
				parts++
				continue
			}
			m, err := backup.Read(d)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := m.Check(t.Context(), d); err != nil || len(found) > 0 {
				t.Errorf("%s: %v %v", d, found, err)
			}
		}
	}
	t.Logf("%d of %d kills met a backup that was being written", parts, rounds)
}

const restoreEnv = "VERITAIL_TEST_RESTORE_UNTIL_KILLED"

// A process that is killed while it restores leaves a whole store or none that can be opened, and the next one goes through.
func TestAKilledRestoreIsNotTakenForAStore(t *testing.T) {
	if dir := os.Getenv(restoreEnv); dir != "" {
		if _, err := RestoreBackup(t.Context(), filepath.Join(dir, "backup"), filepath.Join(dir, "home", "events.db")); err != nil {
			t.Fatal(err)
		}
		return
	}
	_, whole := smallBackup(t)
	dir := filepath.Dir(whole)
	home := filepath.Join(dir, "home")
	killed := 0
	for round := range 8 {
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledRestore")
		cmd.Env = append(os.Environ(), restoreEnv+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
			if left, _ := filepath.Glob(home + "*"); len(left) > 0 {
				break
			}
		}
		time.Sleep(time.Duration(round) * 5 * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, or had ended
		if list, _ := os.ReadDir(home); len(list) == 0 {
			killed++
			continue
		}
		s, err := Open(t.Context(), Config{Path: filepath.Join(home, "events.db")})
		if err != nil && strings.Contains(err.Error(), "run veritail restore again") {
			killed++
			if _, err := RestoreBackup(t.Context(), whole, filepath.Join(home, "events.db")); err != nil {
				t.Fatal(err)
			}
			s, err = Open(t.Context(), Config{Path: filepath.Join(home, "events.db")})
		}
		if err != nil {
			t.Fatal(err)
		}
		wantSound(t, s, 6500)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if killed == 0 {
		t.Error("no restore was killed before it had ended")
	}
	if left, _ := filepath.Glob(home + "*"); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}
