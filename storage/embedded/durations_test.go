package embedded

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A cell's middle is at most one part in 128 off.
func TestDurationCells(t *testing.T) {
	s := openTest(t, nil, "")
	for _, ns := range []int64{-5, 0, 1, 3, 4, 127, 128, 129, 255, 256, 1_000_003, 80_123_456, 1<<40 - 1, 1 << 40, math.MaxInt64} {
		cell := int64(0)
		err := s.read(t.Context(), func(c *conn) error {
			return one(c, fmt.Sprintf("SELECT %s FROM (SELECT %d::BIGINT AS duration, %d::SMALLINT AS duration_bucket)", durationCell, ns, durationBucket(ns)),
				func(c []cells) { cell = c[0].i64(0) })
		})
		if off := math.Abs(float64(cell) - float64(ns)); err != nil || off > math.Abs(float64(ns))/128 || ns < 128 && off > 0 {
			t.Errorf("the cell of %d is %d, error %v", ns, cell, err)
		}
	}
}

// Percentiles from the cells of sealed files are those of all durations, but for 1 in 128; counts and keys are the same.
func TestPercentilesOfSealedDurations(t *testing.T) {
	events := 30_000
	l := newSiteLogs(siteStart, siteDays, events+events/10)
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "events.db"), Schema: l.schema, exactRows: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, l, events)
	late := l.at
	l.at = siteStart.Add(time.Hour).UnixMicro() // some come late, for a day that is sealed
	commit(t, s, l.commit(500))
	l.at = late
	p := func(by ...string) query.Agg {
		return query.Agg{By: by, Values: []query.Measure{{Fn: "p50", Field: "event.duration"}, {Fn: "p95", Field: "event.duration"}, {Fn: "p99", Field: "event.duration"}}}
	}
	limited, cut := p("event.dataset"), p("event.dataset")
	limited.Limit = 2
	cut.During = query.Interval{From: siteStart.Add(36 * time.Hour).UnixMicro()}
	ask := func(what, text string, q query.Agg, exact bool) (storage.Table, string) {
		t.Helper()
		var how string
		ctx := storage.WithTrace(t.Context(), storage.Trace{Step: func(step string) { how = step }})
		if q.Where, err = query.Parse(text, s.schema, time.UnixMicro(l.at)); err != nil {
			t.Fatal(err)
		}
		s.cfg.exactRows = 1
		if exact {
			s.cfg.exactRows = 1 << 40
		}
		table, err := s.Aggregate(ctx, access.All(), q)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return table, how
	}
	for _, tc := range []struct {
		name, text string
		q          query.Agg
		cells      bool // are they used
	}{
		{"of all", "", p(), true},
		{"by data set", "", p("event.dataset"), true},
		{"by site and data set", "", p("veritail.site", "event.dataset"), true},
		{"of the two largest", "", limited, true},
		{"of one data set", "event.dataset:nginx.access", p(), true},
		{"of others", "not event.dataset:nginx.* and not exists(veritail.site)", p("event.dataset"), true},
		{"of none", "event.dataset:nobody", p(), true},
		{"from noon on", "", cut, true},
		{"by user", "", p("user.name"), false},
		{"of failures", "event.outcome:failure", p("event.dataset"), false},
	} {
		got, how := ask(tc.name, tc.text, tc.q, false)
		want, exactly := ask(tc.name, tc.text, tc.q, true)
		if used := how != exactly; used != tc.cells {
			t.Errorf("%s: answered so: %s", tc.name, how)
		}
		if len(got.Rows) != len(want.Rows) || len(got.Rows) == 0 {
			t.Fatalf("%s: %d rows, want %d", tc.name, len(got.Rows), len(want.Rows))
		}
		for i, w := range want.Rows {
			g := got.Rows[i]
			if fmt.Sprint(g.Key) != fmt.Sprint(w.Key) || g.Count != w.Count {
				t.Errorf("%s: row %d is %q with %d events, want %q with %d", tc.name, i, g.Key, g.Count, w.Key, w.Count)
			}
			for k, v := range w.Values {
				if !(math.Abs(g.Values[k]-v) <= v/128) && !(math.IsNaN(v) && math.IsNaN(g.Values[k])) {
					t.Errorf("%s: %s of %q is %v, want %v", tc.name, tc.q.Values[k].Fn, g.Key, g.Values[k], v)
				}
			}
		}
	}
	// Files that were sealed by earlier versions have no cells.
	if err := s.write(context.Background(), func(w *writer) error { return w.c.exec("UPDATE sealed SET durations = NULL") }); err != nil {
		t.Fatal(err)
	}
	_, how := ask("without cells", "", p(), false)
	if _, exactly := ask("without cells", "", p(), true); how != exactly {
		t.Errorf("without cells: answered so: %s", how)
	}
}
