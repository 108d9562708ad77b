package rules

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// History gives the engine the events of a store again.
type History interface {
	// Scan calls f with pages of the events that match, in ascending order of time; a page is valid until f returns.
	Scan(context.Context, query.Expr, query.Interval, func(*event.Page) error) error
}

// maxSeed bounds how far back Seed reads before the time up to which the rules had judged.
const maxSeed = 24 * time.Hour

// Progress is the generation under which a commit says how far the rules have judged: the offset of its mark is the
// time (µs) before which every event of the commits so far has been counted. It is no file; its mark is stored and
// found again like that of one, so that a restart counts exactly what was stored and not yet judged.
const Progress event.GenID = 0x72756c6573 // "rules"

// note adds to a commit that is written anyway how far the rules have come with it.
func (e *Engine) note(c *event.Commit) {
	if e.cfg.Idle == 0 || e.reached <= e.noted || len(c.To)+len(c.Findings)+len(c.Rollups) == 0 {
		return
	}
	c.From = append(c.From, event.Mark{Gen: Progress, Off: e.noted})
	c.To = append(c.To, event.Mark{Gen: Progress, Off: e.reached, Low: math.MaxInt64})
	e.noted = e.reached
}

// Seed takes up a store's events after a restart: it fills the windows of the rules, so that half a brute force is not
// forgotten, and judges again nothing that was judged before. judged is the offset of the stored mark of Progress, 0
// if there is none; stored events from that time on are judged with the first commit.
func (e *Engine) Seed(ctx context.Context, h History, judged int64, now time.Time) error {
	e.noted = judged
	if judged == 0 {
		judged = now.UnixMicro()
	}
	back, where := time.Duration(0), query.Or{}
	for _, r := range e.rules {
		back = max(back, r.memory())
		where = append(where, e.cond.exprs[r.when])
	}
	during := query.Interval{From: max(judged-min(back, maxSeed).Microseconds(), 1)}
	dropped := &event.Commit{Batch: &event.Batch{}}
	err := h.Scan(ctx, where, during, func(p *event.Page) error {
		e.begin(dropped)
		e.page(p, now)
		e.advance(min(p.Time(p.N-1), judged))
		e.endMatches()
		*dropped = event.Commit{Batch: &event.Batch{}}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill the windows of the rules from the %v before the last stop: %w", back, err)
	}
	e.begin(dropped)
	e.advance(judged)
	e.reached = math.MinInt64 // what was read but not stored may be older than what was
	return nil
}

// memory is how far back an event can matter to the rule.
func (c *compiled) memory() time.Duration {
	back := time.Duration(c.Rearm)
	if c.Threshold != nil {
		back += time.Duration(c.Threshold.Within)
	}
	for i := range c.Repeat {
		back = max(back, time.Duration(c.Repeat[i].Within))
	}
	for i := range c.Once {
		back = max(back, time.Duration(c.Once[i].Within))
	}
	return back
}
