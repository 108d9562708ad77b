package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/embedded"
)

// keepEvery is how often the daemon looks what is to be sealed and what is kept no longer; of findings and figures it
// does so every hour. What goes for want of disk is announced keepNotice before.
const (
	keepEvery  = time.Minute
	keepNotice = 10 * time.Minute
)

// A keptReport is how the store stands.
type keptReport struct {
	At     time.Time      `json:"at"` // when it was looked at
	Events int64          `json:"events"`
	Bytes  int64          `json:"bytes"`
	Limit  int64          `json:"limit,omitempty"` // bytes that it may take
	Coming []storage.Drop `json:"dropped_next,omitempty"`
	Error  string         `json:"error,omitempty"` // why it could not be looked after
}

// keep seals the days that have ended and drops what is kept no longer, until ctx ends.
func (d *daemon) keep(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var hourly time.Time
	for {
		now := time.Now()
		p := storage.Policy{Events: time.Duration(d.cfg.Retention.Events), Notice: keepNotice, Now: now}
		if now.Sub(hourly) >= time.Hour {
			hourly = now
			p.Findings, p.Rollups = time.Duration(d.cfg.Retention.Findings), time.Duration(d.cfg.Retention.Rollups)
		}
		k, err := d.keepOnce(ctx, p)
		k.At = now
		if err != nil && ctx.Err() == nil {
			slog.Error("looking after the store failed", "error", err)
			k.Error = err.Error()
		}
		d.kept.Store(&k)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d *daemon) keepOnce(ctx context.Context, p storage.Policy) (k keptReport, err error) {
	if old := d.kept.Load(); old != nil {
		k = *old
		k.Error = ""
	}
	if k.Limit, err = diskLimit(d.cfg); err != nil {
		return k, err
	}
	sealing := d.seal(ctx, p.Now)
	p.Disk = k.Limit
	r, err := d.store.Expire(ctx, p) // it may make the room that sealing wants
	if err != nil {
		return k, errors.Join(sealing, err)
	}
	k.Events, k.Bytes, k.Coming = r.Events, r.Bytes, r.Coming
	for _, what := range r.Dropped {
		slog.Info("retention", "dropped", what)
	}
	return k, errors.Join(sealing, d.recordDropped(ctx, r.Dropped, k, p.Now), d.announce(ctx, r.Announced, k), d.announceRefused(ctx, p.Now), d.announceClock(ctx, p.Now))
}

// seal seals the days that have ended, in a store that has such.
func (d *daemon) seal(ctx context.Context, now time.Time) error {
	here, ok := d.store.(*embedded.Store)
	after := time.Duration(d.cfg.Store.SealAfter)
	if !ok || after <= 0 {
		return nil
	}
	days, err := here.Seal(ctx, embedded.SealPolicy{Quiet: after, Now: now})
	for _, day := range days {
		slog.Info("sealed", "day", day.Day, "events", day.Events, "bytes", day.Bytes)
	}
	return err
}

// announceRefused makes it a finding, once a day, that the store has been refused more lines.
func (d *daemon) announceRefused(ctx context.Context, now time.Time) error {
	if d.runner == nil { // nothing is read, so nothing is refused
		return nil
	}
	lines := d.runner.Totals().Quarantined
	before := d.refused
	d.refused = lines
	if lines <= before {
		return nil
	}
	at := now.UnixMicro()
	f := event.Finding{
		ID: "store-refused-" + now.UTC().Format(time.DateOnly), Rule: "veritail.refused", Severity: "high", Audience: []string{"operator", "security"},
		Title:      "Elasticsearch refused events",
		Message:    fmt.Sprintf("So many lines are kept apart, and no search finds them: %s. Nothing is lost.", n(lines)),
		References: ownRunbook, Runbook: "The index of the quarantine and the file in the state directory have each document with the reason. Mend the cause, " +
			"a mapping mostly, then run: veritail redrive.",
		Count: lines, Time: at, First: at, Last: at,
	}
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}}); err != nil {
		return fmt.Errorf("announce what was refused: %w", err)
	}
	return nil
}

// maxSkew is how far the clocks of this host and of the cluster may be apart.
const maxSkew = time.Minute

// announceClock makes it a finding, once a day, that the clocks of this host and of the cluster are far apart.
func (d *daemon) announceClock(ctx context.Context, now time.Time) error {
	st, ok := d.store.(*elastic.Store)
	if !ok {
		return nil
	}
	skew, err := st.Skew(ctx)
	if err != nil || skew.Abs() <= maxSkew {
		return err
	}
	f := clockFinding(skew, now)
	if f.ID == d.clockTold {
		return nil
	}
	slog.Warn(f.Title, "cluster ahead by", skew.Round(time.Second))
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}}); err != nil {
		return fmt.Errorf("announce that clocks differ: %w", err)
	}
	d.clockTold = f.ID
	return nil
}

func clockFinding(skew time.Duration, now time.Time) event.Finding {
	at, how := now.UnixMicro(), "behind"
	if skew < 0 {
		how = "ahead of"
	}
	return event.Finding{
		ID: "store-clock-" + now.UTC().Format(time.DateOnly), Rule: "veritail.clock", Severity: "medium", Audience: []string{"operator", "security"},
		Title: "The clocks of this host and of Elasticsearch differ",
		Message: fmt.Sprintf("This host's clock is %s %s the cluster's. Nothing is lost, but stamps without a year or zone, retention and what is "+
			"compared between hosts go by the host's clock.", skew.Abs().Round(time.Second), how),
		References: ownRunbook, Runbook: "Look which one is wrong (timedatectl, chronyc tracking) and let both follow a time server.",
		Count: 1, Time: at, First: at, Last: at,
	}
}

// diskLimit is what the embedded store may take on disk, 0 for no bound.
func diskLimit(cfg *configs.Daemon) (int64, error) {
	if cfg.Store.Kind == configs.OnElasticsearch {
		return 0, nil
	}
	limit := int64(cfg.Retention.Disk)
	if cfg.Retention.DiskShare > 0 {
		size, err := embedded.DiskSize(cfg.Store.Path)
		if err != nil {
			return 0, err
		}
		if share := size / 100 * int64(cfg.Retention.DiskShare); limit == 0 || share < limit {
			limit = share
		}
	}
	return limit, nil
}

// announce says which days will be dropped. That one goes by its age is in the log: it is what the configuration
// promises. That one goes before its time is a finding.
func (d *daemon) announce(ctx context.Context, drops []storage.Drop, k keptReport) error {
	var findings []event.Finding
	for _, drop := range drops {
		slog.Warn("retention", "will be dropped", drop.Day, "events", drop.Events, "why", dropReason(drop, k))
		if drop.Why == "disk" {
			findings = append(findings, dropFinding(drop, k, time.Now()))
		}
	}
	if len(findings) == 0 {
		return nil
	}
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: findings}); err != nil {
		return fmt.Errorf("announce what will be dropped: %w", err)
	}
	return nil
}

func dropReason(drop storage.Drop, k keptReport) string {
	if drop.Why == "disk" {
		return fmt.Sprintf("the store takes %s of %s", size(k.Bytes), size(k.Limit))
	}
	return "older than retention.events at " + drop.At.UTC().Format(time.RFC3339)
}

func dropFinding(drop storage.Drop, k keptReport, now time.Time) event.Finding {
	at := now.UnixMicro()
	return event.Finding{
		ID: "retention-disk-" + drop.Day, Rule: "veritail.retention", Severity: "medium", Audience: []string{"operator", "security"},
		Title: "The events of " + drop.Day + " will be dropped for want of disk",
		Message: fmt.Sprintf("%s events of %s go before their time, since %s. Nothing has been dropped yet.", n(drop.Events), drop.Day,
			dropReason(drop, k)),
		References: ownRunbook, Runbook: "Give the store more room (retention.disk and retention.disk_share in the configuration), or keep the day: " +
			"veritail archive -from " + drop.Day + " -to " + drop.Day + " DIRECTORY.",
		Count: drop.Events, Time: at, First: at, Last: at,
	}
}

// size writes bytes in the unit that suits them.
func size(bytes int64) string { return configs.Size(bytes).Rounded() }
