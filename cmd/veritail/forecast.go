package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/forecast"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// forecastEvery is how often the daemon looks when disks will be full.
const forecastEvery = time.Hour

// watchForecasts makes it a finding, until ctx ends, that a file system will soon be full: once a week, and once more when it is urgent.
func (d *daemon) watchForecasts(ctx context.Context) error {
	tick := time.NewTicker(forecastEvery)
	defer tick.Stop()
	for {
		if err := d.forecastDisks(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.Error("looking when disks will be full failed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// forecastDisks stores the findings of disks that will soon be full, but for those that are stored.
func (d *daemon) forecastDisks(ctx context.Context, now time.Time) error {
	list, err := forecast.Disks(ctx, d.store, access.All(), d.setup.schema, "", now)
	if err != nil {
		return err
	}
	c := &event.Commit{Batch: &event.Batch{}}
	for i := range list {
		f, ok := diskFinding(&list[i], now)
		if !ok {
			continue
		}
		stored, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: f.ID, Limit: 1})
		if err != nil {
			return err
		}
		if len(stored) == 0 {
			c.Findings = append(c.Findings, f)
		}
	}
	if len(c.Findings) == 0 {
		return nil
	}
	_, err = d.announcer.Commit(ctx, c)
	return err
}

func diskFinding(x *forecast.Disk, now time.Time) (event.Finding, bool) {
	left := x.Full.Sub(now)
	if x.Full.IsZero() || left >= forecast.Soon {
		return event.Finding{}, false
	}
	severity := "medium"
	if left < forecast.Urgent {
		severity = "high"
	}
	year, week := now.UTC().ISOWeek()
	return event.Finding{
		ID:   fmt.Sprintf("disk-forecast-%016x-%d-W%02d-%s", xxhash.Sum64String(x.Host+"\x00"+x.Mount), year, week, severity),
		Rule: "veritail.forecast", Severity: severity, Audience: []string{"operator", "dba"},
		Title:      fmt.Sprintf("%s of %s will be full %s", x.Mount, x.Host, x.Full.Format("on 2 January")),
		Message:    fmt.Sprintf("%s are free and %s a day go to it, as its samples of %s tell: %s are left.", size(x.Free), size(int64(x.PerDay)), span(x.Known), span(max(left, 0))),
		References: ownRunbook, Runbook: "What grows there? Free space, keep less of it, or give the file system more room before that day.",
		Group: []event.GroupValue{{Field: "host.name", Value: x.Host}, {Field: "system.filesystem.mount_point", Value: x.Mount}},
		Count: 1, Time: now.UnixMicro(), First: now.UnixMicro(), Last: now.UnixMicro(),
	}, true
}
