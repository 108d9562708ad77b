package elastic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func openTest(t testing.TB, schema *event.Schema) *Store {
	t.Helper()
	s, err := Open(context.Background(), testConfig(t, t.TempDir(), schema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// batchOf makes a commit of pages of as many generations, each read from its beginning to its end.
func batchOf(pages ...*event.Page) *event.Commit {
	b := &event.Batch{Pages: pages}
	for _, p := range pages {
		to := event.Mark{Gen: p.Gen}
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

// What the index tells of a query is right: the upper bound holds all events that the matcher finds, the lower one no
// others, and where there is one bound only it is the answer.
func TestBoundsAgreeWithTheMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	schema := querytest.Schema()
	s := openTest(t, schema)
	var pages []*event.Page
	for range 6 {
		p := querytest.RandomPage(r, schema, 300)
		p.Data = "one" // one index for each day
		pages = append(pages, p)
	}
	commit(t, s, batchOf(pages...))
	snap, err := s.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.compiler(t.Context(), snap)
	if err != nil {
		t.Fatal(err)
	}
	loose := c
	loose.loose = true
	queries, matching, exact := 250, 0, 0
	for range queries {
		text := querytest.RandomText(r, schema)
		e, err := query.Parse(text, schema, querytest.Now)
		if err != nil {
			t.Fatal(err)
		}
		want := onPages(t, e, pages)
		for _, c := range []compiler{c, loose} {
			w, err := s.where(c, access.All(), e, query.Interval{}, snap)
			if err != nil {
				t.Fatal(err)
			}
			upper := found(t, s, w.upper)
			lower := upper
			if !w.exact() {
				lower = found(t, s, w.lower)
			} else if !c.loose {
				exact++
			}
			if !subset(want, upper) || !subset(lower, want) {
				t.Errorf("%s (loose: %v):\nmatcher finds %d events, the index between %d and %d; %s", text, c.loose, len(want), len(lower), len(upper),
					difference(want, lower, upper, pages))
			}
		}
		if len(want) > 0 && len(want) < 1800 {
			matching++
		}
	}
	if matching < queries/4 || exact < queries/2 {
		t.Errorf("of %d queries %d found some events and missed others, and %d were answered by the index alone", queries, matching, exact)
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
				ids = append(ids, eventID(p.Gen, p.Offset(i)))
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// found returns the ids of the events that a condition finds.
func found(t *testing.T, s *Store, condition dsl) []string {
	var answer searchAnswer
	err := s.search(context.Background(), s.names.events(), dsl{"query": condition, "size": 10_000, "_source": false}, &answer)
	if err != nil {
		t.Fatalf("%v: %v", condition, err)
	}
	var ids []string
	for _, h := range answer.Hits.Hits {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	return ids
}

// subset reports whether the second sorted list has all of the first.
func subset(a, b []string) bool {
	for _, id := range a {
		if _, ok := slices.BinarySearch(b, id); !ok {
			return false
		}
	}
	return true
}

// difference describes the first event that a bound is wrong about.
func difference(want, lower, upper []string, pages []*event.Page) string {
	for _, p := range pages {
		for i := range p.N {
			id := eventID(p.Gen, p.Offset(i))
			w, l, u := slices.Contains(want, id), slices.Contains(lower, id), slices.Contains(upper, id)
			if (!w || u) && (!l || w) {
				continue
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s: matcher %v, bounds %v %v:", id, w, l, u)
			for f := range event.Field(len(p.Schema.Fields())) {
				if v, ok := p.Row(i).Value(f); ok {
					fmt.Fprintf(&b, " %s=%q", p.Schema.Def(f).Name, event.Format(v))
				}
			}
			return b.String() + " " + string(p.Bytes(p.Extra[i]))
		}
	}
	return ""
}
