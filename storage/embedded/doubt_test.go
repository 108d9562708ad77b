package embedded

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// doubted makes a store with commits in its WAL, some of them in its main file before, and returns its path and mark.
func doubted(t *testing.T, inFile, inWAL int) (path string, mark event.Mark) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "events.db")
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	mark = event.Mark{Gen: killGen}
	write := func(commits int) {
		for i := range commits {
			c := numbered(s.schema, &mark, 1000)
			if i == 0 {
				c.Gens = []event.Generation{{ID: killGen, Host: "h", Path: "/var/log/test"}}
			}
			commit(t, s, c)
		}
	}
	write(inFile)
	if inFile > 0 {
		if err := s.write(t.Context(), (*writer).freeBlocks); err != nil || fileSize(path+".wal") > 0 {
			t.Fatalf("the WAL has %d bytes, error %v", fileSize(path+".wal"), err)
		}
	}
	write(inWAL)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, mark
}

// kept returns the copies of doubtful files beside a store.
func kept(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + "*.kept")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// lineAgain commits what is missing up to a mark, from the stored one on, as the daemon does that reads the files again.
func linesAgain(t *testing.T, s *Store, upTo int64) {
	t.Helper()
	for mark := storedMark(t, s); mark.Off < upTo; {
		commit(t, s, numbered(s.schema, &mark, 500))
	}
}

// What a WAL that was cut anywhere, emptied, removed or damaged at its head has lost is told, once, is a finding, and is
// read again from the marks.
func TestCutWALIsTold(t *testing.T) {
	for _, tc := range []struct {
		name   string
		inFile int
		change func(wal []byte) []byte // nil: removed
		copied bool
	}{
		{"removed", 2, nil, false},
		{"removed, and nothing in the main file", 0, nil, false},
		{"emptied", 2, func([]byte) []byte { return []byte{} }, false},
		{"cut", 2, func(wal []byte) []byte { return wal[:rand.IntN(len(wal)*9/10)] }, true},
		{"cut in its last commit", 2, func(wal []byte) []byte { return wal[:len(wal)-20] }, true},
		{"damaged at its head", 2, func(wal []byte) []byte { wal[0] ^= 1; return wal }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, mark := doubted(t, tc.inFile, 8)
			wal, err := os.ReadFile(path + ".wal")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path + ".wal"); err != nil {
				t.Fatal(err)
			}
			if tc.change != nil {
				if wal = tc.change(wal); len(wal) > 0 && os.WriteFile(path+".wal", wal, 0o600) != nil {
					t.Fatal("cannot write the WAL")
				}
			}
			s := openTest(t, nil, path)
			doubts := s.Doubts()
			if len(doubts) != 1 || doubts[0].Title != "The store has lost commits" {
				t.Fatalf("it tells %+v", doubts)
			}
			marks, err := s.Marks(t.Context())
			if err != nil || len(marks) != 1 || marks[0].Lines.Parsed+doubts[0].Count != mark.Lines.Parsed || doubts[0].Count == 0 {
				t.Fatalf("the marks are %+v of %+v, error %v; it tells %+v", marks, mark, err, doubts[0])
			}
			gens, err := s.Generations(t.Context())
			if err != nil || len(gens) != 1 || gens[0].Path != "/var/log/test" {
				t.Errorf("the generations are %+v, error %v", gens, err)
			}
			if files := kept(t, path); (len(files) == 1) != (tc.copied && len(wal) > 0) {
				t.Errorf("copies: %v", files)
			} else if len(files) == 1 {
				if copied, err := os.ReadFile(files[0]); err != nil || string(copied) != string(wal) || !strings.Contains(doubts[0].Message, filepath.Base(files[0])) {
					t.Errorf("the copy has %d bytes of %d, error %v; it tells %s", len(copied), len(wal), err, doubts[0].Message)
				}
			}
			found, err := s.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"veritail.store"}})
			if err != nil || len(found) != 1 || found[0].ID != doubts[0].ID {
				t.Errorf("the findings are %+v, error %v", found, err)
			}
			linesAgain(t, s, mark.Off)
			checkKilled(t, s, mark.Off)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s = openTest(t, nil, path); len(s.Doubts()) > 0 {
				t.Errorf("it tells again %+v", s.Doubts())
			}
		})
	}
}

// What says how far the store has come is written again when it was lost, is not believed when it is damaged, and is
// behind after a kill without that being a doubt.
func TestWhatIsNotedOutsideIsAHelpOnly(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"damaged": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[30] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"cut in a write": func(t *testing.T, path string) {
			st, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, st.Size()-3)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"behind": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := (&waterFile{f}).rise(water{3, 2000, 5}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		path, mark := doubted(t, 2, 3)
		change(t, path+waterSuffix)
		s := openTest(t, nil, path)
		if d := s.Doubts(); len(d) > 0 {
			t.Errorf("%s: it tells %+v", name, d)
		}
		checkKilled(t, s, mark.Off)
		m, gens, whole, err := readWater(path)
		if err != nil || m.commits != s.w.commits || m.lines != 5000 || len(gens) == 0 || !whole || time.Since(time.UnixMicro(m.at)) > time.Minute {
			t.Errorf("%s: afterwards it says %+v and %d generations, error %v; the store has %d commits", name, m, len(gens), err, s.w.commits)
		}
	}
}

// A sealed file that is gone, or has another size, is told at every start, and is one finding.
func TestAMissingSealedFileIsAFinding(t *testing.T) {
	s, _ := smallBackup(t)
	path, file := s.cfg.Path, filepath.Join(s.shelf.dir, sealedFiles(t, s)[0])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	change := []struct {
		do   func() error
		want string
	}{
		{func() error { return os.Truncate(file, 100) }, "has 100 bytes and was made with "},
		{func() error { return os.Remove(file) }, "is missing."},
		{func() error { return nil }, "is missing."},
	}
	for _, tc := range change {
		if err := tc.do(); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, event.NewSchema(), path)
		if told := s.Doubts(); len(told) != 1 || !strings.Contains(told[0].Message, tc.want) {
			t.Errorf("told: %v, want %q", told, tc.want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = openTest(t, event.NewSchema(), path)
	found, err := s.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"veritail.store"}})
	if err != nil || len(found) != 2 {
		t.Errorf("found %v: %v, want one finding of each change", found, err)
	}
}
