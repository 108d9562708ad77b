package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

var update = flag.Bool("update", false, "write what the tests compare with")

// The reports of a fixed period, made of the site's logs as the daemon stores them, are as they were: each sentence and number of them.
func TestReportsOfAFixedPeriodAreAsTheyWere(t *testing.T) {
	t.Parallel()
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	s.host = "shop"
	store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events.duckdb"), Schema: s.schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	figures, engine, err := s.stages(s.rules, rules.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var gens []event.Generation
	for _, log := range []string{
		"postgres-stderr/postgresql.log", "postgres-stderr/backup.log", "mariadb/slow.log", "mariadb/error.log", "linux-auth/auth-iso.log", "nginx/access-timed.log",
	} {
		gens = append(gens, event.Generation{ID: event.GenID(len(gens) + 1), Host: "shop", Path: filepath.Join("../../testdata/site", log)})
	}
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) }, Stages: []pipeline.Stage{figures, engine},
		Commit: func(ctx context.Context, c *event.Commit) error {
			refused, err := store.Commit(ctx, c)
			if len(refused) > 0 {
				t.Errorf("the store refuses %d generations", len(refused))
			}
			return err
		},
	}
	if _, err := scan.Run(t.Context(), gens); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	of := func(from, to time.Time) query.Interval {
		return query.Interval{From: from.UnixMicro(), To: to.UnixMicro()}
	}
	for i := range s.reports {
		def := &s.reports[i]
		t.Run(def.ID, func(t *testing.T) {
			doc, err := reports.Build(t.Context(), store, access.All(), def, reports.Request{
				Subject: "shop.example", PreparedBy: "a test", Version: "1", Made: day.AddDate(0, 0, 7), Defs: s.kpis, Events: store,
				Databases: reports.Databases{Schema: s.schema, Sessions: s.sessions, Reports: s.deadlocks},
				Period:    of(day, day.AddDate(0, 0, 7)), Previous: of(day.AddDate(0, 0, -7), day),
				Lines: reports.Lines{Account: event.Account{Read: 4000, Parsed: 3990, Ignored: 10}, Stored: 3990},
			})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := doc.Write(t.Context(), &got, document.Markdown); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata/reports", def.ID+".md")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			is, was := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
			for i := range max(len(is), len(was)) {
				if i >= len(is) || i >= len(was) || is[i] != was[i] {
					t.Fatalf("from line %d on it differs from %s (write it with -update):\n%s\ninstead of\n%s", i+1, golden, strings.Join(is[i:min(i+3, len(is))], "\n"), strings.Join(was[i:min(i+3, len(was))], "\n"))
				}
			}
		})
	}
}
