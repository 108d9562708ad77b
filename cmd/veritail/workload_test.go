package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/reports/workload"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// What reports read of a store is what `veritail database` counts of the same log, event by event.
func TestTheWorkloadOfAStoreIsThatOfItsLog(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]string{
		"PostgreSQL": "postgres-stderr/postgresql.log", "slow log": "mariadb/slow.log", "audit plugin": "mariadb/server_audit.log",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("../../testdata/site", log)
			var want transactions.Workload
			if err := json.Unmarshal([]byte(veritail(t, "database", "-json", path)), &want); err != nil {
				t.Fatal(err)
			}
			s, err := loadSetup("")
			if err != nil {
				t.Fatal(err)
			}
			store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events.duckdb"), Schema: s.schema})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			runOnce(t, s, path, int64(bytes.Count(text, []byte("\n"))), store)
			got, err := workload.Read(t.Context(), store, access.All(), workload.Request{
				Schema: s.schema, Sessions: s.sessions, Period: query.Interval{From: 1, To: time.Now().AddDate(10, 0, 0).UnixMicro()},
			})
			if err != nil {
				t.Fatal(err)
			}
			statements := int64(0)
			queries := map[string]transactions.Query{}
			for _, q := range got.Queries {
				q.Example = ""
				queries[q.Text] = q
			}
			for _, q := range want.Queries {
				q.Example = ""
				statements += q.Count
				if queries[q.Text] != q {
					t.Errorf("statement\n%+v\ninstead of\n%+v", queries[q.Text], q)
				}
			}
			if got.Statements != statements || got.Rest != 0 || len(got.Queries) != len(want.Queries) || statements == 0 {
				t.Errorf("%d statements of %d texts, %d of none; %d of %d", got.Statements, len(got.Queries), got.Rest, statements, len(want.Queries))
			}
			if got.Waits != want.Waits || got.Connections != want.Connections || got.LetIn != want.LetIn {
				t.Errorf("waits %+v, connections %d, let in %d; want %+v, %d, %d", got.Waits, got.Connections, got.LetIn, want.Waits, want.Connections, want.LetIn)
			}
		})
	}
}
