package rules

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// History gives the engine the events of a store again.
type History interface {
	// Scan calls f with pages of the events that match, in ascending order of time; a page is valid until f returns.
	Scan(context.Context, query.Expr, query.Interval, func(*event.Page) error) error
}

// maxSeed bounds how far back Seed reads all that rules are about, before the time up to which they had judged. Of what is older it
// reads what rules are about that remember longer.
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
	all := make([]seeding, len(e.rules))
	for i, r := range e.rules {
		all[i] = seeding{rule: r, back: r.memory()}
	}
	if err := e.fill(ctx, h, all, judged, now); err != nil {
		return err
	}
	e.reached = math.MinInt64 // what was read but not stored may be older than what was
	return nil
}

// A seeding is a rule whose windows are filled.
type seeding struct {
	rule   *compiled
	back   time.Duration // from so long ago
	events int64         // so many it was about
}

// fill fills the windows of rules, which are all that the engine judges, from the stored events of before judged. What is stored
// of later waits to be judged.
func (e *Engine) fill(ctx context.Context, h History, of []seeding, judged int64, now time.Time) error {
	back := time.Duration(0)
	var all, long []*compiled
	number := make(map[*compiled]int, len(of))
	for i, s := range of {
		all, back, number[s.rule] = append(all, s.rule), max(back, s.back), i
		if s.back > maxSeed && s.rule.judge != nil {
			long = append(long, s.rule)
		}
	}
	// By a clock that was ahead all of before a time to come was judged, but there was nothing of after the newest event.
	past := min(judged, now.UnixMicro())
	if e.newest != 0 {
		past = min(past, e.newest)
	}
	since := past - min(back, maxSeed).Microseconds()
	dropped := &event.Commit{Batch: &event.Batch{}}
	e.filling = true
	defer func() { e.filling = false }()
	read := func(about []*compiled, during query.Interval) error {
		err := h.Scan(ctx, e.interesting(about), during, func(p *event.Page) error {
			e.begin(dropped)
			e.page(p, now)
			for _, m := range e.matched {
				of[number[m.rule]].events += count(m.rows)
			}
			e.advance(min(p.Time(p.N-1), judged))
			e.endMatches()
			*dropped = event.Commit{Batch: &event.Batch{}}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill the windows of the rules from the %v before %s: %w", back, time.UnixMicro(judged).UTC().Format(time.DateTime), err)
		}
		return nil
	}
	if len(long) > 0 {
		if err := read(long, query.Interval{From: max(past-back.Microseconds(), 1), To: max(since, 1)}); err != nil {
			return err
		}
	}
	if err := read(all, query.Interval{From: max(since, 1)}); err != nil {
		return err
	}
	e.begin(dropped)
	e.advance(judged)
	e.again = false
	return nil
}

func count(rows *event.Bits) (n int64) {
	for _, word := range rows {
		n += int64(bits.OnesCount64(word))
	}
	return n
}

// Fired is a group of a threshold rule that has met its threshold lately: what the events of the last minutes do not tell.
type Fired struct {
	Rule  string `json:"rule"`
	Key   []byte `json:"key"`   // the site and the group
	Armed int64  `json:"armed"` // since the event of this time (µs) they count again; 0 while they do not
	Last  int64  `json:"last"`  // the time of the group's last event, µs
}

// Fired returns the groups that a new engine has to know of, besides what Seed reads for it.
func (e *Engine) Fired() []Fired {
	var list []Fired
	for _, r := range e.rules {
		if r.Threshold == nil {
			continue
		}
		since := e.reached - r.memory().Microseconds() - r.windows.keep
		r.windows.each(func(key string, w *window) {
			switch {
			case w.last < since:
			case w.fired:
				list = append(list, Fired{r.ID, []byte(key), 0, w.last})
			case w.armed != 0:
				list = append(list, Fired{r.ID, []byte(key), w.armed, w.last})
			}
		})
	}
	return list
}

// Newest returns the time (µs) of the newest event that was judged, 0 if none was.
func (e *Engine) Newest() int64 { return e.newest }

// Refire tells a new engine, before Seed, what Fired and Newest returned of another.
func (e *Engine) Refire(list []Fired, newest int64) {
	e.again, e.newest = true, newest
	for _, f := range list {
		for _, r := range e.rules {
			if r.ID == f.Rule && r.Threshold != nil {
				w, _ := r.windows.at(f.Key, f.Last)
				w.armed, w.last, w.fired, w.skip = f.Armed, f.Last, f.Armed == 0, true
			}
		}
	}
}

// memory is how far back an event can matter to the rule.
func (c *compiled) memory() time.Duration {
	back := time.Duration(c.Rearm)
	switch {
	case c.judge != nil:
		back = c.judge.memory()
	case c.Threshold != nil:
		back += time.Duration(c.Threshold.Within)
	}
	told := time.Duration(0) // how long before an event another may have told of it
	for i := range c.Repeat {
		told = max(told, time.Duration(c.Repeat[i].Within))
	}
	for i := range c.Once { // which tells of which depends on those before, and those before these
		told = max(told, 4*time.Duration(c.Once[i].Within))
	}
	return back + told
}
