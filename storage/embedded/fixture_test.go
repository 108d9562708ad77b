package embedded

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// dumpStore writes down everything that a store holds, one thing a line.
func dumpStore(t *testing.T, s *Store) string {
	t.Helper()
	ctx := t.Context()
	var b strings.Builder
	line := func(what string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", what, text)
	}
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	gens, err := s.Generations(ctx)
	fail(err)
	for _, g := range gens {
		line("generation", g)
	}
	marks, err := s.Marks(ctx)
	fail(err)
	for _, m := range marks {
		line("mark", m)
	}
	findings, err := s.Findings(ctx, access.All(), storage.FindingQuery{})
	fail(err)
	for _, f := range findings {
		line("finding", f)
	}
	rollups, err := s.Rollups(ctx, access.All(), storage.RollupQuery{})
	fail(err)
	for _, d := range rollups {
		line("rollup", d)
	}
	fail(s.Scan(ctx, access.All(), nil, query.Interval{}, func(p *event.Page) error {
		for i := range p.N {
			e := storage.EventOf(p, i)
			for name, v := range e.Fields {
				e.Fields[name] = event.Format(v)
			}
			line("event", e)
		}
		return nil
	}))
	return b.String()
}

// A store that earlier code wrote is brought up to the present layout, holds the same, and takes commits.
func TestOpensEarlierLayouts(t *testing.T) {
	for _, layout := range []string{"layout1", "layout3"} {
		t.Run(layout, func(t *testing.T) { opensEarlier(t, filepath.Join("testdata", layout)) })
	}
}

func opensEarlier(t *testing.T, dir string) {
	path := filepath.Join(t.TempDir(), "events.db")
	for _, name := range []string{"", ".wal"} {
		unzip(t, filepath.Join(dir, "events.db"+name+".gz"), path+name)
	}
	want, err := os.ReadFile(filepath.Join(dir, "content.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at first", "again"} {
		s, err := Open(t.Context(), Config{Path: path, Schema: querytest.Schema()})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got := dumpStore(t, s); got != string(want) {
			t.Errorf("%s it holds\n%s\nwant\n%s", when, got, want)
		}
		if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 68 {
			t.Errorf("%s check finds %d events and %v, error %v", when, r.Events, r.Problems, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := smallRuns(t, querytest.Schema(), path)
	marks, err := s.Marks(t.Context())
	if err != nil || marks[0].Gen != killGen {
		t.Fatalf("the marks are %v, error %v", marks, err)
	}
	commit(t, s, numbered(s.schema, &marks[0], 20))
	day := dayOf(querytest.Now.UnixMicro())
	if covered, _ := runsOf(t, s, day, "any"); covered < 32 || covered != s.w.hot[day]/16*16 {
		t.Errorf("runs cover %d of %d rows, want all but the last few, those of before too", covered, s.w.hot[day])
	}
}

func unzip(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A store of layout 6 with a sealed day is brought up to the present one: its runs are those that it had, and new ones say what
// texts their events have.
func TestRunsOfLayout6AreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := smallRuns(t, querytest.Schema(), path)
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 1000))
	seal(t, s)
	commit(t, s, numbered(s.schema, &mark, 1000))
	runs := func(c *conn, cond string) (n int64) {
		tables, err := tablesOf(c, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if strings.HasPrefix(table, "runs_") || strings.HasPrefix(table, "sealed_runs_") {
				if err := one(c, "SELECT count(*) FROM "+table+" WHERE "+cond, func(c []cells) { n += c[0].i64(0) }); err != nil {
					t.Fatal(err)
				}
			}
		}
		return n
	}
	had := int64(0)
	err := s.write(t.Context(), func(w *writer) error {
		had = runs(w.c, "bare = n")
		tables, err := tablesOf(w.c, "")
		for _, table := range tables {
			if strings.HasPrefix(table, "runs_") || strings.HasPrefix(table, "sealed_runs_") {
				err = errors.Join(err, w.c.exec("ALTER TABLE "+table+" DROP COLUMN bare"))
			}
		}
		return errors.Join(err, w.c.exec("UPDATE meta SET version = 6"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = smallRuns(t, querytest.Schema(), path)
	commit(t, s, numbered(s.schema, &mark, 1000))
	err = s.read(t.Context(), func(c *conn) error {
		if old, fresh := runs(c, "bare IS NULL"), runs(c, "bare = n"); had < 100 || old != had || fresh < 50 {
			t.Errorf("of %d runs %d are there, and %d new ones", had, old, fresh)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, s, 3000)
	rows, err := s.Search(t.Context(), access.All(), query.Search{Where: textEqual(t, s, "000029990"), Limit: 10})
	if err != nil || len(rows.Events) != 1 {
		t.Errorf("found %d events, error %v", len(rows.Events), err)
	}
}

func textEqual(t *testing.T, s *Store, word string) query.Expr {
	t.Helper()
	e, err := query.Parse(word, s.schema, querytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
