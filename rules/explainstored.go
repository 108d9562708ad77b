package rules

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// ExplainStored says what rules make of the event of a store that id names, whose time is at (µs). It is judged again, among the events before
// it that the rules remember, and those after it that may count with it. Of rules that it is nothing for the history is not read. The
// result is nil if the store gives no such event.
func ExplainStored(ctx context.Context, list []Rule, schema *event.Schema, h History, id query.ID, at int64, now time.Time) (*Explanation, error) {
	is := func(gen event.GenID, off int64) bool { return gen == id.Gen && off == id.Off }
	alone, err := explainer(list, schema, now, is)
	if err != nil {
		return nil, err
	}
	if err := alone.read(ctx, h, query.And{}, query.Interval{From: at, To: at + 1}); err != nil {
		return nil, err
	}
	all := alone.watch.End()
	if len(all) == 0 {
		return nil, nil
	}
	out := all[0]
	var about []Rule
	for _, v := range out.Rules {
		if v.Outcome != Unmatched {
			about = append(about, list[slices.IndexFunc(list, func(r Rule) bool { return r.ID == v.Rule })])
		}
	}
	if len(about) == 0 {
		return &out, nil
	}
	e, err := explainer(about, schema, now, is)
	if err != nil {
		return nil, err
	}
	if err := e.history(ctx, h, at, now); err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(out.Rules, func(v Verdict) bool { return v.Outcome != Unmatched })
	if all = e.watch.End(); len(all) == 0 {
		return nil, nil // it was dropped meanwhile
	}
	out.Rules = append(all[0].Rules, rest...)
	return &out, nil
}

func explainer(list []Rule, schema *event.Schema, now time.Time, which func(event.GenID, int64) bool) (*Engine, error) {
	e, err := New(list, Config{Schema: schema, Tally: true, Now: func() time.Time { return now }})
	if err == nil {
		e.Explain(which)
	}
	return e, err
}

// history judges what the rules remember before a time and what may count with an event of that time.
func (e *Engine) history(ctx context.Context, h History, at int64, now time.Time) error {
	var long []*compiled
	back, ahead := time.Duration(0), time.Duration(0)
	for _, r := range e.rules {
		if back = max(back, 2*r.memory()); r.memory() > maxSeed {
			long = append(long, r)
		}
		ahead = max(ahead, r.ahead())
	}
	since := max(at-min(back, maxSeed).Microseconds(), 1)
	if len(long) > 0 {
		err := e.read(ctx, h, e.interesting(long), query.Interval{From: max(at-back.Microseconds()/2, 1), To: since})
		if err != nil {
			return err
		}
	}
	until := min(at+ahead.Microseconds(), max(now.UnixMicro(), at)) + 1
	if err := e.read(ctx, h, e.interesting(e.rules), query.Interval{From: since, To: until}); err != nil {
		return err
	}
	e.begin(&event.Commit{Batch: &event.Batch{}})
	e.advance(until)
	e.Flush(&event.Commit{Batch: &event.Batch{}})
	return nil
}

// read judges the events of a history, but for those of its last moment.
func (e *Engine) read(ctx context.Context, h History, where query.Expr, during query.Interval) error {
	c := &event.Commit{Batch: &event.Batch{}}
	err := h.Scan(ctx, where, during, func(p *event.Page) error {
		*c = event.Commit{Batch: &event.Batch{}}
		e.begin(c)
		e.page(p, e.cfg.Now())
		e.advance(p.Time(p.N - 1))
		e.endMatches()
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the events from %s to %s: %w", clock(during.From), clock(during.To), err)
	}
	return nil
}

// ahead is how long after an event others may decide what it makes.
func (c *compiled) ahead() time.Duration {
	d := time.Duration(0)
	for i := range c.Once {
		d = max(d, time.Duration(c.Once[i].Within))
	}
	switch {
	case c.Threshold != nil:
		d += time.Duration(c.Threshold.Within)
	case c.Ratio != nil:
		d += time.Duration(c.Ratio.Within)
	case c.Rate != nil:
		d += time.Duration(c.Rate.Within)
	case c.Spike != nil:
		d += time.Hour
	case c.Sequence != nil:
		d += time.Duration(c.Sequence.Within)
	case c.Absence != nil:
		d += time.Duration(max(c.Absence.Within, c.Absence.longest)) + time.Second
	case c.Retry != nil:
		d += time.Duration(c.Retry.Within) + time.Second
	case c.Control != nil:
		d += time.Duration(c.Control.Within)
	}
	return max(d, time.Duration(c.Rearm)) // when it is armed again depends on what comes
}

// Crossing returns the event that met what a finding's rule wants, of its evidence: its id follows from that event. It is false if the finding
// is none of a rule's.
func Crossing(f *event.Finding) (e event.Evidence, ok bool) {
	if len(f.Group) != 1 {
		return e, false
	}
	for _, e := range f.Evidence {
		if len(e.Spans) > 0 && findingID(f.Rule, f.Site, f.Group[0].Value, &hit{from: &origin{gen: e.Gen}, span: e.Spans[0]}) == f.ID {
			return e, true
		}
	}
	return e, false
}
