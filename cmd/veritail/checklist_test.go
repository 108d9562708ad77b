package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
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
