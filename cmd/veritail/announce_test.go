package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

// away is a store that takes nothing while it has an error.
type away struct {
	storage.Store
	err error
}

func (a *away) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.Store.Commit(ctx, c)
}

// A store that takes nothing for a minute is one finding, at the latest once it takes events again; for less, none.
func TestAStoreThatTakesNothingForAMinuteIsAFinding(t *testing.T) {
	st, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	store := &away{Store: st}
	a := announcer{Store: store, out: io.Discard}
	begun := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	fails := func(after time.Duration) {
		store.err = errors.New("Elasticsearch answers 401")
		a.tellHalt(t.Context(), store.err, begun.Add(after))
	}
	goesOn := func(after time.Duration, want ...string) {
		t.Helper()
		store.err = nil
		a.tellHalt(t.Context(), nil, begun.Add(after))
		found, err := st.Findings(t.Context(), access.All(), storage.FindingQuery{})
		if err != nil || len(found) != len(want) {
			t.Fatalf("%s later there are the findings %+v: %v; want %d", after, found, err, len(want))
		}
		for i, w := range want {
			if !strings.Contains(found[i].Message, w) {
				t.Errorf("%s later finding %d says %q, want %q", after, i, found[i].Message, w)
			}
		}
	}
	fails(0)
	goesOn(59 * time.Second)
	fails(2 * time.Minute)
	fails(10 * time.Minute)
	first := "Since 2026-11-24 12:02:00: Elasticsearch answers 401. Nothing is lost"
	goesOn(11*time.Minute, first)
	goesOn(12*time.Minute, first)
	fails(20 * time.Minute)
	goesOn(22*time.Minute, "Since 2026-11-24 12:20:00", first)
}
