package embedded

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/storetest"
)

// An annex is a store like any other, whatever lies in the one around it: each case gets an annex of the same store, which has
// events of the days that the cases write, findings and figures, and is what it was after all of them.
func TestAnnexConformance(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 3000))
	before := dumpStore(t, s)
	storetest.RunAnnex(t, func(t *testing.T, _ string, schema *event.Schema) storage.Store {
		a := annexOf(t, s)
		a.schema, a.cfg.Schema = schema, schema
		return a
	})
	if after := dumpStore(t, s); after != before {
		t.Errorf("the store was\n%s\nand is\n%s", before, after)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 3000 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func annexOf(t *testing.T, s *Store) *Store {
	t.Helper()
	a, err := s.Annex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Store)
}

// tablesLeft are the tables of annexes that are in the file.
func tablesLeft(t *testing.T, s *Store) (n int64) {
	t.Helper()
	if err := s.read(t.Context(), func(c *conn) error {
		return one(c, `SELECT count(*) FROM duckdb_tables() WHERE schema_name <> 'main'`, func(c []cells) { n = c[0].i64(0) })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Events are stored while there is an annex, of the same days and generations; backups, checks and sealing go on.
func TestAStoreWorksBesideItsAnnex(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 100))
	a := annexOf(t, s)
	if _, err := s.Annex(t.Context()); err == nil || !strings.Contains(err.Error(), "one already") {
		t.Errorf("a second annex: %v", err)
	}
	if _, err := a.Annex(t.Context()); err == nil {
		t.Error("an annex has an annex")
	}
	inner := event.Mark{Gen: killGen}
	for range 10 {
		commit(t, a, numbered(s.schema, &inner, 7))
		commit(t, s, numbered(s.schema, &mark, 10))
	}
	for name, want := range map[*Store]int64{s: 200, a: 70} {
		n := int64(0)
		if err := name.Scan(t.Context(), access.All(), nil, query.Interval{}, func(p *event.Page) error { n += int64(p.N); return nil }); err != nil || n != want {
			t.Errorf("%d events, error %v, want %d", n, err, want)
		}
	}
	if err := s.write(t.Context(), (*writer).freeBlocks); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 200 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if _, err := a.Marks(t.Context()); err == nil {
		t.Error("a closed annex is read")
	}
	if n := tablesLeft(t, s); n != 0 {
		t.Errorf("%d tables of the annex are left", n)
	}
	commit(t, s, numbered(s.schema, &mark, 10))
	if err := annexOf(t, s).Close(); err != nil {
		t.Errorf("another one: %v", err)
	}
}

// An annex ends with the handle in which it was made, and keeps nobody from opening the database again.
func TestAnAnnexEndsWithItsStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, nil, path)
	a := annexOf(t, s)
	mark := event.Mark{Gen: killGen}
	commit(t, a, numbered(s.schema, &mark, 10))
	_ = s.write(t.Context(), func(*writer) error { return duckError("FATAL Error: no space") })
	if _, err := a.Commit(t.Context(), numbered(s.schema, &mark, 10)); err == nil {
		t.Error("an annex of a handle that is gone takes events")
	}
	if err := a.Close(); err != nil {
		t.Errorf("close it: %v", err)
	}
	if n := tablesLeft(t, s); n != 0 {
		t.Errorf("%d tables of the annex are left", n)
	}
	b := annexOf(t, s)
	mark = event.Mark{Gen: killGen}
	commit(t, b, numbered(s.schema, &mark, 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil {
		t.Error("nobody says that an annex was not removed")
	}
	again := openTest(t, nil, path)
	if n := tablesLeft(t, again); n != 0 {
		t.Errorf("%d tables of the annex are left", n)
	}
	if r, err := again.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 0 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

// A store that was left with an annex and is damaged is repaired without it.
func TestARepairTakesNoAnnex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, nil, path)
	mark, inner := event.Mark{Gen: killGen}, event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 20))
	a := annexOf(t, s)
	commit(t, a, numbered(s.schema, &inner, 7))
	for _, sql := range []string{"DELETE FROM main.events_20261124 WHERE off = 20", "CHECKPOINT"} {
		if err := s.write(t.Context(), func(w *writer) error { return w.c.exec(sql) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refuses(t, path, "19 events of 19 lines are there")
	s, _ = repairTest(t, path)
	if n := tablesLeft(t, s); n != 0 {
		t.Errorf("%d tables of the annex are left", n)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 19 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}
