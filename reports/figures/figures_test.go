package figures

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/memory"
	"github.com/saypro/veritail/storage/query"
)

var midnight = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func day(n int) query.Interval {
	from := midnight.AddDate(0, 0, n)
	return query.Interval{From: from.UnixMicro(), To: from.AddDate(0, 0, 1).UnixMicro()}
}

// stored returns what a stage made of events of an application, whose clocks are hours from midnight.
func stored(t *testing.T, kpis string, events map[float64]string) ([]kpi.Definition, *memory.Store) {
	t.Helper()
	schema := event.NewSchema()
	defs, err := kpi.Load(fstest.MapFS{"kpis.toml": {Data: []byte(kpis)}}, "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	offset := int64(0)
	for clock, action := range events {
		p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "app"}
		p.AddRow(p.Arena.PutString("raw"), 1, []event.Span{{Off: offset, Len: 1}})
		p.SetInt(0, event.FieldTime, midnight.Add(time.Duration(clock*float64(time.Hour))).UnixMicro())
		p.SetStr(0, event.FieldAction, p.Arena.PutString(action))
		p.Complete()
		offset++
		c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}}}
		if err := stage.Process(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	return defs, store
}

const downtime = "[[kpi]]\nid = \"s.down\"\ntitle = \"Downtime\"\nkind = \"downtime\"\nunit = \"h\"\ndecimals = 2\nfrom = \"event.action:*\"\nup = \"event.action:up\"\ndown = \"event.action:down\"\n"

func TestAnOutageReachesIntoTheDaysAfterIt(t *testing.T) {
	defs, store := stored(t, downtime, map[float64]string{-100: "up", -60: "down", 30.25: "up"})
	for n, want := range map[int]string{-4: "0.00 h", -3: "12.00 h", -2: "24.00 h", -1: "24.00 h", 0: "24.00 h", 1: "6.25 h", 2: "0.00 h"} {
		fs, err := Read(context.Background(), store, access.All(), Request{Defs: defs, Period: day(n), Previous: day(n - 1), Every: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if fs[0].Actual != want {
			t.Errorf("day %d: %s, want %s; %s", n, fs[0].Actual, want, fs[0].Detail)
		}
	}
}

func TestASignOfLifeHoldsForAMonth(t *testing.T) {
	defs, store := stored(t, downtime, map[float64]string{1: "other"})
	for n, want := range map[int]string{0: "0.00 h", 29: "0.00 h", 32: "not measured"} {
		fs, err := Read(context.Background(), store, access.All(), Request{Defs: defs, Period: day(n)})
		if err != nil {
			t.Fatal(err)
		}
		if fs[0].Actual != want {
			t.Errorf("day %d: %s, want %s", n, fs[0].Actual, want)
		}
	}
}

func TestStepsThatBeginBeforeThePeriodCountAsOfIt(t *testing.T) {
	defs, store := stored(t, "[[kpi]]\nid = \"e.n\"\ntitle = \"Events\"\nkind = \"count\"\nfrom = \"*\"\n", map[float64]string{10.2: "a", 10.5: "b", 11.1: "c"})
	period := query.Interval{From: day(0).From + int64(10.2*3600e6), To: day(0).From + int64(11.2*3600e6)}
	fs, err := Read(context.Background(), store, access.All(), Request{Defs: defs, Period: period, Every: time.Hour})
	if err != nil || fs[0].Actual != "3" {
		t.Errorf("%s of 3 events, %v", fs[0].Actual, err)
	}
}

func TestTheDaysOfAFigureAreThoseOfItsPeriod(t *testing.T) {
	defs, store := stored(t, downtime+"[[kpi]]\nid = \"e.n\"\ntitle = \"Events\"\nkind = \"count\"\nfrom = \"*\"\n",
		map[float64]string{-100: "up", -60: "down", 30.25: "up", 31: "up"})
	got, err := Days(context.Background(), store, access.All(), Request{Defs: defs, Period: query.Interval{From: day(-4).From, To: day(2).To}})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"0", "12", "24", "24", "24", "6.25", "0"}, {"–", "1", "–", "–", "–", "2", "–"}}
	for i := range want {
		for n, p := range got[i] {
			text := kpi.Text(p.Value, 2, "")
			if strings.Contains(text, ".") {
				text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
			}
			if text != want[i][n] || p.Time != day(n-4).From {
				t.Errorf("%s, day %d: %s, want %s", defs[i].ID, n-4, text, want[i][n])
			}
		}
	}
}

// What the daemon finds about itself is in no rollup: each of its findings is an occurrence.
func TestADaemonsOwnFindingsAreFigures(t *testing.T) {
	defs, store := stored(t, "[[kpi]]\nid = \"log.silent\"\ntitle = \"Silent\"\nkind = \"count\"\nfrom = \"event.action:sampled\"\nrules = [\"veritail.silence\"]\nmax = 0\n",
		map[float64]string{1: "sampled", 30: "sampled", 50: "other"})
	for i, clock := range []float64{2, 3.5, 26} {
		c := &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{{
			ID: fmt.Sprint("silence-", i), Rule: "veritail.silence", Time: midnight.Add(time.Duration(clock * float64(time.Hour))).UnixMicro(),
		}, {ID: fmt.Sprint("disk-", i), Rule: "veritail.disk", Time: midnight.Add(time.Hour).UnixMicro()}}}
		if err := store.Commit(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range []string{"2", "1", "not measured"} {
		fs, err := Read(context.Background(), store, access.All(), Request{Defs: defs, Period: day(n), Previous: day(n - 1), Every: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if fs[0].Actual != want {
			t.Errorf("day %d: %s, want %s", n, fs[0].Actual, want)
		}
	}
}
