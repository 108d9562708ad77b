package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage"
)

// An announcer is the store. Once a commit is durable it prints its findings and tells followers of its events.
type announcer struct {
	storage.Store
	followers *followers      // may be nil
	issues    *issuelog.Taker // may be nil
	out       io.Writer
	console   string
	path      string // of the embedded store
	halt      halt
}

// Commit implements pipeline.Store. It says when the store stops taking events, and when it takes them again.
func (a *announcer) Commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	refused, err := a.Store.Commit(ctx, c)
	if c.Batch != nil && len(c.To) > 0 && ctx.Err() == nil { // from the runner
		a.tellHalt(ctx, err, time.Now())
	}
	if err != nil || len(refused) > 0 {
		if a.issues != nil && len(c.Findings) > 0 {
			a.issues.Missed() // they may be stored all the same
		}
		return refused, err
	}
	if a.followers != nil {
		a.followers.tell(c)
	}
	a.found(c.Findings)
	return nil, nil
}

// found tells of findings that are durable.
func (a *announcer) found(findings []event.Finding) {
	a.print(findings)
	if a.issues != nil {
		a.issues.Offer(findings)
	}
}

// print writes findings that are durable for who looks at the daemon.
func (a *announcer) print(findings []event.Finding) {
	p := palette(a.out)
	for i := range findings {
		f := &findings[i]
		fmt.Fprintf(a.out, "  %s  %-8s  %s%s  %s\n", time.UnixMicro(f.Time).UTC().Format("15:04:05"), f.Severity,
			p.bold(f.Title), siteNote(f.Site), p.blue("http://"+a.console+"/findings/"+f.ID))
	}
}

// haltNotice is how long a store takes nothing before that is a finding, where it is not a full disk.
const haltNotice = time.Minute

// A halt is how it stands with a store that takes no events. It belongs to the runner's goroutine.
type halt struct {
	since time.Time // zero while the store takes them
	why   error
	told  bool
}

// tellHalt takes up the outcome of a commit of events: what changes is in the log, and a full disk, or what lasts, is a
// finding. One that cannot be stored while it lasts is stored when it is over.
func (a *announcer) tellHalt(ctx context.Context, err error, now time.Time) {
	h := &a.halt
	switch {
	case err != nil && h.since.IsZero():
		h.since = now
		slog.Error("the store takes no events; the files wait", "error", err)
	case err == nil && h.since.IsZero():
		return
	}
	if err != nil {
		h.why = err
	}
	if !h.told && (errors.Is(h.why, storage.ErrFull) || now.Sub(h.since) >= haltNotice) {
		c := &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{a.haltFinding(now)}}
		if _, err := a.Store.Commit(ctx, c); err != nil {
			slog.Debug("a finding that cannot be stored yet", "error", err)
		} else {
			h.told = true
			a.found(c.Findings)
		}
	}
	if err == nil {
		slog.Info("the store takes events again", "after", now.Sub(h.since).Round(time.Millisecond))
		*h = halt{}
	}
}

func (a *announcer) haltFinding(now time.Time) event.Finding {
	f := event.Finding{
		ID: "store-halt-" + a.halt.since.UTC().Format("20060102T150405.000"), Rule: "veritail.store", Severity: "high", Audience: []string{"operator", "security"},
		Title:      "The store takes no events",
		Message:    fmt.Sprintf("Since %s: %v. Nothing is lost: the log files wait.", a.halt.since.UTC().Format(time.DateTime), a.halt.why),
		References: ownRunbook, Runbook: "veritail status says how it stands. Reading goes on by itself once the store takes events. What rotation deletes unread meanwhile is lost.",
		Count: 1, Time: a.halt.since.UnixMicro(), First: a.halt.since.UnixMicro(), Last: now.UnixMicro(),
	}
	if errors.Is(a.halt.why, storage.ErrFull) {
		f.Title = "The disk of the store is full: reading stands still"
		f.Runbook = "Free space on the file system of " + a.path + ": other files first, then retention.disk or retention.events in the configuration. " +
			"Reading goes on by itself within seconds. What rotation deletes unread meanwhile is lost: let it keep more."
	}
	return f
}

func siteNote(site string) string {
	if site == "" {
		return ""
	}
	return " (" + site + ")"
}
