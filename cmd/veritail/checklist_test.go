package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// Which of the sample logs give the evidence of each query that checks are shipped with.
func TestEvidenceOfChecksIsInTheLogsThatTellOfIt(t *testing.T) {
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	backups := []string{"pgbackrest.log", "restic.log"}
	restores := []string{"pgbackrest.log", "restic.log"}
	patches := []string{"dpkg.log", "unattended-upgrades.log"}
	want := map[string][]string{
		"incremental-backup": backups, "full-backup": backups, "recovery-tested": restores, "recovery-test": restores,
		"patches": patches, "weekly-patches": patches,
	}
	var gens []event.Generation
	for _, name := range []string{"dpkg.log", "nginx.access.log", "pgbackrest.log", "restic.log", "redis.log", "unattended-upgrades.log"} {
		gens = append(gens, s.generation(filepath.Join("..", "..", "testdata", "formats", name), strings.TrimSuffix(name, ".log")))
	}
	for _, c := range s.checks {
		if c.Query == "" {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			expr, err := query.Parse(c.Query, s.schema, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			m, err := query.Compile(expr)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			scan := pipeline.Scan{
				Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
				Commit: func(_ context.Context, c *event.Commit) error {
					for _, p := range c.Pages {
						var hits event.Bits
						m.Match(p, &hits)
						for i := range p.N {
							if name := filepath.Base(p.Path); hits.Has(i) && !slices.Contains(got, name) {
								got = append(got, name)
							}
						}
					}
					return nil
				},
			}
			files, err := scan.Run(t.Context(), gens)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if f.Err != nil || f.Account.Read == 0 {
					t.Errorf("%s: %v, %d lines read", f.Path, f.Err, f.Account.Read)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want[c.ID]) {
				t.Errorf("%s is in %q, want %q", c.Query, got, want[c.ID])
			}
		})
	}
}

// The site's checklist, then its maintenance, in their order.
func TestChecksStandInTheOrderOfThePaperwork(t *testing.T) {
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	var lists []string
	for _, c := range s.checks {
		if n := len(lists); n == 0 || lists[n-1] != c.List {
			lists = append(lists, c.List)
		}
	}
	want := []string{
		"System performance", "Resources", "Database", "Application", "Security", "Scalability", "Monitoring", "Experience", "Audits", "Documentation",
		"Daily maintenance", "Weekly maintenance", "Monthly maintenance", "Quarterly maintenance",
	}
	if !slices.Equal(lists, want) {
		t.Errorf("lists %q, want %q", lists, want)
	}
}

func TestAnOverdueCheckIsAFindingOnceAPeriod(t *testing.T) {
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(dir, "events"), Schema: s.schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	db, err := state.Open(t.Context(), filepath.Join(dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	signed := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	db.SetClock(func() time.Time { return signed })
	if err := db.SignCheck(t.Context(), state.SignOff{Check: "basic-scan", Who: "ann", Role: "security", Note: "nothing found"}); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: &configs.Daemon{}, setup: s, store: store, records: db, announcer: &announcer{Store: store, out: io.Discard}}
	for _, tc := range []struct {
		name  string
		after time.Duration
		want  []string
	}{
		{"within its day", 23 * time.Hour, nil},
		{"within the grace", 35 * time.Hour, nil},
		{"overdue", 37 * time.Hour, []string{"check-basic-scan-20261102T080000"}},
		{"told already", 47 * time.Hour, []string{"check-basic-scan-20261102T080000"}},
		{"another day", 49 * time.Hour, []string{"check-basic-scan-20261103T080000", "check-basic-scan-20261102T080000"}},
	} {
		if err := d.tellOverdue(t.Context(), signed.Add(tc.after)); err != nil {
			t.Fatal(err)
		}
		found, err := store.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"veritail.check"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.ID)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
