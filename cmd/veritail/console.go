package main

import (
	"net/http"
	"time"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/pipeline"
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
