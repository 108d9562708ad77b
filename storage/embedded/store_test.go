package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, schema *event.Schema) storage.Store {
		s, err := Open(t.Context(), Config{Path: filepath.Join(dir, "events.db"), Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, sql, want string
	}{
		{"a store of a newer layout", `UPDATE meta SET version = 99`, "layout 99"},
		{"a store without the events that it counted", `DELETE FROM events_20261124 WHERE off = 20`, "19 events of 19 lines are there, 20 events of 20 lines were written"},
		{"a store with an event twice", `INSERT INTO events_20261124 SELECT * FROM events_20261124 WHERE off = 20; UPDATE counts SET events = events + 1, lines = lines + 1`,
			"1 events are stored once more"},
		{"a store with an event that no mark has reached", `UPDATE marks SET off = 195`, "an event ends 5 bytes behind the mark"},
		{"a store with lines that no mark tells of", `UPDATE marks SET parsed = 19`, "its mark accounts for 19 lines, 20 were stored"},
		{"a store with other figures", `UPDATE rollups SET n = n + 1`, "the figures sum up to 21, 20 were added"},
		{"a store with lines that it did not count", `UPDATE counts SET lines = lines - 1`, "does not agree with itself"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			s, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			commit(t, s, numbered(s.schema, &event.Mark{Gen: killGen}, 20))
			if err := s.write(t.Context(), func(w *writer) error {
				for _, sql := range strings.Split(tc.sql, "; ") {
					if err := w.c.exec(sql); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), Config{Path: path}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("opening it returns %v, want an error with %q", err, tc.want)
			}
			if strings.Contains(tc.sql, "version") { // there is nothing to repair
				return
			}
			s, _ = repairTest(t, path)
			if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events < 19 || r.Events > 20 {
				t.Errorf("after a repair check finds %d events and %v, error %v", r.Events, r.Problems, err)
			}
		})
	}
	t.Run("a store that this process has open", func(t *testing.T) {
		s := openTest(t, nil, "")
		if _, err := Open(t.Context(), Config{Path: s.cfg.Path}); err == nil || !strings.Contains(err.Error(), "open already") {
			t.Errorf("opening it again returns %v", err)
		}
	})
	t.Run("a file that is no store", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "events.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Config{Path: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("opening it returns %v", err)
		}
	})
}

func TestLibraryBeforeOnePointFivePointSixIsRefused(t *testing.T) {
	for version, ok := range map[string]bool{"v1.5.6": true, "v1.5.7": true, "v1.6.0-dev12": true, "v2.0.0": true,
		"v1.5.5": false, "v1.4.9": false, "v0.99.99": false, "": false, "latest": false} {
		if err := checkLibrary(version); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// The writer checkpoints by itself. A reader that is at work keeps its snapshot and puts the checkpoint off; what it
// put off is made up for.
func TestCheckpointsBetweenCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	schema := event.NewSchema()
	s, err := Open(t.Context(), Config{Path: path, Schema: schema, walDue: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mark := event.Mark{Gen: killGen}
	write := func(commits int) (largest int64) {
		for range commits {
			commit(t, s, numbered(schema, &mark, 3000))
			largest = max(largest, fileSize(path+".wal"))
		}
		return largest
	}
	if largest := write(20); largest > 2<<20 {
		t.Errorf("the WAL grew to %d bytes, with checkpoints due at 1 MiB", largest)
	}
	pages, events := 0, 0
	err = s.Scan(t.Context(), access.All(), nil, query.Interval{}, func(p *event.Page) error {
		if pages++; pages == 1 {
			write(20)
		}
		events += p.N
		return nil
	})
	if err != nil || events != 60_000 {
		t.Errorf("a reader saw %d events, error %v, want the 60000 of its snapshot", events, err)
	}
	write(60) // enough to pass walAgain
	if wal := fileSize(path + ".wal"); wal > 2<<20 {
		t.Errorf("the WAL has %d bytes after the reader has ended", wal)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 300_000 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func TestDeadHandleIsOpenedAgain(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 10))
	for name, fail := range map[string]func() error{
		"a writer": func() error {
			return s.write(t.Context(), func(*writer) error { return duckError("FATAL Error: no space") })
		},
		"a reader": func() error {
			return s.read(t.Context(), func(*conn) error { return duckError("database has been invalidated because of …") })
		},
	} {
		before := s.opened
		if err := fail(); !errors.Is(err, errFatal) {
			t.Errorf("%s gets %v", name, err)
		}
		if s.opened != before+1 {
			t.Errorf("after %s failed the store was opened %d times, want once", name, s.opened-before)
		}
		commit(t, s, numbered(s.schema, &mark, 10))
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 30 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

// What an error inside a transaction leaves behind: nothing, and a writer that goes on from the stored marks.
func TestFailedCommitLeavesNothing(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 10))
	at := mark
	if err := s.write(t.Context(), func(w *writer) error { return w.c.exec("ALTER TABLE rollups RENAME TO elsewhere") }); err != nil {
		t.Fatal(err)
	}
	_, err := s.Commit(t.Context(), numbered(s.schema, &mark, 10))
	if err == nil || !strings.Contains(err.Error(), "read the marks again") {
		t.Errorf("the commit returns %v", err)
	}
	if err := s.write(t.Context(), func(w *writer) error { return w.c.exec("ALTER TABLE elsewhere RENAME TO rollups") }); err != nil {
		t.Fatal(err)
	}
	marks, err := s.Marks(t.Context())
	if err != nil || len(marks) != 1 || marks[0].Off != at.Off {
		t.Fatalf("the marks are %v, error %v, want %d", marks, err, at.Off)
	}
	commit(t, s, numbered(s.schema, &marks[0], 10))
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 20 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 100_000))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := s.read(ctx, func(c *conn) error {
		return c.exec("SELECT count(*) FROM events_20261124 a, events_20261124 b, events_20261124 c WHERE a.off + b.off = c.off")
	})
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
		t.Errorf("after %s it returns %v", took, err)
	}
	if err := s.Scan(ctx, access.All(), nil, query.Interval{}, func(*event.Page) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a scan in a context that has ended returns %v", err)
	}
}
