package workload

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// Where there are more texts than are looked at, those that ran most often count and of the others those that took longest; the rest
// is a number, and nothing is counted twice.
func TestOfTooManyStatementsTheMostFrequentAndTheSlowestCount(t *testing.T) {
	defer func(n int) { maxTexts = n }(maxTexts)
	maxTexts = 10
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		t.Fatal(err)
	}
	sessions, err := transactions.LoadSessions(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(t.Context(), embedded.Config{Path: t.TempDir() + "/events.duckdb", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	text, _ := schema.Lookup("db.query.text")
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMicro()
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "postgresql", Gen: 1}
	add := func(sql, user string, took time.Duration) {
		i := p.N
		p.AddRow(p.Arena.PutString(sql), 1, []event.Span{{Off: int64(i), Len: 1}})
		p.SetInt(i, event.FieldTime, at+int64(i))
		p.SetStr(i, event.FieldAction, p.Arena.PutString("statement"))
		p.SetStr(i, text, p.Arena.PutString(sql))
		p.SetStr(i, event.FieldUser, p.Arena.PutString(user))
		p.SetInt(i, event.FieldDuration, took.Nanoseconds())
	}
	for range 50 {
		add("SELECT 1 FROM often", "app", time.Millisecond)
	}
	for i := range 200 { // each its own text, of one kind
		add(fmt.Sprintf("UPDATE seldom SET n = %d", i), fmt.Sprintf("user%02d", i%30), 2*time.Millisecond)
	}
	add("DELETE FROM slow", "etl", time.Minute)
	p.Complete()
	gen := event.Generation{ID: 1, Host: "h", Path: "/p", Dataset: "postgresql"}
	c := &event.Commit{Batch: &event.Batch{
		Pages: []*event.Page{p}, Gens: []event.Generation{gen}, From: []event.Mark{{Gen: 1}}, To: []event.Mark{{Gen: 1, Off: int64(p.N)}},
	}}
	if _, err := store.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	w, err := Read(t.Context(), store, access.All(), Request{Schema: schema, Sessions: sessions, Period: query.Interval{From: at, To: at + 1e6}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]transactions.Query{}
	counted := int64(0)
	for _, q := range w.Queries {
		got[q.Text] = q
		counted += q.Count
	}
	if q := got["DELETE FROM slow"]; q.Count != 1 || q.Max != time.Minute {
		t.Errorf("the slowest: %+v", q)
	}
	if q := got["SELECT ? FROM often"]; q.Count != 50 || q.Total != 50*time.Millisecond || q.Timed != 50 {
		t.Errorf("the most frequent: %+v", q)
	}
	if w.Statements != 251 || w.Rest == 0 || counted+w.Rest != 251 {
		t.Errorf("%d statements, %d counted, %d in none", w.Statements, counted, w.Rest)
	}
	if users := w.By["user.name"]; len(users) != maxShares || users[0] != (transactions.Share{Name: "app", Count: 50, Total: 50 * time.Millisecond, Max: time.Millisecond}) {
		t.Errorf("users %+v", users)
	}
}
