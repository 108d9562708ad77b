package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// history gives the rules the events of the store again.
type history struct{ d *daemon }

// Scan implements rules.History.
func (h history) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	return h.d.store.Scan(ctx, access.All(), e, during, f)
}

// reseed lets the rules take up the events of the last minutes, from where they had judged. Rules that were changed while the daemon was
// stopped take over from those before, as they would have done while it ran. All of them are kept under a name.
func (d *daemon) reseed(ctx context.Context, kept string) error {
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
	before, last, err := d.turnsBefore(kept, judged)
	if err != nil {
		slog.Warn("rules that were judged before cannot be judged now: those that have changed are taken to have judged before", "error", err)
	}
	if err := d.toldAtOnce(ctx, judged); err != nil {
		return err
	}
	now := time.Now()
	report, err := d.engine.Resume(ctx, history{d}, before, judged, now)
	if err != nil {
		return err
	}
	if last != nil && d.turns.changed(kept) {
		fleet, _ := d.ofFleet(d.setup.rules)
		was, _ := d.ofFleet(last)
		report.Add(rules.Compare(fleet, was))
		d.noteStart(now, report)
	}
	d.turns.add(kept, d.engine.Judged(now))
	return nil
}

// toldAtOnce tells the rules which findings of single events are stored, from a time (µs) on.
func (d *daemon) toldAtOnce(ctx context.Context, since int64) error {
	const page = 1000
	q := storage.FindingQuery{Rules: d.engine.Alone(), During: query.Interval{From: since}, Limit: page}
	for len(q.Rules) > 0 && since != 0 {
		list, err := d.store.Findings(ctx, access.All(), q)
		if err != nil {
			return fmt.Errorf("ask the store what the rules have found since %s: %w", time.UnixMicro(since).UTC().Format(time.DateTime), err)
		}
		for i := range list {
			d.engine.Told(&list[i])
		}
		if len(list) < page {
			break
		}
		q.Before = list[len(list)-1].ID
	}
	return nil
}

// turnsBefore returns new engines for the turns that matter to a start, and the rules of the last one.
func (d *daemon) turnsBefore(kept string, judged int64) (of []rules.Turn, last []rules.Rule, err error) {
	list, until := d.turns.before(kept, judged)
	for i := range list {
		if last, err = d.turns.rules(list[i].Rules); err != nil {
			return nil, nil, err
		}
		fleet, own := d.ofFleet(last)
		if _, err := rules.New(fleet, rules.Config{Schema: d.setup.schema}); err != nil {
			return nil, nil, err
		}
		engine, err := rules.New(own, rules.Config{Schema: d.setup.schema, Idle: ruleIdle})
		if err != nil {
			return nil, nil, err
		}
		of = append(of, rules.Turn{Engine: engine, Until: until[i]})
	}
	return of, last, nil
}
