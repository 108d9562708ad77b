package embedded

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/archive"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// eventsOf are the events of dumpStore.
func eventsOf(t *testing.T, s *Store) []string {
	t.Helper()
	var events []string
	for line := range strings.Lines(dumpStore(t, s)) {
		if strings.HasPrefix(line, "event ") {
			events = append(events, line)
		}
	}
	return events
}

// archived is a store with random events of some days, and an archive of it.
func archived(t *testing.T) (s *Store, dir string, files []archive.File) {
	t.Helper()
	r := rand.New(rand.NewPCG(14, 5))
	s = smallRuns(t, querytest.Schema(), filepath.Join(t.TempDir(), "events.db"))
	for range 3 {
		commit(t, s, batchOf(querytest.RandomPage(r, s.schema, 100)))
	}
	dir = filepath.Join(t.TempDir(), "archive")
	files, err := s.Archive(t.Context(), dir, "", "", later)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir, files
}

func wantSound(t *testing.T, s *Store, events int64) {
	t.Helper()
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != events {
		t.Errorf("check finds %d events and %v, error %v, want %d", r.Events, r.Problems, err, events)
	}
}

func TestArchivedDaysComeBack(t *testing.T) {
	s, dir, files := archived(t)
	if rows := files[0].Rows + files[1].Rows; len(files) < 2 || len(files) == 2 && rows != 300 {
		t.Fatalf("archived %+v", files)
	}
	if p, err := archive.Check(dir, files); err != nil || len(p) > 0 {
		t.Errorf("the archive has %v, error %v", p, err)
	}
	want := eventsOf(t, s)
	other := smallRuns(t, querytest.Schema(), filepath.Join(t.TempDir(), "events.db"))
	for _, times := range []string{"first", "again"} {
		r, err := other.Restore(t.Context(), dir, "", "", later)
		if err != nil {
			t.Fatalf("%s: %v", times, err)
		}
		if fresh := times == "first"; fresh != (len(r.Files) == len(files)) || fresh == (len(r.Had) == len(files)) {
			t.Errorf("%s: restored %+v", times, r)
		}
		if got := eventsOf(t, other); !slices.Equal(got, want) {
			t.Errorf("%s: %d events came back, want the %d that were archived", times, len(got), len(want))
		}
		wantSound(t, other, 300)
	}
	e, err := query.Parse("deadlock", s.schema, querytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	q := query.Search{Where: e, Limit: 300}
	a, errA := s.Search(t.Context(), access.All(), q)
	b, errB := other.Search(t.Context(), access.All(), q)
	if errA != nil || errB != nil || len(a.Events) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("a word is found %d times in one and %d times in the other, errors %v and %v", len(a.Events), len(b.Events), errA, errB)
	}
	if r, err := s.Restore(t.Context(), dir, "", "", later); err != nil || len(r.Files) != 0 {
		t.Errorf("where the events are still stored: %+v, error %v", r, err)
	}
	wantSound(t, s, 300)

	// By age what came back goes when it has been there for as long as events are kept.
	policy := storage.Policy{Events: aDay, Now: later.Add(aDay - time.Hour)}
	if _, err := other.Expire(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	wantSound(t, other, 300)
	policy.Now = later.Add(aDay)
	if _, err := other.Expire(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	wantSound(t, other, 0)
}

// A day that was dropped comes back into the store that it came from.
func TestDroppedDayComesBack(t *testing.T) {
	s, dir, files := archived(t)
	want := eventsOf(t, s)
	if _, err := s.Expire(t.Context(), storage.Policy{Events: aDay, Now: later}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, s, 0)
	day := files[0].Day
	if r, err := s.Restore(t.Context(), dir, day, day, later); err != nil || len(r.Files) != 1 {
		t.Errorf("one day: %+v, error %v", r, err)
	}
	wantSound(t, s, files[0].Rows)
	if _, err := s.Restore(t.Context(), dir, "", "", later); err != nil {
		t.Fatal(err)
	}
	if got := eventsOf(t, s); !slices.Equal(got, want) {
		t.Errorf("%d events came back, want the %d that were archived", len(got), len(want))
	}
	wantSound(t, s, 300)
}

func TestAlteredArchivesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		alter func(dir string, m *archive.Manifest) error
		want  string
	}{
		"a changed byte": {func(dir string, m *archive.Manifest) error {
			path := filepath.Join(dir, m.Files[1].Name)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o600)
		}, "has the SHA-256 "},
		"a lost file":            {func(dir string, m *archive.Manifest) error { return os.Remove(filepath.Join(dir, m.Files[1].Name)) }, " is missing"},
		"another number of rows": {func(_ string, m *archive.Manifest) error { m.Files[0].Rows++; return nil }, "has rows "},
		"another generation's": {func(_ string, m *archive.Manifest) error {
			m.Files[0].Generations[0].ID = "00000000000000ff"
			return nil
		}, "has events of generation 00000000000000ff 0, the manifest says "},
		"another time": {func(_ string, m *archive.Manifest) error {
			m.Files[0].First = m.Files[0].First.Add(time.Second)
			return nil
		}, "has a first time of "},
		"another day":    {func(_ string, m *archive.Manifest) error { m.Files[0].Day = "2026-11-01"; return nil }, "has events of other days than 2026-11-01"},
		"a newer layout": {func(_ string, m *archive.Manifest) error { m.Files[0].Layout = schemaVersion + 1; return nil }, "use a newer one"},
		"no events at all": {func(dir string, m *archive.Manifest) error {
			path := filepath.Join(dir, m.Files[0].Name)
			if err := os.WriteFile(path, []byte("PAR1 nothing PAR1"), 0o600); err != nil {
				return err
			}
			var err error
			m.Files[0].SHA256, m.Files[0].Bytes, err = archive.Sum(path)
			return err
		}, "arquet"},
	} {
		t.Run(name, func(t *testing.T) {
			_, dir, _ := archived(t)
			m, err := archive.Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.alter(dir, m); err != nil {
				t.Fatal(err)
			}
			if err := m.Write(dir); err != nil {
				t.Fatal(err)
			}
			s := smallRuns(t, querytest.Schema(), filepath.Join(t.TempDir(), "events.db"))
			_, err = s.Restore(t.Context(), dir, m.Files[0].Day, "", later)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.As(err, new(archive.Problems)) {
				t.Errorf("it returns %v, want Problems with %q", err, tc.want)
			}
			wantSound(t, s, 0)
			if files := sealedFiles(t, s); len(files) > 0 {
				t.Errorf("files are left: %v", files)
			}
		})
	}
}

// An archive of the same days is replaced by one that has all of its events, and by no other.
func TestArchivesOfTheSameDays(t *testing.T) {
	s, dir, first := archived(t)
	again, err := s.Archive(t.Context(), dir, "", "", later)
	if err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("archived again it is %+v, error %v\nwant %+v", again, err, first)
	}
	r := rand.New(rand.NewPCG(14, 6))
	commit(t, s, batchOf(querytest.RandomPage(r, s.schema, 100)))
	files, err := s.Archive(t.Context(), dir, "", "", later)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(names) != len(files) {
		t.Errorf("with late events there are the files %v, error %v, want %d", names, err, len(files))
	}
	if m, err := archive.Read(dir); err != nil || !reflect.DeepEqual(m.Files, files) {
		t.Errorf("the manifest has %+v, error %v", m, err)
	}
	other := smallRuns(t, querytest.Schema(), filepath.Join(t.TempDir(), "events.db"))
	commit(t, other, batchOf(querytest.RandomPage(r, s.schema, 100)))
	if _, err := other.Archive(t.Context(), dir, "", "", later); !errors.As(err, new(archive.Problems)) || !strings.Contains(err.Error(), "that this store does not") {
		t.Errorf("another store's events replace them: %v", err)
	}
	if p, err := archive.Check(dir, files); err != nil || len(p) > 0 {
		t.Errorf("afterwards the archive has %v, error %v", p, err)
	}
	if got, err := other.Archive(t.Context(), filepath.Join(t.TempDir(), "new"), "2026-01-01", "2026-01-02", later); err != nil || len(got) != 0 {
		t.Errorf("days without events: %v, error %v", got, err)
	}
	if _, err := other.Archive(t.Context(), t.TempDir(), "yesterday", "", later); !errors.As(err, new(archive.Problems)) {
		t.Errorf("a bound that is no day: %v", err)
	}
}

func TestADayThatHasNotEndedIsNotArchived(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, lines(s.schema, &mark, "one"))
	if files, err := s.Archive(t.Context(), filepath.Join(t.TempDir(), "a"), "", "", querytest.Now); err != nil || len(files) > 0 {
		t.Errorf("archived %v, error %v", files, err)
	}
}
