package elastic

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// namesOf are the indices and templates of a prefix.
func namesOf(t *testing.T, s *Store, prefix string) []string {
	t.Helper()
	var indices []struct{ Index string }
	if err := s.client.call(t.Context(), http.MethodGet, "/_cat/indices/"+prefix+"-*?format=json&h=index", nil, &indices); err != nil {
		t.Fatal(err)
	}
	var templates struct {
		List []struct{ Name string } `json:"index_templates"`
	}
	if err := s.client.call(t.Context(), http.MethodGet, "/_index_template", nil, &templates); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range indices {
		out = append(out, x.Index)
	}
	for _, x := range templates.List {
		if strings.HasPrefix(x.Name, prefix+"-") {
			out = append(out, "template "+x.Name)
		}
	}
	slices.Sort(out)
	return out
}

// What an annex takes and gives back, in five indices of its own whatever it is, and that nothing of it is in the store around it,
// nor in the cluster when it has been closed, or its process was killed.
func TestAnAnnexIsApartAndLeavesNothing(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	fill := func(to storage.Writer, n int) {
		t.Helper()
		var pages []*event.Page
		for i, set := range []string{"sshd", "nginx.access", "postgresql"} {
			p := &event.Page{Schema: cfg.Schema, Arena: new(event.Arena), Gen: event.GenID(i + 1), Data: set, Site: "drill/x", Path: "/" + set}
			for k := range n {
				row := p.AddRow(p.Arena.PutString("a line"), 1, []event.Span{{Off: int64(k) * 7, Len: 7}})
				p.SetInt(row, event.FieldTime, around.AddDate(0, 0, -k*40).UnixMicro())
			}
			p.Complete()
			pages = append(pages, p)
		}
		c := &event.Commit{Batch: &event.Batch{Pages: pages}, Findings: []event.Finding{{ID: "f", Rule: "r", Site: "drill/x", Time: around.UnixMicro()}},
			Rollups: []event.Delta{{Site: "drill/x", Series: "rule/r", Minute: around.UnixMicro(), N: 5}}}
		for _, p := range pages {
			c.From = append(c.From, event.Mark{Gen: p.Gen})
			c.To = append(c.To, event.Mark{Gen: p.Gen, Off: int64(n) * 7, Lines: event.Account{Read: int64(n), Parsed: int64(n)}})
			c.Gens = append(c.Gens, event.Generation{ID: p.Gen, Path: p.Path, Site: p.Site})
		}
		if refused, err := to.Commit(t.Context(), c); err != nil || len(refused) > 0 {
			t.Fatalf("refused %v, error %v", refused, err)
		}
	}
	count := func(r storage.Reader) (events int64, findings int, figures int64) {
		t.Helper()
		table, err := r.Aggregate(t.Context(), access.All(), query.Agg{})
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.Findings(t.Context(), access.All(), storage.FindingQuery{})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := r.Rollups(t.Context(), access.All(), storage.RollupQuery{Site: "drill/x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			figures += c.N
		}
		return table.Rows[0].Count, len(list), figures
	}

	before := namesOf(t, s, cfg.Prefix)
	a, err := s.Annex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Annex(t.Context()); err == nil {
		t.Error("there are two at a time")
	}
	fill(a, 5)
	if events, findings, figures := count(a); events != 15 || findings != 1 || figures != 5 {
		t.Errorf("the annex gives back %d events, %d findings, figures of %d", events, findings, figures)
	}
	if marks, err := a.Marks(t.Context()); err != nil || len(marks) != 3 || marks[0].Off != 35 {
		t.Errorf("its marks are %v, error %v", marks, err)
	}
	if got := namesOf(t, s, s.annexPrefix()); len(got) != 4+2 { // nothing was refused, so there is no quarantine
		t.Errorf("it has %q", got)
	}
	if events, findings, figures := count(s); events != 0 || findings != 0 || figures != 0 {
		t.Errorf("the store has %d events, %d findings, figures of %d of its annex", events, findings, figures)
	}
	if marks, err := s.Marks(t.Context()); err != nil || len(marks) != 0 {
		t.Errorf("the store has the marks %v, error %v", marks, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if after := namesOf(t, s, cfg.Prefix); !slices.Equal(before, after) {
		t.Errorf("the cluster had %q, and has %q", before, after)
	}

	if a, err = s.Annex(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(a, 2) // and its process is killed
	again, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if got := namesOf(t, again, again.annexPrefix()); len(got) != 0 {
		t.Errorf("after a kill there is %q", got)
	}
	if after := namesOf(t, again, cfg.Prefix); !slices.Equal(before, after) {
		t.Errorf("the cluster had %q, and has %q", before, after)
	}
}
