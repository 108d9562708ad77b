package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// lines is the account of what was read of a site since the store began: as the runner knows it, or without one as
// the stored marks tell it.
func (d *daemon) lines(ctx context.Context, site string) (reports.Lines, error) {
	l := reports.Lines{Scope: "since the store began"}
	if d.runner == nil {
		return l, d.storedLines(ctx, site, &l)
	}
	for _, s := range d.runner.Status() {
		if s.Site != site {
			continue
		}
		l.Add(s.Account)
		l.Stored += s.Stored
		l.Pending += s.Pending
	}
	l.Open = l.Read - l.Parsed - l.Unparsed - l.Ignored
	return l, nil
}

func (d *daemon) storedLines(ctx context.Context, site string, l *reports.Lines) error {
	gens, err := d.store.Generations(ctx)
	if err != nil {
		return fmt.Errorf("ask the store what was read: %w", err)
	}
	marks, err := d.store.Marks(ctx)
	if err != nil {
		return fmt.Errorf("ask the store how far reading came: %w", err)
	}
	sites := map[event.GenID]string{}
	for _, g := range gens {
		sites[g.ID] = g.Site
	}
	for _, m := range marks {
		if of, known := sites[m.Gen]; known && of == site {
			l.Add(m.Lines)
			l.Stored += m.Lines.Parsed + m.Lines.Unparsed
		}
	}
	return nil
}

// occurrences returns what the rules counted in the period, by group.
func (d *daemon) occurrences(ctx context.Context, site string, period query.Interval) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	judged := d.rules()
	for i := range judged {
		id := judged[i].ID
		prefix := rules.GroupSeries(id)
		cells, err := d.store.Rollups(ctx, access.All(), storage.RollupQuery{
			Site: site, Series: []string{prefix + "*"}, During: period, Every: 24 * time.Hour,
		})
		if err != nil {
			return nil, fmt.Errorf("read what the rules counted: %w", err)
		}
		for _, c := range cells {
			if out[id] == nil {
				out[id] = map[string]int64{}
			}
			out[id][strings.TrimPrefix(c.Series, prefix)] += c.N
		}
	}
	return out, nil
}

// writeReport writes the report of a scan: the first one of the configuration.
func (r *scanResult) writeReport(ctx context.Context, path string) error {
	if r.period == (query.Interval{}) {
		return userErrorf("there is nothing to report: no line was understood")
	}
	def, err := r.setup.report("")
	if err != nil {
		return err
	}
	req := reports.Request{
		Subject: "Scanned logs", PreparedBy: "Veritail " + version, Made: time.Now().UTC(), Defs: r.setup.kpis,
		Period: r.period, Lines: reports.Lines{Scope: fmt.Sprintf("in %d files", len(r.files))},
		Occurrences: func(context.Context) (map[string]map[string]int64, error) { return r.counts, nil },
	}
	for _, f := range r.files {
		req.Lines.Add(f.Account)
		req.Files = append(req.Files, reports.File{Path: f.Path, Format: f.Told.Format, Account: f.Account})
	}
	doc, err := reports.Build(ctx, r.store, access.All(), def, req)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := doc.WriteHTML(&page); err != nil {
		return err
	}
	return writeFile(path, page.Bytes())
}
