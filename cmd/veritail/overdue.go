package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/checks"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// checksEvery is how often the daemon looks which checks are overdue. It does so first that long after its start, when
// what came meanwhile has mostly been read.
const checksEvery = 10 * time.Minute

// watchChecks makes it a finding, until ctx ends, that a check is overdue.
func (d *daemon) watchChecks(ctx context.Context) error {
	tick := time.NewTicker(checksEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := d.tellOverdue(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
			slog.Error("looking after the checks failed", "error", err)
		}
	}
}

// tellOverdue commits a finding for each check that is overdue, unless the store has it.
func (d *daemon) tellOverdue(ctx context.Context, now time.Time) error {
	list, err := d.standings(ctx, "", now)
	if err != nil {
		return err
	}
	c := &event.Commit{Batch: &event.Batch{}}
	for i := range list {
		if list[i].State != checks.Overdue {
			continue
		}
		f := overdueFinding(&list[i], now)
		known, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: f.ID, Limit: 1})
		if err != nil {
			return fmt.Errorf("look whether a check was told to be overdue: %w", err)
		}
		if len(known) == 0 {
			c.Findings = append(c.Findings, f)
		}
	}
	if len(c.Findings) == 0 {
		return nil
	}
	_, err = d.announcer.Commit(ctx, c)
	return err
}

// overdueFinding tells of a check that is overdue: once for each period that passes.
func overdueFinding(s *checks.Standing, now time.Time) event.Finding {
	missed := s.Until
	if n := now.Sub(s.Until) / s.Length(); n > 0 {
		missed = missed.Add(n * s.Length())
	}
	why := s.Evidence
	if s.Signed != nil && why == "" {
		why = fmt.Sprintf("last signed off by %s on %s", s.Signed.Who, s.Signed.At.Format("2 Jan 2006"))
	}
	return event.Finding{
		ID: "check-" + s.ID + "-" + missed.UTC().Format("20060102T150405"), Rule: "veritail.check", Severity: "medium",
		Audience: []string{strings.ToLower(s.Role)}, Title: "Overdue: " + s.Title,
		Message:    fmt.Sprintf("%s is due each %s. It was to be done by %s; %s.", s.Title, s.Period, s.Until.UTC().Format(time.DateTime+" UTC"), why),
		References: ownRunbook, Runbook: "Do it. Where the logs tell of it, the check is done by itself; else veritail checklist sign " + s.ID + " says who did it.",
		Count: 1, Time: now.UnixMicro(), First: s.Until.UnixMicro(), Last: now.UnixMicro(),
	}
}
