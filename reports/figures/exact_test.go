package figures

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

// Of events that a store has, a report may have exact percentiles; where some of them have gone it has those of the histogram.
func TestPercentilesAreExactWhereTheEventsAreThere(t *testing.T) {
	const kpis = "[[kpi]]\nid = \"w.p95\"\ntitle = \"T\"\nkind = \"p95\"\nunit = \"ms\"\ndecimals = 6\nfield = \"event.duration\"\nfrom = \"event.action:http_request\"\nwhere = \"http.response.status_code:200\"\n"
	schema := event.NewSchema()
	defs, err := kpi.Load(fstest.MapFS{"kpis.toml": {Data: []byte(kpis)}}, "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	store, err := embedded.Open(ctx, embedded.Config{Path: filepath.Join(t.TempDir(), "events.db"), Schema: schema, MemoryLimit: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := rand.New(rand.NewPCG(3, 4))
	var exact []int64
	commit := func(stored bool) {
		p := requestsOfAMinute(schema, r, day(0).From+3600e6)
		status, took := p.Column(event.FieldStatus), p.Column(event.FieldDuration)
		for i := range p.N {
			if status.Int[i] == 200 {
				exact = append(exact, took.Int[i])
			}
		}
		p.Gen = event.GenID(len(exact) + 1)
		to := event.Mark{Gen: p.Gen, Off: int64(p.N), Lines: event.Account{Read: int64(p.N), Parsed: int64(p.N), Bytes: int64(p.N)}}
		c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}, From: []event.Mark{{Gen: p.Gen}}, To: []event.Mark{to},
			Gens: []event.Generation{{ID: p.Gen, Path: "/a", Dataset: p.Data}}}}
		if err := stage.Process(ctx, c); err != nil {
			t.Fatal(err)
		}
		if !stored {
			c.Batch = &event.Batch{}
		}
		if refused, err := store.Commit(ctx, c); err != nil || len(refused) > 0 {
			t.Fatal(refused, err)
		}
	}
	read := func() float64 {
		fs, err := Read(ctx, store, access.All(), Request{Defs: defs, Period: day(0), Events: store})
		if err != nil {
			t.Fatal(err)
		}
		return fs[0].Value
	}
	for range 20 {
		commit(true)
	}
	slices.Sort(exact)
	want := float64(exact[int(math.Ceil(0.95*float64(len(exact))))-1]) / 1e6
	if got := read(); math.Abs(got-want) > 1e-9 {
		t.Errorf("%v ms, want exactly %v", got, want)
	}
	commit(false) // as if its events had expired
	slices.Sort(exact)
	want = float64(exact[int(math.Ceil(0.95*float64(len(exact))))-1]) / 1e6
	if got := read(); math.Abs(got-want) > kpi.QuantileError*want {
		t.Errorf("%v ms, want %v within 1 %%", got, want)
	}
}
