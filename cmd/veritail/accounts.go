package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
)

// accountsEvery is how often the accounts of the sources are looked at.
const accountsEvery = 10 * time.Second

// watchAccounts makes it a finding, until ctx ends, that the account of a source does not add up, and that rotation destroyed
// something unread.
func (d *daemon) watchAccounts(ctx context.Context) error {
	tick := time.NewTicker(accountsEvery)
	defer tick.Stop()
	told := map[string]pipeline.SourceStatus{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		all := d.runner.Status()
		findings := accountFindings(all, told, time.Now())
		if len(findings) == 0 {
			continue
		}
		if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: findings}); err != nil {
			if ctx.Err() == nil {
				slog.Error("findings about accounts could not be stored", "error", err)
			}
			continue
		}
		for _, s := range all {
			told[s.Path] = s
		}
	}
}

// accountFindings returns what is new in the accounts since told.
func accountFindings(now []pipeline.SourceStatus, told map[string]pipeline.SourceStatus, at time.Time) (findings []event.Finding) {
	for _, s := range now {
		before := told[s.Path]
		f := event.Finding{
			Audience: []string{"operator", "security"}, References: ownRunbook, Site: s.Site, Count: 1,
			Time: at.UnixMicro(), First: at.UnixMicro(), Last: at.UnixMicro(),
		}
		if s.Breach != "" && before.Breach == "" {
			f.ID, f.Rule, f.Severity = fmt.Sprintf("account-breach-%s-%s", s.Gen, at.UTC().Format("20060102T150405")), "veritail.accounting", "critical"
			f.Title = "The account of a log does not add up"
			f.Message = fmt.Sprintf("%s: %s.", s.Path, s.Breach)
			f.Runbook = "This is a defect of Veritail, or of the memory of this machine. veritail repair -check compares the store with what was read; veritail scan of the file counts its lines anew."
			findings = append(findings, f)
		}
		if lost := s.LostBytes - before.LostBytes; lost > 0 {
			f.ID, f.Rule, f.Severity = fmt.Sprintf("destroyed-%s-%s", s.Gen, at.UTC().Format("20060102T150405")), "veritail.destroyed", "high"
			f.Title, f.Count = "Rotation destroyed lines before they were read", lost
			f.Message = fmt.Sprintf("%s bytes of %s were gone before they could be read, and no rotated file has them.", n(lost), s.Path)
			f.Runbook = "Rotate by renaming: in logrotate create in place of copytruncate, which loses what is written between the copy and the truncation, with any reader. " +
				"Where reading was behind, veritail status says by how much: keep more rotated files."
			findings = append(findings, f)
		}
	}
	return findings
}
