package forecast

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

// Disks fill along the line through what was free; one that empties, or was not watched for long enough, has no end.
func TestDisksFillAlongTheirLine(t *testing.T) {
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(t.Context(), embedded.Config{Path: t.TempDir() + "/events.duckdb", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	field := func(name string) event.Field {
		f, ok := schema.Lookup(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		return f
	}
	mount, free, total := field(mountField), field(freeField), field(totalField)
	const gib = 1 << 30
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "veritail.resources", Gen: 1}
	sample := func(at time.Time, name string, left int64) {
		i := p.AddRow(p.Arena.PutString("sample"), 1, []event.Span{{Off: int64(p.N), Len: 1}})
		p.SetInt(i, event.FieldTime, at.UnixMicro())
		p.SetStr(i, event.FieldHost, p.Arena.PutString("db01"))
		p.SetStr(i, event.FieldAction, p.Arena.PutString("filesystem_sampled"))
		p.SetStr(i, mount, p.Arena.PutString(name))
		p.SetInt(i, free, left)
		p.SetInt(i, total, 100*gib)
	}
	for h := 240; h >= 0; h-- { // ten days
		at := now.Add(-time.Duration(h)*time.Hour - 30*time.Minute)
		sample(at, "/var", 20*gib+int64(h)*2*gib/24)
		sample(at, "/srv", 50*gib-int64(h)*gib/24)
		if h < 20 {
			sample(at, "/new", 5*gib+int64(h)*gib)
		}
	}
	p.Complete()
	gen := event.Generation{ID: 1, Host: "db01", Path: "/p", Dataset: "veritail.resources"}
	c := &event.Commit{Batch: &event.Batch{
		Pages: []*event.Page{p}, Gens: []event.Generation{gen}, From: []event.Mark{{Gen: 1}}, To: []event.Mark{{Gen: 1, Off: int64(p.N)}},
	}}
	if _, err := store.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	list, err := Disks(t.Context(), store, access.All(), schema, "", now)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || list[0].Mount != "/var" {
		t.Fatalf("disks %+v", list)
	}
	byMount := map[string]Disk{}
	for _, d := range list {
		byMount[d.Mount] = d
	}
	if d := byMount["/var"]; math.Abs(d.PerDay-2*gib) > gib/100 || math.Abs(d.Full.Sub(now).Hours()/24-10) > 0.2 || d.Free != 20*gib || math.Abs(d.Used()-0.8) > 1e-9 {
		t.Errorf("a disk that 2 GiB a day go to, with 20 left: %+v", d)
	}
	if d := byMount["/srv"]; d.PerDay >= 0 || !d.Full.IsZero() {
		t.Errorf("a disk that empties: %+v", d)
	}
	if d := byMount["/new"]; !math.IsNaN(d.PerDay) || !d.Full.IsZero() {
		t.Errorf("a disk that is known for a day: %+v", d)
	}
}
