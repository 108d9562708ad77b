package figures

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// requestsOfAMinute makes events of an access log that tells durations, about 19 a minute: 10 million a year.
func requestsOfAMinute(schema *event.Schema, r *rand.Rand, at int64) *event.Page {
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "nginx.access"}
	for i := range 10 + r.IntN(19) {
		p.AddRow(p.Arena.PutString("raw"), 1, []event.Span{{Off: int64(i), Len: 1}})
		p.SetInt(i, event.FieldTime, at+r.Int64N(60e6))
		p.SetStr(i, event.FieldAction, p.Arena.PutString("http_request"))
		p.SetStr(i, event.FieldMethod, p.Arena.PutString("GET"))
		p.SetStr(i, event.FieldURLPath, p.Arena.PutString([]string{"/", "/api/items", "/shop/1"}[r.IntN(3)]))
		p.SetInt(i, event.FieldStatus, []int64{200, 200, 200, 304, 404, 500}[r.IntN(6)])
		p.SetInt(i, event.FieldDuration, int64(r.ExpFloat64()*120e6))
	}
	p.Complete()
	return p
}

// BenchmarkRead reads the figures of a day and of all days of a store that holds the rollups of 10 million events a year,
// for VERITAIL_DAYS days (20).
func BenchmarkRead(b *testing.B) {
	days, err := strconv.Atoi(os.Getenv("VERITAIL_DAYS"))
	if err != nil {
		days = 20
	}
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		b.Fatal(err)
	}
	defs, err := kpi.Load(configs.FS(""), "kpis.toml", schema)
	if err != nil {
		b.Fatal(err)
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	store, err := embedded.Open(ctx, embedded.Config{Path: filepath.Join(b.TempDir(), "events.db"), Schema: schema, MemoryLimit: 512 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	}()
	r := rand.New(rand.NewPCG(1, 2))
	rows := 0
	for d := range days {
		c := &event.Commit{Batch: &event.Batch{}}
		for m := range int64(24 * 60) {
			c.Pages = append(c.Pages, requestsOfAMinute(schema, r, day(d-days).From+m*60e6))
		}
		if err := stage.Process(ctx, c); err != nil {
			b.Fatal(err)
		}
		c.Batch = &event.Batch{}
		rows += len(c.Rollups)
		if _, err := store.Commit(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d rollups of %d days", rows, days)
	for _, n := range []int{1, 14, days} {
		b.Run(fmt.Sprintf("days=%d", n), func(b *testing.B) {
			period := query.Interval{From: day(-n).From, To: day(-1).To}
			span := period.To - period.From
			for b.Loop() {
				fs, err := Read(ctx, store, access.All(), Request{
					Defs: defs, Period: period, Previous: query.Interval{From: period.From - span, To: period.From}, Every: kpi.Step(period),
				})
				if err != nil || !fs[0].Measured() {
					b.Fatal(fs[0].Actual, err)
				}
			}
		})
	}
}
