package main

import (
	"net/http"
	"time"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/reports/deadlocks"
)

// newConsole returns the console over the daemon's store.
func (d *daemon) newConsole() (http.Handler, error) {
	return console.New(console.Config{
		Reader: d.store, Schema: d.setup.schema, KPIs: d.setup.kpis, Prometheus: d.prometheus, Status: d.consoleStatus, Deadlocks: d.setup.deadlocks, Proofs: deadlocks.Proofs(d.cfg.State), Sessions: d.setup.sessions, Records: d.records, Rules: (&shownRules{d: d}).rules, Runbooks: d.runbooks(), Surveys: d.setup.surveys, Checks: d.shownChecks,
		Try: d.setup.try, Formats: d.setup.set.Formats(), Reports: d.setup.reports, Make: d.makeReport, Scheduled: d.scheduled(), Metrics: d.metrics(), Site: d.cfg.Host, Version: version,
	})
}

// consoleStatus gives the pipeline's status in the console's words.
func (d *daemon) consoleStatus() console.Status {
	out := console.Status{At: time.Now()}
	if err := d.runner.Totals().StoreErr; err != nil {
		out.Problem = "the store takes nothing now: " + err.Error()
	}
	if f := d.fleetReport(out.At); f != nil && f.Problem != "" && out.Problem == "" {
		out.Problem = "the rules about many hosts do not run as they should: " + f.Problem
	}
	if f := d.reload.refused.Load(); f != nil && out.Problem == "" {
		out.Problem = "rules that were changed are not judged, those of before are: " + f.Problem
	}
	for _, s := range d.runner.Status() {
		r := d.sourceOf(s)
		c := console.Source{
			Path: s.Path, Site: s.Site, Dataset: s.Dataset, Format: s.Told.Format, State: console.Following,
			Lag: s.Lag, Behind: s.LagBytes, Lost: s.LostBytes, Lines: s.Account, Stored: s.Stored, Refused: s.Quarantined, Pending: s.Pending,
			Sure: sure(s.Told), Dropped: s.Told.Dropped,
		}
		for _, sh := range r.Shapes {
			c.Shapes = append(c.Shapes, console.Shape{Example: sh.Example, Count: sh.Count, Offset: sh.Offset, Format: sh.Nearest, Column: sh.Column, Failed: sh.Failed})
		}
		if c.Lines.Parsed == 0 && len(c.Shapes) > 0 {
			c.Nearest, c.Column = c.Shapes[0].Format, c.Shapes[0].Column
		}
		switch s.State {
		case pipeline.Waiting:
			c.State = console.Waiting
		case pipeline.Unread:
			c.State = console.Unreadable
		}
		c.Problem, c.Repair, c.Breach = r.Error, r.Repair, r.Breach
		out.Sources = append(out.Sources, c)
	}
	for _, in := range d.inputs {
		out.Inputs = append(out.Inputs, consoleInput(in.report()))
	}
	return out
}

// consoleInput gives an input's report in the console's words.
func consoleInput(r inputReport) console.Input {
	c := console.Input{Name: r.Name, Dataset: r.Dataset, Senders: r.Senders, Used: r.Used, Max: r.Max, Lost: r.Refused, Problem: r.Error}
	noted := func(all []bad) {
		for _, b := range all {
			if b.count > 0 {
				c.Notes = append(c.Notes, n(b.count)+" "+b.what)
			}
		}
	}
	for _, l := range r.Listeners {
		c.Addresses = append(c.Addresses, l.Address)
		c.Received += l.Received
		c.Lost += l.Dropped
		noted(l.bad())
	}
	if j := r.Journal; j != nil {
		c.Received += j.Entries
		noted(j.bad())
		if j.Partial {
			c.Notes = append(c.Notes, "Only entries of this user are seen.")
			c.Repair = joinJournal()
		}
	}
	for _, p := range r.Probes {
		c.Received += p.Asked
		if p.Down {
			c.Notes = append(c.Notes, p.Name+" is down: "+p.Reason)
		}
	}
	if r.Resources != nil {
		c.Received += r.Resources.Samples
	}
	if p := r.Pipe; p != nil {
		c.Received += p.Lines
		noted(p.bad())
	}
	return c
}
