//go:build fixture

package embedded

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query/querytest"
)

// fixtureEnv names the folder that TestMakeFixture writes into.
const fixtureEnv = "VERITAIL_MAKE_FIXTURE"

// TestMakeFixture writes a store of the present layout, as testdata/layout*/README.md describes.
func TestMakeFixture(t *testing.T) {
	dir := os.Getenv(fixtureEnv)
	if dir == "" {
		t.Fatal(fixtureEnv + " names no folder")
	}
	path := filepath.Join(dir, "events.db")
	schema := querytest.Schema()
	s, err := Open(t.Context(), Config{Path: path, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(14, 2))
	var pages []*event.Page
	for range 3 {
		pages = append(pages, querytest.RandomPage(r, schema, 12))
	}
	commit(t, s, batchOf(pages...))
	mark := event.Mark{Gen: killGen}
	c := numbered(schema, &mark, 30)
	c.Gens = []event.Generation{{ID: killGen, Host: "host1", Path: "/var/log/test", Dataset: "test", Format: "test",
		Device: 1<<64 - 1, Inode: 42, Birth: 5, Head: 1<<63 + 5, HeadLen: 64}}
	commit(t, s, c)
	if _, err := s.Expire(t.Context(), storage.Policy{Events: 24 * time.Hour, Now: querytest.Now}); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), func(w *writer) error { return w.c.exec("CHECKPOINT") }); err != nil {
		t.Fatal(err)
	}
	commit(t, s, numbered(schema, &mark, 10)) // in the WAL
	dump := dumpStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "content.golden"), []byte(dump), 0o644); err != nil {
		t.Fatal(err)
	}
}
