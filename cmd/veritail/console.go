package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// newConsole returns the console over the daemon's store.
func (d *daemon) newConsole() (http.Handler, error) {
	return console.New(console.Config{
		Reader: d.store, Schema: d.setup.schema, KPIs: d.setup.kpis, Status: d.consoleStatus,
		Report: http.HandlerFunc(d.answerReport), Site: d.cfg.Host, Version: version,
	})
}

// consoleStatus gives the pipeline's status in the console's words.
func (d *daemon) consoleStatus() console.Status {
	out := console.Status{At: time.Now()}
	if err := d.runner.Totals().StoreErr; err != nil {
		out.Problem = "the store takes nothing now: " + err.Error()
	}
	for _, s := range d.runner.Status() {
		c := console.Source{
			Path: s.Path, Site: s.Site, Dataset: s.Dataset, Format: s.Format, State: console.Following,
			Lag: s.Lag, Behind: s.LagBytes, Lost: s.LostBytes, Lines: s.Account, Stored: s.Stored, Pending: s.Pending,
			Nearest: s.Nearest, Column: s.Column,
		}
		switch s.State {
		case pipeline.Waiting:
			c.State = console.Waiting
		case pipeline.Unread:
			c.State = console.Unreadable
		}
		r := sourceOf(s)
		c.Problem, c.Repair = r.Error, r.Repair
		out.Sources = append(out.Sources, c)
	}
	return out
}

// history gives the rules the events of the store again.
type history struct{ d *daemon }

// Scan implements rules.History.
func (h history) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	return h.d.store.Scan(ctx, access.All(), e, during, f)
}

// reseed lets the rules take up the events of the last minutes, from where they had judged.
func (d *daemon) reseed(ctx context.Context) error {
	marks, err := d.store.Marks(ctx)
	if err != nil {
		return fmt.Errorf("ask the store how far the rules have come: %w", err)
	}
	judged := int64(0)
	for _, m := range marks {
		if m.Gen == rules.Progress {
			judged = m.Off
		}
	}
	return d.engine.Seed(ctx, history{d}, judged, time.Now())
}
