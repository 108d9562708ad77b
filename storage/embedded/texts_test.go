package embedded

import (
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// Whichever texts a search has unpacked to find events, and of whichever runs it knows what texts they have, it finds those
// that match, and they are as they were committed.
func TestFoundEventsHaveTheirTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 7))
	schema := querytest.Schema()
	s := smallRuns(t, schema, filepath.Join(t.TempDir(), "events.db"))
	var pages []*event.Page
	want := make(map[query.ID]storage.Event)
	for _, with := range []string{"all", "none", "some"} { // have a message
		for range 2 {
			p := querytest.RandomPage(r, schema, 96)
			for i := range p.N {
				switch messages := p.Column(event.FieldMessage); {
				case with == "all" && (messages == nil || !messages.Valid.Has(i)):
					p.SetStr(i, event.FieldMessage, p.Arena.PutString([]string{"", "deadlock detected", "Übung: deadlock", "ok"}[r.IntN(4)]))
				case with == "none" && messages != nil:
					messages.Valid.Clear(i)
				}
			}
			p.Complete()
			commit(t, s, batchOf(p))
			pages = append(pages, p)
			for i := range p.N {
				e := storage.EventOf(p, i)
				for name, v := range e.Fields {
					if text, ok := v.(string); ok { // as it is stored
						e.Fields[name] = strings.ToValidUTF8(text, "\uFFFD")
					}
				}
				want[e.ID] = e
			}
		}
	}
	check := func(when string) {
		t.Helper()
		for _, text := range []string{`"deadlock detected"`, "deadlock", "event.original:deadlock", "message:übung", "error not event.original:deadlock",
			"message:deadlock and event.original:error", "(event.original:deadlock or message:error)", "/d.adlock/", "user.name:*", "not message:deadlock"} {
			e, err := query.Parse(text, schema, querytest.Now)
			if err != nil {
				t.Fatal(err)
			}
			checkSearch(t, s, e, pages)
			rows, err := s.Search(t.Context(), access.All(), query.Search{Where: e, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range rows.Events {
				if !reflect.DeepEqual(got, want[got.ID]) {
					t.Fatalf("%s, %s: found %+v\nwhich was committed as %+v", when, text, got, want[got.ID])
				}
			}
		}
	}
	kinds := make(map[textOf]bool)
	eachRuns := func(f func(c *conn, p part) error) {
		t.Helper()
		err := s.write(t.Context(), func(w *writer) error {
			parts, err := partsOf(w.c, query.Interval{})
			for _, p := range parts {
				if err == nil {
					err = f(w.c, p)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"in tables", "sealed"} {
		if when == "sealed" {
			seal(t, s)
		}
		check(when)
		eachRuns(func(c *conn, p part) error {
			found, err := candidates(c, []part{p}, nil, query.Interval{})
			for _, x := range found.list {
				kinds[x.text] = true
			}
			return err
		})
		eachRuns(func(c *conn, p part) error { return c.exec("UPDATE " + p.runs() + " SET bare = NULL") })
		check(when + ", runs of layout 6")
	}
	if len(kinds) != 3 {
		t.Errorf("of the runs' texts only %v are known", kinds)
	}
}

// What lies between stretches that are read together may have any text.
func TestJoinedStretchesHaveTheTextsOfAll(t *testing.T) {
	list := []stretch{{0, 0, 10, anyTime, messageText}, {0, 10, 10, anyTime, messageText}, {0, 30, 10, anyTime, messageText}, {0, 40, 10, anyTime, originalText}}
	for gap, want := range map[int64][]textOf{0: {messageText, eitherText}, 10: {eitherText}} {
		got := joined(list, gap, 64)
		var texts []textOf
		for _, s := range got {
			texts = append(texts, s.text)
		}
		if !reflect.DeepEqual(texts, want) {
			t.Errorf("with a gap of %d: %v, want %v", gap, texts, want)
		}
	}
}
