package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

func repairTest(t *testing.T, path string) (*Store, Repaired) {
	t.Helper()
	s, r, err := Repair(t.Context(), Config{Path: path}, filepath.Dir(path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s, r
}

func refuses(t *testing.T, path, want string) {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	if err == nil {
		s.Close()
	}
	if !errors.As(err, new(*Damaged)) || !strings.Contains(err.Error(), want) {
		t.Fatalf("opening it returns %v", err)
	}
}

func change(t *testing.T, path string, f func([]byte) []byte) (before []byte) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(bytes.Clone(before)), 0o600); err != nil {
		t.Fatal(err)
	}
	return before
}

// A WAL with a wrong byte is refused, with the files as they were. The repair keeps copies of both, cuts the WAL there,
// and what was behind is read again.
func TestDamagedWALIsCut(t *testing.T) {
	for name, at := range map[string]func(n int) int{
		"in the middle":      func(n int) int { return n/4 + rand.IntN(n/2) },
		"in the first entry": func(int) int { return 60 },
		"in its head":        func(int) int { return 8 },
		"in its last byte":   func(n int) int { return n - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			path, mark := doubted(t, 2, 8)
			var damaged []byte
			change(t, path+".wal", func(b []byte) []byte { b[at(len(b))] ^= 0x40; damaged = bytes.Clone(b); return b })
			refuses(t, path, "WAL")
			if now, err := os.ReadFile(path + ".wal"); err != nil || !bytes.Equal(now, damaged) {
				t.Errorf("a refused opening has changed the WAL, error %v", err)
			}
			s, r := repairTest(t, path)
			if len(r.Kept) != 2 || len(r.Done) != 1 || !strings.Contains(r.Done[0], "it was cut there") {
				t.Fatalf("it says %+v", r)
			}
			if copied, err := os.ReadFile(r.Kept[1]); err != nil || !bytes.Equal(copied, damaged) {
				t.Errorf("the copy is another, error %v", err)
			}
			doubts := s.Doubts()
			if m := storedMark(t, s); len(doubts) != 1 || m.Lines.Parsed+doubts[0].Count != mark.Lines.Parsed || doubts[0].Count == 0 {
				t.Errorf("the mark is %+v of %+v, it tells %+v", m, mark, doubts)
			}
			if len(kept(t, path)) != 2 {
				t.Errorf("kept: %v", kept(t, path))
			}
			linesAgain(t, s, mark.Off)
			checkKilled(t, s, mark.Off)
		})
	}
}

// A sound store is left as it is.
func TestRepairOfASoundStore(t *testing.T) {
	path, mark := doubted(t, 2, 2)
	s, r := repairTest(t, path)
	if len(r.Done) > 0 || len(r.Kept) > 0 || len(r.Holes) > 0 || len(kept(t, path)) > 0 {
		t.Errorf("it says %+v", r)
	}
	checkKilled(t, s, mark.Off)
}

// A database that cannot be opened is put aside, and a new one begins that knows the log files.
func TestDatabaseThatCannotBeOpened(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"no database":   func(b []byte) []byte { b[10] ^= 1; return b },
		"its catalogue": func(b []byte) []byte { b[13000] ^= 1; return b },
		"cut":           func(b []byte) []byte { return b[:len(b)/3] },
		"emptied":       func([]byte) []byte { return []byte("gone") },
	} {
		t.Run(name, func(t *testing.T) {
			path, mark := doubted(t, 3, 2)
			was := fileSize(path)
			change(t, path, damage)
			refuses(t, path, "")
			s, r := repairTest(t, path)
			if len(r.Kept) < 2 || len(r.Done) < 2 {
				t.Fatalf("it says %+v", r)
			}
			if fileSize(r.Kept[0]) == 0 || fileSize(r.Kept[0]) > was {
				t.Errorf("kept %v of %d bytes", r.Kept, fileSize(r.Kept[0]))
			}
			gens, err := s.Generations(t.Context())
			if err != nil || len(gens) != 1 || storedMark(t, s).Off != 0 {
				t.Errorf("it knows %v and stands at %d, error %v", gens, storedMark(t, s).Off, err)
			}
			linesAgain(t, s, mark.Off)
			checkKilled(t, s, mark.Off)
		})
	}
}

// Of a database with a damaged block of events all others are kept, and those that are missing come back from the lines.
func TestDamagedBlockOfEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	mark := event.Mark{Gen: killGen}
	var pages []*event.Page
	for range 2 {
		c := numbered(s.schema, &mark, 150_000)
		pages = append(pages, c.Pages...)
		commit(t, s, c)
	}
	if err := s.write(t.Context(), (*writer).freeBlocks); err != nil {
		t.Fatal(err)
	}
	c := numbered(s.schema, &mark, 1000)
	pages = append(pages, c.Pages...)
	commit(t, s, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Which block is one of events only trying tells.
	for at := 12288 + 262144*2 + 1000; at < len(sound); at += 262144 {
		dir := t.TempDir()
		copied := filepath.Join(dir, "events.db")
		for _, suffix := range []string{"", ".wal", waterSuffix} {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if suffix == "" {
				b[at] ^= 0x10
			}
			if err := os.WriteFile(copied+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, r := repairTest(t, copied)
		if len(r.Holes) == 0 {
			continue
		}
		events := int64(0)
		for _, h := range r.Holes {
			events += h.Events
		}
		t.Logf("byte %d: %d events are missing", at, events)
		if events > 140_000 { // it is one of the table's own
			continue
		}
		check, err := s.Check(t.Context())
		if err != nil || len(check.Problems) > 0 || check.Events != mark.Off/10-events {
			t.Errorf("byte %d: check finds %d events and %v, error %v", at, check.Events, check.Problems, err)
		}
		f, err := s.NewFiller(t.Context(), r.Holes)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time nothing is wanted
			if err := f.Fill(t.Context(), pages); err != nil {
				t.Fatal(err)
			}
		}
		if left := f.Left(); len(left) > 0 {
			t.Errorf("byte %d: %+v are left", at, left)
		}
		checkKilled(t, s, mark.Off)
		return
	}
	t.Error("no block is one of events")
}

// Where the words of a sealed part cannot be read, its events are looked at one by one: none is missed. Those of an earlier
// layout can be read.
func TestAPartWhoseWordsAreLostIsLookedThrough(t *testing.T) {
	for column, left := range map[string]int64{"w0": 5000, "bare": 0} {
		t.Run(column, func(t *testing.T) { looksThrough(t, column, left) })
	}
}

func looksThrough(t *testing.T, column string, left int64) {
	path := filepath.Join(t.TempDir(), "events.db")
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 5000))
	for part := range seal(t, s) {
		err = s.write(t.Context(), func(w *writer) error { // in this form the table cannot be copied
			return w.c.exec(fmt.Sprintf("ALTER TABLE sealed_runs_%d DROP COLUMN %s", part+1, column))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fresh := path + ".fresh"
	r := repair{ctx: t.Context(), cfg: Config{Path: path}}
	if _, err := r.salvage(fresh); err != nil {
		t.Fatal(err)
	}
	db, err := openDatabase(fresh, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	c, err := db.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	parts, err := partsOf(c, query.Interval{})
	if err != nil {
		t.Fatal(err)
	}
	where, err := query.Parse("nowhere", s.schema, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	found, err := candidates(c, parts, needOf(access.All(), where), query.Interval{})
	if err != nil || found.left != left {
		t.Errorf("%d of 5000 events may have any word, want %d, error %v", found.left, left, err)
	}
}
