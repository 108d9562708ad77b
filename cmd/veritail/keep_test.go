package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

// A day that has ended is sealed; one that goes before its time is announced in the log, the status and as a finding.
func TestKeepSealsAndAnnounces(t *testing.T) {
	cfg := &configs.Daemon{Store: configs.Store{Path: t.TempDir(), Memory: 256 << 20, SealAfter: configs.Duration(time.Hour)},
		Retention: configs.Retention{Events: configs.Duration(90 * 24 * time.Hour), Disk: 1000}}
	schema := event.NewSchema()
	store, err := openStore(t.Context(), cfg, schema, false)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var out strings.Builder
	records, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	d := &daemon{cfg: cfg, store: store, records: records, announcer: &announcer{Store: store, out: &out}}
	p := &event.Page{Schema: schema, Arena: new(event.Arena), Gen: 7}
	p.SetInt(p.AddRow(p.Arena.PutString("a line"), 1, []event.Span{{Off: 0, Len: 7}}), event.FieldTime,
		time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixMicro())
	p.Complete()
	to := event.Mark{Gen: 7, Off: 7, Lines: event.Account{Read: 1, Parsed: 1}}
	c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}, From: []event.Mark{{Gen: 7}}, To: []event.Mark{to}}}
	if _, err := d.announcer.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(48 * time.Hour)
	k, err := d.keepOnce(t.Context(), storage.Policy{Now: now, Notice: keepNotice})
	if err != nil || k.Events != 1 || k.Limit != 1000 || len(k.Coming) != 1 || k.Coming[0].Day != "2026-11-24" {
		t.Fatalf("it stands at %+v, error %v", k, err)
	}
	if files, err := filepath.Glob(filepath.Join(cfg.Store.Path, "events.duckdb.sealed", "20261124-*.parquet")); err != nil || len(files) != 1 {
		t.Errorf("sealed %v, error %v", files, err)
	}
	found, err := store.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"veritail.retention"}})
	if err != nil || len(found) != 1 || found[0].ID != "retention-disk-2026-11-24" || found[0].Count != 1 {
		t.Errorf("found %+v, error %v", found, err)
	}
	if !strings.Contains(out.String(), "The events of 2026-11-24 will be dropped for want of disk") {
		t.Errorf("the daemon says %q", out.String())
	}
	var status strings.Builder
	w := &sink{w: &status}
	k.print(w, palette(&status))
	if !strings.Contains(status.String(), "1000 B") || !strings.Contains(status.String(), "2026-11-24: 1 events will be dropped, the store takes ") {
		t.Errorf("the status says %q", status.String())
	}
	d.kept.Store(&k)
	k, err = d.keepOnce(t.Context(), storage.Policy{Now: now.Add(keepNotice), Notice: keepNotice})
	if err != nil || k.Events != 0 || len(k.Coming) != 0 {
		t.Errorf("later it stands at %+v, error %v", k, err)
	}
	gone, err := records.Disposals(t.Context(), time.Time{}, time.Time{}, 10)
	want := state.Disposal{At: now.Add(keepNotice).UTC().Truncate(time.Microsecond), What: "events", N: 1, Of: "2026-11-24", Why: "the store took more than retention.disk and retention.disk_share allow, 1000 B"}
	if err != nil || len(gone) != 1 || gone[0] != want {
		t.Errorf("the record of what was dropped is %+v, error %v; want %+v", gone, err, want)
	}
}

func TestDiskLimitIsTheSmallerOne(t *testing.T) {
	dir := t.TempDir()
	limit := func(disk configs.Size, share int) int64 {
		n, err := diskLimit(&configs.Daemon{Store: configs.Store{Path: dir}, Retention: configs.Retention{Disk: disk, DiskShare: share}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	share := limit(0, 10)
	if share <= 0 || limit(0, 0) != 0 || limit(1, 10) != 1 || limit(1<<60, 10) != share || limit(5, 0) != 5 {
		t.Errorf("a tenth of the disk is %d; without bounds %d, the others are %d, %d and %d", share, limit(0, 0), limit(1, 10), limit(1<<60, 10), limit(5, 0))
	}
}

func TestSizesAreWrittenInTheirUnit(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 10 << 30: "10.0 GiB", 5 << 50: "5120.0 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

func TestAClockThatIsOffIsTold(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for skew, want := range map[time.Duration]string{
		12 * time.Minute:                   "This host's clock is 12m0s behind the cluster's.",
		-3*time.Hour - 20*time.Millisecond: "This host's clock is 3h0m0s ahead of the cluster's.",
	} {
		if f := clockFinding(skew, now); !strings.HasPrefix(f.Message, want) || f.ID != "store-clock-2026-11-24" {
			t.Errorf("%s: %s %s", skew, f.ID, f.Message)
		}
	}
}
