// Package storetest is the suite that every store passes: it says in tests what the comments of package storage say
// in words. A new store is one folder with this test in it:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, dir string, schema *event.Schema) storage.Store {
//			s, err := mystore.Open(…)
//			…
//			return s
//		})
//	}
//
// Each subtest opens a store of its own and closes it at its end. The suite tells nothing about speed, nor about
// what happens when a process is killed or a disk is full: those tests belong to the store.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Open opens the store that lies in dir, or creates it there; a store that lies elsewhere derives a name from dir.
// The suite closes it before it opens the same dir again. Pages are of the given schema.
type Open func(t *testing.T, dir string, schema *event.Schema) storage.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	run(t, open, append(annexGroups(), caseGroup{"agree", agreeCases}, caseGroup{"opened again", reopenCases}, caseGroup{"keep", keepCases}))
}

// RunAnnex runs what of the suite an annex passes: it is neither opened again, nor drops what is old.
func RunAnnex(t *testing.T, open Open) { run(t, open, annexGroups()) }

type caseGroup struct {
	name  string
	cases []testCase
}

func annexGroups() []caseGroup {
	return []caseGroup{
		{"commit", commitCases},
		{"search", searchCases},
		{"aggregate", aggregateCases},
		{"scan", scanCases},
		{"findings", findingCases},
		{"rollups", rollupCases},
		{"view", viewCases},
	}
}

func run(t *testing.T, open Open, groups []caseGroup) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					c.run(newFixture(t, open))
				})
			}
		})
	}
}

type testCase struct {
	name string
	run  func(f *fixture)
}

// start is the time around which the suite's events happen, a whole hour.
var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// fixture is one subtest's store, with what the cases say often.
type fixture struct {
	*testing.T
	ctx    context.Context
	open   Open
	dir    string
	schema *event.Schema
	store  storage.Store
}

func newFixture(t *testing.T, open Open) *fixture {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	f := &fixture{T: t, ctx: ctx, open: open, dir: t.TempDir(), schema: schema(t)}
	f.store = open(t, f.dir, f.schema)
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return f
}

// reopen closes the store and opens it again.
func (f *fixture) reopen() {
	f.Helper()
	if err := f.store.Close(); err != nil {
		f.Fatalf("close the store: %v", err)
	}
	f.store = f.open(f.T, f.dir, f.schema)
}

// commit commits c, all of which must be taken.
func (f *fixture) commit(c *event.Commit) {
	f.Helper()
	refused, err := f.store.Commit(f.ctx, c)
	if err != nil {
		f.Fatalf("commit: %v", err)
	}
	if len(refused) > 0 {
		f.Fatalf("commit: refused %v", refused)
	}
}

// parse makes a condition of a query's text.
func (f *fixture) parse(text string) query.Expr {
	f.Helper()
	e, err := query.Parse(text, f.schema, start)
	if err != nil {
		f.Fatalf("query %q: %v", text, err)
	}
	return e
}

// search returns the offsets of what a search finds, with its cursor.
func (f *fixture) search(v access.View, q query.Search) ([]int64, *query.Cursor) {
	f.Helper()
	rows, err := f.store.Search(f.ctx, v, q)
	if err != nil {
		f.Fatalf("search: %v", err)
	}
	offs := []int64{}
	for _, e := range rows.Events {
		offs = append(offs, e.Off)
	}
	return offs, rows.More
}

// count returns how many events a view sees that match text.
func (f *fixture) count(v access.View, text string) int64 {
	f.Helper()
	t, err := f.store.Aggregate(f.ctx, v, query.Agg{Where: f.parse(text)})
	if err != nil {
		f.Fatalf("count: %v", err)
	}
	if len(t.Rows) != 1 {
		f.Fatalf("a count has %d rows, want 1", len(t.Rows))
	}
	return t.Rows[0].Count
}

// wantCount fails unless the store holds n events.
func (f *fixture) wantCount(n int64) {
	f.Helper()
	if got := f.count(access.All(), ""); got != n {
		f.Errorf("the store holds %d events, want %d", got, n)
	}
}

// marks returns the stored marks by generation.
func (f *fixture) marks() map[event.GenID]event.Mark {
	f.Helper()
	list, err := f.store.Marks(f.ctx)
	if err != nil {
		f.Fatalf("marks: %v", err)
	}
	marks := make(map[event.GenID]event.Mark)
	for _, m := range list {
		marks[m.Gen] = m
	}
	return marks
}

// findings returns the ids of findings.
func (f *fixture) findings(v access.View, q storage.FindingQuery) []string {
	f.Helper()
	list, err := f.store.Findings(f.ctx, v, q)
	if err != nil {
		f.Fatalf("findings: %v", err)
	}
	ids := []string{}
	for _, x := range list {
		ids = append(ids, x.ID)
	}
	return ids
}

// rollups returns rollups.
func (f *fixture) rollups(v access.View, q storage.RollupQuery) []event.Delta {
	f.Helper()
	d, err := f.store.Rollups(f.ctx, v, q)
	if err != nil {
		f.Fatalf("rollups: %v", err)
	}
	return d
}

// sound fails unless the store finds nothing wrong with itself.
func (f *fixture) sound() {
	f.Helper()
	r, err := f.store.Check(f.ctx)
	if err != nil {
		f.Fatalf("check: %v", err)
	}
	for _, p := range r.Problems {
		f.Errorf("check: %s", p)
	}
}
