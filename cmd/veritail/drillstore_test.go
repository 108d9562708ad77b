package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/embedded"
)

// A changing annex commits something else than it is given.
type changing struct {
	storage.Annex
	change func(*event.Commit)
}

func (a changing) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	page, finding := *c.Pages[0], c.Findings[0]
	batch := *c.Batch
	batch.Pages = []*event.Page{&page}
	other := &event.Commit{Batch: &batch, Findings: []event.Finding{finding}}
	a.change(other)
	return a.Annex.Commit(ctx, other)
}

// A drill notices what a store does not give back as it was given.
func TestADrillComparesWhatTheStoreGivesBack(t *testing.T) {
	st, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, tc := range []struct {
		name   string
		change func(*event.Commit)
		lost   string
	}{
		{"all", func(*event.Commit) {}, ""},
		{"an event less", func(c *event.Commit) { c.Pages[0].N--; c.To[0].Lines.Parsed-- }, "of 3 events 2 are there"},
		{"another text", func(c *event.Commit) {
			c.Pages[0].Raw = append([]event.Str(nil), c.Pages[0].Raw...)
			c.Pages[0].Raw[1] = c.Pages[0].Arena.PutString("else")
		}, "the event 0000000000000007-7 is not as it was"},
		{"a finding less", func(c *event.Commit) { c.Findings = nil }, "of 1 findings 0 are there"},
		{"another finding", func(c *event.Commit) { c.Findings[0].Count++ }, "the finding f of r is not as it was"},
	} {
		a, err := st.Annex(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := &event.Page{Schema: event.NewSchema(), Arena: new(event.Arena), Gen: 7, Path: "x", Site: "drill/x"}
		for i := range 3 {
			p.AddRow(p.Arena.PutString("a line"), 1, []event.Span{{Off: int64(i) * 7, Len: 7}})
		}
		p.Complete()
		c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}, From: []event.Mark{{Gen: 7}},
			To: []event.Mark{{Gen: 7, Off: 21, Lines: event.Account{Read: 3, Parsed: 3}}}}, Findings: []event.Finding{{ID: "f", Rule: "r", Count: 1, Time: 1}}}
		s := newDrillStore(changing{a, tc.change}, func() drillMoment { return drillMoment{} })
		if _, err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		proof, err := s.prove(t.Context())
		if err != nil || proof.Events != 3 || proof.Findings != 1 || proof.Lost != tc.lost {
			t.Errorf("%s: %+v, error %v, want %q", tc.name, proof, err, tc.lost)
		}
		if gives := strings.Contains(proof.String(), "gave each back"); gives != (tc.lost == "") {
			t.Errorf("%s: %s", tc.name, proof)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
