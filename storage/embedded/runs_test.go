package embedded

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// smallRuns opens a store whose runs have as few rows as one test's events fill many of.
func smallRuns(t *testing.T, schema *event.Schema, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path, Schema: schema, runRows: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Page by page a search returns what the matcher finds, newest first, whether it reads runs by their filters or not.
func TestSearchAgreesWithTheMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	schema := querytest.Schema()
	s := smallRuns(t, schema, filepath.Join(t.TempDir(), "events.db"))
	var pages []*event.Page
	for range 6 {
		pages = append(pages, querytest.RandomPage(r, schema, 300))
		commit(t, s, batchOf(pages[len(pages)-1]))
	}
	filtered := 0
	for range 60 {
		e := querytest.RandomExpr(r, schema)
		if needOf(access.All(), e) != nil {
			filtered++
		}
		checkSearch(t, s, e, pages)
	}
	for _, text := range []string{`"deadlock detected"`, "deadlock", "event.original:error", `"failed password"* or deadlock`,
		"not deadlock", "deadlock and not /x/", "(deadlock or password) user.name:root"} {
		e, err := query.Parse(text, schema, querytest.Now)
		if err != nil {
			t.Fatal(err)
		}
		checkSearch(t, s, e, pages)
	}
	if filtered < 2 {
		t.Errorf("only %d of the queries used filters", filtered)
	}
}

func checkSearch(t *testing.T, s *Store, e query.Expr, pages []*event.Page) {
	t.Helper()
	want := onPages(t, e, pages)
	var got []string
	last := storedAt{}
	q := query.Search{Where: e, Limit: 400}
	for {
		rows, err := s.Search(t.Context(), access.All(), q)
		if err != nil {
			t.Fatalf("%s: %v", query.String(e), err)
		}
		for _, x := range rows.Events {
			at := storedAt{x.Time, x.ID}
			if len(got) > 0 && !at.before(last) {
				t.Fatalf("%s: %v comes after %v", query.String(e), at, last)
			}
			last = at
			got = append(got, fmt.Sprintf("%s-%06d", x.Gen, x.Off))
		}
		if rows.More == nil {
			break
		}
		q.After = rows.More
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\nmatcher finds %d events, the search %d; %s", query.String(e), len(want), len(got), difference(want, got, pages))
	}
	table, err := s.Aggregate(t.Context(), access.All(), query.Agg{Where: e})
	if err != nil || table.Rows[0].Count != int64(len(want)) {
		t.Errorf("%s: counted %v, error %v, want %d", query.String(e), table.Rows, err, len(want))
	}
}

// storedAt is a place in newest-first order.
type storedAt struct {
	time int64
	id   query.ID
}

func (a storedAt) before(b storedAt) bool {
	return newestFirst(hit{time: b.time, id: b.id}, hit{time: a.time, id: a.id}) < 0
}

// lines makes a commit of lines of one file, a second apart.
func lines(schema *event.Schema, mark *event.Mark, texts ...string) *event.Commit {
	c := &event.Commit{Batch: &event.Batch{From: []event.Mark{*mark}}}
	p := &event.Page{Schema: schema, Arena: new(event.Arena), Gen: mark.Gen, Data: "test", Path: "/var/log/test"}
	for _, text := range texts {
		raw := p.Arena.PutString(text)
		i := p.AddRow(raw, 1, []event.Span{{Off: mark.Off, Len: int32(len(text) + 1)}})
		p.SetInt(i, event.FieldTime, querytest.Now.UnixMicro()+mark.Off*1e6)
		if before, _, ok := strings.Cut(text, "|"); ok { // what follows the bar is the message, maybe from the middle of a word on
			from := uint32(len(before) + 1)
			p.SetStr(i, event.FieldMessage, event.Str{Off: raw.Off + from, Len: raw.Len - from})
		}
		mark.Off += int64(len(text) + 1)
	}
	p.Complete()
	mark.Lines.Read += int64(len(texts))
	mark.Lines.Parsed += int64(len(texts))
	c.Pages, c.To = []*event.Page{p}, []event.Mark{*mark}
	return c
}

// runsOf returns how many rows of a day's table are covered by runs, and how many runs may hold a phrase.
func runsOf(t *testing.T, s *Store, day int32, phrase string) (covered, may int64) {
	t.Helper()
	e, err := query.Parse(phrase, s.schema, querytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	err = s.read(t.Context(), func(c *conn) error {
		found, err := candidates(c, []part{{day: day}}, needOf(access.All(), e), query.Interval{})
		may = int64(len(found.list))
		if err != nil {
			return err
		}
		return one(c, "SELECT coalesce(sum(n), 0)::BIGINT FROM "+hotRuns(day), func(c []cells) { covered = c[0].i64(0) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return covered, may
}

// Runs hold the same words whether their rows came in one commit or in many, before and after the store was opened
// again, or after a commit that failed.
func TestRunsDoNotDependOnCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := smallRuns(t, event.NewSchema(), path)
	mark := event.Mark{Gen: killGen}
	day := dayOf(querytest.Now.UnixMicro())
	for i := range 50 {
		text := fmt.Sprintf("line %d", i)
		if i == 20 {
			text = "a needle: xneedle|needle2" // a message that begins in the middle of a word
		}
		commit(t, s, lines(s.schema, &mark, text))
		switch i {
		case 10, 21:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = smallRuns(t, event.NewSchema(), path)
		case 30:
			at := mark
			if err := s.write(t.Context(), func(w *writer) error { return w.c.exec("ALTER TABLE marks RENAME TO elsewhere") }); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Commit(t.Context(), lines(s.schema, &mark, "never stored")); err == nil {
				t.Fatal("a commit without a table for its marks succeeds")
			}
			if err := s.write(t.Context(), func(w *writer) error { return w.c.exec("ALTER TABLE elsewhere RENAME TO marks") }); err != nil {
				t.Fatal(err)
			}
			mark = at
		}
	}
	for phrase, want := range map[string]int64{"needle": 1, "needle2": 1, "xneedle": 1, `"line 3"`: 1, "line": 3, "never": 0, `"line line"`: 0, `"a needle"`: 1} {
		if covered, may := runsOf(t, s, day, phrase); covered != 48 || may != want {
			t.Errorf("%s: %d of 50 rows are in runs, %d runs may have it, want 48 and %d", phrase, covered, may, want)
		}
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 50 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func TestSearchSaysWhenItLooksAtEveryEvent(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, manyRows+1))
	for text, want := range map[string]bool{"*12345*": true, "/nothing/": true, "noth*": true, "nothing": false, "user.name:nobody": false,
		"nothing and *12345*": false, "not nothing": false, "nothing or /nothing/": true} {
		e, err := query.Parse(text, s.schema, querytest.Now)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Search(t.Context(), access.All(), query.Search{Where: e})
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(rows.Note, "one by one"); said != want {
			t.Errorf("%s: the note is %q", text, rows.Note)
		}
	}
}

// Loose tests find too much beside characters beyond ASCII; what they find wrongly is neither returned nor counted
// against the limit.
func TestWordsBesideOtherLetters(t *testing.T) {
	s := smallRuns(t, event.NewSchema(), filepath.Join(t.TempDir(), "events.db"))
	mark := event.Mark{Gen: killGen}
	texts := []string{"deadlock", "“deadlock”", "deadlock—detected", "ein Deadlock, überall"}
	for range 300 {
		texts = append(texts, "ödeadlock", "deadlockü detected")
	}
	commit(t, s, lines(s.schema, &mark, texts...))
	for _, limit := range []int{1, 3, 100} {
		for text, want := range map[string]int{"deadlock": 4, `"deadlock detected"`: 1, "dead*": 304, "*lock": 304, "not deadlock": 600, "deadlock not /—/": 3} {
			e, err := query.Parse(text, s.schema, querytest.Now)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := s.Search(t.Context(), access.All(), query.Search{Where: e, Limit: limit})
			if n := min(want, limit); err != nil || len(rows.Events) != n || (rows.More != nil) != (want > limit) {
				t.Errorf("%s with limit %d: %d events, more %v, error %v, want %d of %d", text, limit, len(rows.Events), rows.More, err, n, want)
			}
			table, err := s.Aggregate(t.Context(), access.All(), query.Agg{Where: e})
			if err != nil || table.Rows[0].Count != int64(want) {
				t.Errorf("%s: counted %v, error %v, want %d", text, table.Rows, err, want)
			}
		}
	}
}
