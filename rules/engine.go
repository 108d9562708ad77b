package rules

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Config is what an engine is told beside its rules.
type Config struct {
	Schema *event.Schema // with the fields of all formats
	// Idle is how long a generation that delivers nothing holds up the others: events are judged in the order of
	// their time across files, and a file that is silent may still bring older ones. 0: for ever, until it is read
	// to its end, as a scan of finished files wants it.
	Idle time.Duration
	// Tally keeps the count of every group for Tally. A scan wants it; a daemon's groups have no bound.
	Tally bool
	Now   func() time.Time // nil: time.Now
}

// An Engine applies rules to commits; it is a pipeline.Stage. It is used by one goroutine.
type Engine struct {
	cfg     Config
	rules   []*compiled
	cond    matchers
	bits    []event.Bits // by matcher, of the page at hand
	hits    hitHeap
	low     map[event.GenID]lowMark
	reached int64 // all hits up to this time have been judged

	out     *event.Commit
	rollups map[rollupKey]int
	tally   map[string]map[string]int64
}

// lowMark is how far a generation has come: no earlier event of it will follow.
type lowMark struct {
	time int64
	seen time.Time
}

type rollupKey struct {
	series, site, dataset string
	minute                int64
}

// New returns an engine for rules that Load has read. Mistakes in their queries are reported together.
func New(rules []Rule, cfg Config) (*Engine, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &Engine{
		cfg: cfg, low: map[event.GenID]lowMark{}, reached: math.MinInt64,
		cond:    matchers{schema: cfg.Schema, byText: map[string]int{}},
		rollups: map[rollupKey]int{}, tally: map[string]map[string]int64{},
	}
	var errs []error
	for i := range rules {
		c, err := e.cond.rule(&rules[i], i)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: rule %q: %w", rules[i].File, rules[i].ID, err))
			continue
		}
		e.rules = append(e.rules, c)
	}
	e.bits = make([]event.Bits, len(e.cond.list))
	return e, errors.Join(errs...)
}

// Expect announces generations before their first events, so that none of the others runs ahead of them.
func (e *Engine) Expect(gens ...event.GenID) {
	for _, g := range gens {
		e.low[g] = lowMark{math.MinInt64, e.cfg.Now()}
	}
}

// Process implements pipeline.Stage.
func (e *Engine) Process(_ context.Context, c *event.Commit) error {
	e.begin(c)
	for _, p := range c.Pages {
		e.page(p)
	}
	now := e.cfg.Now()
	for _, m := range c.To {
		e.low[m.Gen] = lowMark{m.Low, now}
	}
	e.advance(e.watermark(now))
	return nil
}

// Flush judges everything that is still held back, as if all files had ended.
func (e *Engine) Flush(c *event.Commit) {
	e.begin(c)
	e.advance(math.MaxInt64)
}

// Tally returns, by rule id and group value, how many occurrences were counted (of threshold rules: how often they
// fired). It is empty unless Config.Tally is set.
func (e *Engine) Tally() map[string]map[string]int64 { return e.tally }

func (e *Engine) begin(c *event.Commit) {
	e.out = c
	clear(e.rollups)
}

// page evaluates every condition once over the page's columns and collects the hits.
func (e *Engine) page(p *event.Page) {
	for i, m := range e.cond.list {
		m.Match(p, &e.bits[i])
	}
	for _, r := range e.rules {
		hits := &e.bits[r.when]
		for w, word := range hits {
			for ; word != 0; word &= word - 1 {
				row := w*64 + trailing(word)
				heap.Push(&e.hits, e.hit(r, event.Row{Page: p, I: row}))
			}
		}
	}
}

// watermark returns the time up to which no more events are expected.
func (e *Engine) watermark(now time.Time) int64 {
	low, active := int64(math.MaxInt64), false
	for gen, m := range e.low {
		switch {
		case m.time == math.MaxInt64, e.cfg.Idle > 0 && now.Sub(m.seen) > e.cfg.Idle:
			delete(e.low, gen)
		default:
			low, active = min(low, m.time), true
		}
	}
	if e.cfg.Idle > 0 {
		clock := now.Add(-e.cfg.Idle).UnixMicro()
		if !active {
			return max(clock, e.latestHit())
		}
		return min(low, clock)
	}
	return low
}

// latestHit returns the time of the latest hit held back: when all files are silent, stamps ahead of the clock are
// no reason to wait.
func (e *Engine) latestHit() int64 {
	latest := int64(math.MinInt64)
	for _, h := range e.hits {
		latest = max(latest, h.time)
	}
	return latest
}

// advance judges the hits up to t in the order of their time.
func (e *Engine) advance(t int64) {
	for len(e.hits) > 0 && e.hits[0].time <= t {
		h := heap.Pop(&e.hits).(*hit)
		e.reached = max(e.reached, h.time)
		e.settle(h.time)
		if h.once == nil {
			e.occurrence(h)
		} else {
			h.once.add(h, e.occurrence)
		}
	}
	if t > e.reached {
		e.reached = t
		e.settle(t)
	}
}

// settle counts the occurrences that no other event can merge with any more at time t.
func (e *Engine) settle(t int64) {
	for _, r := range e.rules {
		for i := range r.once {
			r.once[i].settle(t, e.occurrence)
		}
	}
}

// occurrence counts one occurrence and raises the finding that it makes, if it makes one.
func (e *Engine) occurrence(h *hit) {
	r := h.rule
	if r.Threshold != nil {
		w := r.windows[h.group]
		if w == nil {
			w = &window{}
			r.windows[h.group] = w
		}
		if members := w.add(r, h); members != nil {
			e.count(h, 1)
			e.raise(h, members)
		}
		e.forget(r, h.time)
		return
	}
	e.count(h, h.weight)
	if r.counts {
		return
	}
	if r.Rearm > 0 {
		last, known := r.quiet[h.group]
		r.quiet[h.group] = h.time
		if known && h.time-last < micros(r.Rearm) {
			return
		}
	}
	e.raise(h, []*hit{h})
}

// count adds n occurrences to the rollups: of the rule by minute, and of the rule's group by hour.
func (e *Engine) count(h *hit, n int64) {
	e.rollup(rollupKey{RuleSeries(h.rule.ID), h.site, h.dataset, h.time - mod(h.time, minute)}, n)
	hour := h.time - mod(h.time, 60*minute)
	e.rollup(rollupKey{GroupSeries(h.rule.ID) + h.rule.bounded(h.group, hour), h.site, h.dataset, hour}, n)
	if !e.cfg.Tally {
		return
	}
	groups := e.tally[h.rule.ID]
	if groups == nil {
		groups = map[string]int64{}
		e.tally[h.rule.ID] = groups
	}
	groups[h.group] += n
}

const minute = int64(time.Minute / time.Microsecond)

func (e *Engine) rollup(key rollupKey, n int64) {
	i, ok := e.rollups[key]
	if !ok {
		i = len(e.out.Rollups)
		e.rollups[key] = i
		e.out.Rollups = append(e.out.Rollups, event.Delta{Site: key.site, Series: key.series, Dataset: key.dataset, Minute: key.minute})
	}
	e.out.Rollups[i].N += n
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// RuleSeries is the series of a rule's occurrences by minute.
func RuleSeries(id string) string { return "rule/" + id }

// GroupSeries is the beginning of the series of a rule's occurrences by group value and hour; the value follows.
func GroupSeries(id string) string { return "group/" + id + "/" }
