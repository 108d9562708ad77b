package rules

import (
	"context"
	"math"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Turn is an engine that judged before a restart, as it would be made anew.
type Turn struct {
	Engine *Engine
	Until  int64 // the time (µs) before which it had judged every event of the commits when another took over
}

// Resume is Seed after turns of engines with other rules, the last of which ended when the daemon did or when this engine took over:
// the first is seeded, and each takes over from the one before it, as it did or would have done while the daemon ran. It returns
// what the last one changed. judged is the stored mark of Progress; without one nothing is known of before, and without
// turns it is Seed. The engines of the turns must not be used afterwards.
func (e *Engine) Resume(ctx context.Context, h History, turns []Turn, judged int64, now time.Time) (Reload, error) {
	if len(turns) == 0 || judged == 0 {
		return Reload{}, e.Seed(ctx, h, judged, now)
	}
	before := turns[0].Engine
	if err := before.Seed(ctx, h, min(turns[0].Until, judged), now); err != nil {
		return Reload{}, err
	}
	before.reached = before.noted
	for _, t := range turns[1:] {
		if _, err := t.Engine.TakeOver(ctx, before, h, now); err != nil {
			return Reload{}, err
		}
		t.Engine.passOver(min(t.Until, judged))
		before = t.Engine
	}
	report, err := e.TakeOver(ctx, before, h, now)
	if err != nil {
		return Reload{}, err
	}
	e.passOver(judged)
	e.reached = math.MinInt64 // as after Seed
	return report, nil
}

// passOver judges what waits of before the time t, which was judged before a restart, and says nothing of it.
func (e *Engine) passOver(t int64) {
	e.begin(&event.Commit{Batch: &event.Batch{}})
	e.advance(t)
	e.noted = t
}
