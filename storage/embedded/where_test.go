package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// openTest opens a store in a folder of its own, or at path if there is one.
func openTest(t testing.TB, schema *event.Schema, path string) *Store {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "events.db")
	}
	s, err := Open(context.Background(), Config{Path: path, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// batchOf makes a commit of pages of as many generations, each read from its beginning to its end.
func batchOf(pages ...*event.Page) *event.Commit {
	b := &event.Batch{Pages: pages}
	for _, p := range pages {
		to := event.Mark{Gen: p.Gen, Lines: event.Account{}}
		for i := range p.N {
			s := p.RowSpans(i)
			to.Off = max(to.Off, s[len(s)-1].End())
			to.Lines.Read += int64(p.Lines[i])
			to.Lines.Parsed += int64(p.Lines[i])
		}
		b.From, b.To = append(b.From, event.Mark{Gen: p.Gen}), append(b.To, to)
	}
	return &event.Commit{Batch: b}
}

func commit(t testing.TB, s *Store, c *event.Commit) {
	t.Helper()
	if refused, err := s.Commit(context.Background(), c); err != nil || len(refused) > 0 {
		t.Fatalf("commit: refused %v, error %v", refused, err)
	}
}

// A query finds the same events in the store as on the pages they were written from.
func TestSQLAgreesWithTheMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	schema := querytest.Schema()
	s := openTest(t, schema, "")
	var pages []*event.Page
	for range 6 {
		pages = append(pages, querytest.RandomPage(r, schema, 300))
	}
	commit(t, s, batchOf(pages...))
	queries, matching := 500, 0
	for range queries {
		text := querytest.RandomText(r, schema)
		e, err := query.Parse(text, schema, querytest.Now)
		if err != nil {
			t.Fatal(err)
		}
		want, got := onPages(t, e, pages), stored(t, s, e)
		if slices.Equal(got, want) {
			if len(want) > 0 && len(want) < 1800 {
				matching++
			}
			continue
		}
		t.Errorf("%s:\nmatcher finds %d events, the store %d; %s", text, len(want), len(got), difference(want, got, pages))
	}
	if matching < queries/4 {
		t.Errorf("only %d of %d queries found some events and missed others", matching, queries)
	}
}

func onPages(t *testing.T, e query.Expr, pages []*event.Page) []string {
	m, err := query.Compile(e)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range pages {
		var bits event.Bits
		m.Match(p, &bits)
		for i := range p.N {
			if bits.Has(i) {
				ids = append(ids, idOf(p, i))
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func idOf(p *event.Page, i int) string { return fmt.Sprintf("%s-%06d", p.Gen, p.Offset(i)) }

// stored returns the ids of the events that the condition's SQL finds.
func stored(t *testing.T, s *Store, e query.Expr) []string {
	var ids []string
	err := s.read(context.Background(), func(c *conn) error {
		parts, err := partsOf(c, query.Interval{})
		if err != nil {
			return err
		}
		var a args
		cond, err := where(&a, access.All(), e, query.Interval{})
		if err != nil {
			return err
		}
		r, err := c.query("SELECT gen, off FROM ("+unionOf(parts)+") WHERE "+cond, a.values...)
		if err != nil {
			return err
		}
		return r.each(func(c []cells, i int) error {
			ids = append(ids, fmt.Sprintf("%s-%06d", event.GenID(c[0].u64(i)), c[1].i64(i)))
			return nil
		})
	})
	if err != nil {
		t.Fatalf("%s: %v", query.String(e), err)
	}
	slices.Sort(ids)
	return ids
}

// difference describes the first event that only one of the two finds.
func difference(want, got []string, pages []*event.Page) string {
	for _, p := range pages {
		for i := range p.N {
			id := idOf(p, i)
			w, g := slices.Contains(want, id), slices.Contains(got, id)
			if w == g {
				continue
			}
			s := fmt.Sprintf("%s: matcher %v, store %v:", id, w, g)
			for f := range event.Field(len(p.Schema.Fields())) {
				if v, ok := p.Row(i).Value(f); ok {
					s += fmt.Sprintf(" %s=%q", p.Schema.Def(f).Name, event.Format(v))
				}
			}
			return s + " " + string(p.Bytes(p.Extra[i]))
		}
	}
	return ""
}
