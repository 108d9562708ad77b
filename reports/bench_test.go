package reports

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// aRequestLine is one event of an access log that tells durations.
func aRequestLine(p *event.Page, i int, r *rand.Rand, off, at int64) {
	p.AddRow(p.Arena.PutString("GET /shop/1 HTTP/1.1"), 1, []event.Span{{Off: off, Len: 20}})
	p.SetInt(i, event.FieldTime, at)
	p.SetStr(i, event.FieldAction, p.Arena.PutString("http_request"))
	p.SetStr(i, event.FieldMethod, p.Arena.PutString("GET"))
	p.SetStr(i, event.FieldURLPath, p.Arena.PutString([]string{"/", "/api/items", "/shop/1"}[r.IntN(3)]))
	p.SetInt(i, event.FieldStatus, []int64{200, 200, 200, 304, 404, 500}[r.IntN(6)])
	p.SetInt(i, event.FieldDuration, int64(r.ExpFloat64()*120e6))
}

// aStatement is one of the log of a database, of which some are as they always are and most have values of their own.
func aStatement(p *event.Page, i int, r *rand.Rand, off, at int64, text event.Field) {
	sql := "SELECT name FROM items WHERE shown"
	if r.IntN(3) > 0 {
		sql = fmt.Sprintf("UPDATE account_%d SET balance = balance - %d WHERE id = %d", r.IntN(50), r.IntN(1000), r.IntN(1_000_000))
	}
	p.AddRow(p.Arena.PutString("duration: statement: "+sql), 1, []event.Span{{Off: off, Len: 20}})
	p.SetInt(i, event.FieldTime, at)
	p.SetStr(i, event.FieldAction, p.Arena.PutString("statement"))
	p.SetStr(i, event.FieldCategory, p.Arena.PutString("database"))
	p.SetStr(i, event.FieldModule, p.Arena.PutString("postgresql"))
	p.SetStr(i, event.FieldUser, p.Arena.PutString([]string{"app", "shop", "etl"}[r.IntN(3)]))
	p.SetStr(i, text, p.Arena.PutString(sql))
	p.SetInt(i, event.FieldDuration, int64(r.ExpFloat64()*20e6))
}

// BenchmarkReports makes each shipped report over a store of 27,400 events a day, which are 10 million a year, half of them statements of a database: the daily one
// of a day, and all of VERITAIL_DAYS days (10), which end before 1 January 2027.
func BenchmarkReports(b *testing.B) {
	days, err := strconv.Atoi(os.Getenv("VERITAIL_DAYS"))
	if err != nil {
		days = 10
	}
	ctx, schema := context.Background(), event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		b.Fatal(err)
	}
	text, ok := schema.Lookup("db.query.text")
	if !ok {
		b.Fatal("no format has the field of statements")
	}
	sessions, err := transactions.LoadSessions(configs.FS(""))
	if err != nil {
		b.Fatal(err)
	}
	deadlocks, err := transactions.Load(configs.FS(""))
	if err != nil {
		b.Fatal(err)
	}
	defs, err := kpi.Load(configs.FS(""), "kpis.toml", schema)
	if err != nil {
		b.Fatal(err)
	}
	list, err := Load(configs.FS(""), "reports.toml", defs)
	if err != nil {
		b.Fatal(err)
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		b.Fatal(err)
	}
	store, err := embedded.Open(ctx, embedded.Config{Path: filepath.Join(b.TempDir(), "events.db"), Schema: schema, MemoryLimit: 512 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	}()
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	events := 0
	for d := range days {
		gen := event.Generation{ID: event.GenID(d + 1), Host: "host1", Path: fmt.Sprintf("/var/log/access-%d.log", d), Dataset: "nginx.access"}
		c := &event.Commit{Batch: &event.Batch{Gens: []event.Generation{gen}, From: []event.Mark{{Gen: gen.ID}}}}
		var off int64
		for at := end.AddDate(0, 0, d-days).UnixMicro(); at < end.AddDate(0, 0, d+1-days).UnixMicro(); at += 3600e6 {
			p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: gen.Dataset, Gen: gen.ID, Path: gen.Path}
			for i := range 1142 {
				if i%2 == 0 {
					aRequestLine(p, i, r, off, at+r.Int64N(3600e6))
				} else {
					aStatement(p, i, r, off, at+r.Int64N(3600e6), text)
				}
				off += 20
			}
			p.Complete()
			c.Batch.Pages = append(c.Batch.Pages, p)
		}
		events += c.Batch.Rows()
		c.Batch.To = []event.Mark{{Gen: gen.ID, Off: off}}
		if err := stage.Process(ctx, c); err != nil {
			b.Fatal(err)
		}
		if _, err := store.Commit(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d events of %d days", events, days)
	run := func(name string, def *Definition, period query.Interval, length Length) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				doc, err := Build(ctx, store, access.All(), def, Request{
					Subject: "shop", Made: end, Defs: defs, Period: period, Previous: length.Before(period), Events: store,
					Databases: Databases{Schema: schema, Sessions: sessions, Reports: deadlocks},
				})
				if err != nil {
					b.Fatal(err)
				}
				if err := doc.WriteHTML(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("daily/day", &list[0], Day.During(end.AddDate(0, 0, -1), end), Day)
	for i := range list {
		run(list[i].ID+"/all", &list[i], query.Interval{From: end.AddDate(0, 0, -days).UnixMicro(), To: end.UnixMicro()}, "")
	}
}
