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

// maxSeed bounds how far back Seed reads.
const maxSeed = 24 * time.Hour

// Seed fills the windows of the rules from stored events, so that a restart does not forget half a brute force. What
// the events of the past made was stored with them: nothing of it is counted or raised again.
func (e *Engine) Seed(ctx context.Context, h History, now time.Time) error {
	back, where := time.Duration(0), query.Or{}
	for _, r := range e.rules {
		keeps := time.Duration(r.Rearm)
		if r.Threshold != nil {
			keeps += time.Duration(r.Threshold.Within)
		}
		if keeps > 0 {
			back, where = max(back, keeps), append(where, e.cond.exprs[r.when])
		}
	}
	during := query.Since(now, min(back, maxSeed))
	err := h.Scan(ctx, where, during, func(p *event.Page) error {
		c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}}}
		e.begin(c)
		e.page(p, now)
		e.advance(p.Time(p.N - 1))
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill the windows of the rules from the last %v: %w", back, err)
	}
	e.Flush(&event.Commit{Batch: &event.Batch{}})
	e.reached = math.MinInt64 // what was read but not stored may be older than what was
	return nil
}
