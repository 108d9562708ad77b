package rules

import (
	"context"
	"fmt"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Gather judges events that many others have stored, instead of a commit's own: those that h gives. c.To has a mark for
// each of these others that has stored something since the last call, of a generation that stands for it: no event that it
// stores from now on lies before Low. What was found is added to c.
//
// It returns the time before which every event so far has been judged; those that come later are judged when they come. A
// new engine goes on from there, if Refire is given what Fired says, and Seed what was gathered so far and that time.
// After an error the engine has seen a part of the events and must not be used any more.
func (e *Engine) Gather(ctx context.Context, h History, c *event.Commit) (judged int64, err error) {
	now := e.cfg.Now()
	e.begin(c)
	e.reached = max(e.reached, e.noted) // after Seed; what comes later of before that time would be judged by no other
	for _, m := range c.To {
		e.move(m, now)
	}
	until := max(e.watermark(now), e.reached)
	err = h.Scan(ctx, e.interesting(e.rules), query.Interval{}, func(p *event.Page) error {
		e.page(p, now)
		e.advance(min(p.Time(p.N-1), until)) // they come by time, and need not all be held
		e.endMatches()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read the events of other hosts: %w", err)
	}
	e.advance(until)
	return e.reached, nil
}
