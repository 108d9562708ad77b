package elastic

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// page returns a page of n events of one generation, at around.
func page(schema *event.Schema, gen event.GenID, n int) *event.Page {
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Gen: gen, Data: "one", Path: "/var/log/one"}
	for i := range n {
		row := p.AddRow(p.Arena.PutString("a line"), 1, []event.Span{{Off: int64(7 * i), Len: 7}})
		p.SetInt(row, event.FieldTime, around.UnixMicro())
		p.SetStr(row, event.FieldUser, p.Arena.PutString("root"))
	}
	p.Complete()
	return p
}

// What an index refuses is kept apart, counts as written, and is written again once the cause is gone.
func TestRefusedEventsAreKeptAndRedriven(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Quarantine = filepath.Join(t.TempDir(), "quarantine")
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody has made the index for themselves: lengths are addresses.
	name := s.names.eventIndex("one", around.UnixMicro(), around)
	wrong := dsl{"mappings": dsl{"properties": dsl{fLen: ip}}}
	if err := s.client.call(t.Context(), http.MethodPut, "/"+name, wrong, nil); err != nil {
		t.Fatal(err)
	}
	p := page(cfg.Schema, 7, 3)
	other := page(cfg.Schema, 8, 2)
	other.Data = "two"
	commit(t, s, batchOf(p, other))
	held := func(s *Store, events int, apart int64) {
		t.Helper()
		rows, err := s.Search(t.Context(), access.All(), query.Search{})
		if err != nil || len(rows.Events) != events {
			t.Errorf("%d events are found, error %v, want %d", len(rows.Events), err, events)
		}
		if n := s.Quarantined()[7]; n != apart {
			t.Errorf("%d lines are in quarantine, want %d", n, apart)
		}
		if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 {
			t.Errorf("check finds %v, error %v", r.Problems, err)
		}
	}
	held(s, 2, 3)
	if r, err := s.Redrive(t.Context()); err != nil || r.Stored != 0 || r.Refused != 3 || len(r.Reasons) == 0 {
		t.Errorf("with the cause still there the redrive says %+v, error %v", r, err)
	}
	if s, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	held(s, 2, 3)
	if err := s.client.call(t.Context(), http.MethodDelete, "/"+name, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Redrive(t.Context()); err != nil || r.Stored != 3 || r.Refused != 0 {
		t.Errorf("without the cause the redrive says %+v, error %v", r, err)
	}
	held(s, 5, 0)
	if _, err := os.Stat(s.localFile()); err == nil {
		t.Error("the local file is still there")
	}
	if r, err := s.Redrive(t.Context()); err != nil || r.Stored+r.Refused != 0 {
		t.Errorf("an empty quarantine: %+v, error %v", r, err)
	}
}

// A field whose type in an index is another is kept and found all the same: no event is refused for it.
func TestFieldOfAnotherTypeIsReadInstead(t *testing.T) {
	schema := event.NewSchema()
	s := openTest(t, schema)
	name := s.names.eventIndex("one", around.UnixMicro(), around)
	f, err := schema.Add("http.response.bytes", event.Int)
	if err != nil {
		t.Fatal(err)
	}
	wrong := dsl{"mappings": dsl{"properties": dsl{"http.response.bytes": keyword}}}
	if err := s.client.call(t.Context(), http.MethodPut, "/"+name, wrong, nil); err != nil {
		t.Fatal(err)
	}
	p := page(schema, 7, 3)
	p.SetInt(1, f, 500)
	p.SetInt(2, f, 5000)
	p.Complete()
	commit(t, s, batchOf(p))
	e, err := query.Parse("http.response.bytes>=1000", schema, around)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Search(t.Context(), access.All(), query.Search{Where: e})
	if err != nil || len(rows.Events) != 1 || rows.Events[0].Fields["http.response.bytes"] != int64(5000) || rows.Note == "" {
		t.Errorf("found %+v, error %v, want the last event, and a note that events were read", rows, err)
	}
	table, err := s.Aggregate(t.Context(), access.All(), query.Agg{Values: []query.Measure{{Fn: "sum", Field: "http.response.bytes"}}})
	if err != nil || table.Rows[0].Values[0] != 5500 {
		t.Errorf("the sum is %+v, error %v, want 5500", table.Rows, err)
	}
	if len(s.Quarantined()) > 0 {
		t.Error("events are in quarantine")
	}
}
