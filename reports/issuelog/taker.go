// Package issuelog connects the site's issue log with what Veritail finds: it takes findings up as issues, says how the
// log develops, and writes and reads it as a table, which other tools and spreadsheets have.
//
// The log itself is kept by storage/state. Nothing here stands in the way of a line: findings are taken up once they
// are stored, and what was stored and not taken before a crash is looked up in the store.
package issuelog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// How findings belong together in issues, as rules say it.
const (
	ByGroup = "group" // those of a rule and group are one issue
	ByRule  = "rule"  // all of a rule are
	None    = "none"  // the rule opens none
)

// maxWaiting bounds the findings that wait to be taken. Beyond it they are looked up in the store.
const maxWaiting = 10_000

// lookBack is how long before the last taking a start looks for findings that were not taken: what is found now may
// be about events of before.
const lookBack = 24 * time.Hour

// retryAfter is how long it waits after the log could not be written.
const retryAfter = 5 * time.Second

// A Taker takes findings up as issues.
type Taker struct {
	DB    *state.DB
	From  string                   // the least severity: "critical", "high", "medium", "low"; another: none is taken
	Joins func(rule string) string // ByGroup, ByRule or None; called from one goroutine
	Store storage.Results          // where findings are that were not offered; nil: nowhere, as where other daemons store theirs too
	Now   func() time.Time

	mu      sync.Mutex
	waiting []event.Finding
	missed  bool // some could not wait
	wake    chan struct{}
}

// NewTaker returns a taker that has to be run. Its fields may be changed until then.
func NewTaker(db *state.DB, from string, joins func(string) string, store storage.Results) *Taker {
	return &Taker{DB: db, From: from, Joins: joins, Store: store, Now: time.Now, wake: make(chan struct{}, 1)}
}

// Offer tells of findings that are stored. It never waits and may be called from any goroutine.
func (t *Taker) Offer(findings []event.Finding) {
	if len(findings) == 0 || rank(t.From) == 0 {
		return
	}
	t.mu.Lock()
	room := min(len(findings), maxWaiting-len(t.waiting))
	t.waiting, t.missed = append(t.waiting, findings[:room]...), t.missed || room < len(findings)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Missed has it look in the store for findings that were not offered, before it takes the next that are.
func (t *Taker) Missed() {
	t.mu.Lock()
	t.missed = true
	t.mu.Unlock()
}

// Run takes findings until ctx ends: at first those that were stored since the last run took some, then what is offered.
func (t *Taker) Run(ctx context.Context) error {
	if rank(t.From) == 0 {
		return nil
	}
	t.Missed()
	told := false
	for {
		err := t.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			told = false
		default:
			if !told {
				slog.Error("findings open no issues now; it is tried again", "error", err)
			}
			told = true
		}
		var again <-chan time.Time
		if err != nil {
			again = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
		case <-again:
		}
	}
}

// round takes what waits. What it could not take waits on.
func (t *Taker) round(ctx context.Context) error {
	t.mu.Lock()
	list, missed := t.waiting, t.missed
	t.waiting, t.missed = nil, false
	t.mu.Unlock()
	now := t.Now()
	err := func() error {
		if missed && t.Store != nil {
			found, err := t.untaken(ctx, now)
			if err != nil {
				return err
			}
			_, err = t.DB.Take(ctx, t.occurrences(found), now)
			if err != nil {
				return err
			}
		}
		_, err := t.DB.Take(ctx, t.occurrences(list), now)
		return err
	}()
	if err != nil {
		t.mu.Lock()
		room := max(maxWaiting-len(t.waiting), 0)
		t.waiting = append(list[:min(room, len(list))], t.waiting...)
		t.missed = t.missed || missed || room < len(list)
		t.mu.Unlock()
	}
	return err
}

// untaken returns the findings since the last taking, oldest first, with many that were taken.
func (t *Taker) untaken(ctx context.Context, now time.Time) ([]event.Finding, error) {
	until, err := t.DB.TakenUntil(ctx)
	if err != nil {
		return nil, err
	}
	if until.IsZero() {
		until = now
	}
	const page = 500
	var out []event.Finding
	q := storage.FindingQuery{During: query.Interval{From: until.Add(-lookBack).UnixMicro()}, Limit: page}
	for {
		got, err := t.Store.Findings(ctx, access.All(), q)
		if err != nil {
			return nil, fmt.Errorf("look for findings that opened no issue: %w", err)
		}
		out = append(out, got...)
		if len(got) < page {
			slices.Reverse(out)
			return out, nil
		}
		q.Before = got[len(got)-1].ID
	}
}

// rank orders severities; 0 is none of them.
func rank(severity string) int {
	return slices.Index([]string{"low", "medium", "high", "critical"}, severity) + 1
}

// occurrences returns those of the findings that are to be in the log.
func (t *Taker) occurrences(list []event.Finding) []state.Occurrence {
	var out []state.Occurrence
	for i := range list {
		if f := &list[i]; rank(f.Severity) >= rank(t.From) {
			if joins := t.Joins(f.Rule); joins != None {
				out = append(out, OccurrenceOf(f, joins))
			}
		}
	}
	return out
}

// maxTitle bounds titles, which hold what attackers write, in bytes.
const maxTitle = 300

// OccurrenceOf returns a finding as the issue log takes it up.
func OccurrenceOf(f *event.Finding, joins string) state.Occurrence {
	category, _, _ := strings.Cut(f.Rule, ".")
	o := state.Occurrence{
		Finding: f.ID, At: time.UnixMicro(f.Time), Title: cut(f.Title), Message: cut(f.Message),
		Fingerprint: fingerprint(f, joins), Priority: priority(f), Category: category, Site: f.Site, Rule: f.Rule,
	}
	if o.Title == "" {
		o.Title = f.Rule
	}
	return o
}

// fingerprint is the same for findings of one issue. It is a digest, because groups may be long.
func fingerprint(f *event.Finding, joins string) string {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	put(f.Site)
	put(f.Rule)
	if joins != ByRule {
		for _, g := range f.Group {
			put(g.Field)
			put(g.Value)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func priority(f *event.Finding) state.Priority {
	p := f.Priority
	if p == "" {
		p = f.Severity
	}
	switch p {
	case "critical", "high":
		return state.High
	case "medium":
		return state.Medium
	}
	return state.Low
}

// cut shortens a text at a rune.
func cut(s string) string {
	if len(s) <= maxTitle {
		return s
	}
	return strings.ToValidUTF8(s[:maxTitle], "") + "…"
}
