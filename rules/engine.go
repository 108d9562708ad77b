package rules

import (
	"context"
	"math"
	"math/bits"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Config is what an engine is told beside its rules.
type Config struct {
	Schema *event.Schema // with the fields of all formats
	// Idle is how long a generation that delivers nothing holds up the others: events are judged in the order of
	// their time across files, and a file that is silent may still bring older ones. 0: for ever, until it is read
	// to its end, as a scan of finished files wants it.
	Idle time.Duration
	// Tally keeps the count of every group for Tally, instead of rollups by group and hour. A scan wants it; a daemon's
	// groups have no bound.
	Tally bool
	Now   func() time.Time // nil: time.Now
}

// An Engine applies rules to commits; it is a pipeline.Stage. It is used by one goroutine.
type Engine struct {
	cfg   Config
	rules []*compiled
	cond  conditions
	hits  queue
	gens  map[event.GenID]*progress
	// reached is up to where the hits have been judged. One that comes later is judged as if it were of this time.
	reached int64
	noted   int64 // the time that the last commit's mark of Progress says

	out     *event.Commit
	commits int               // so many were begun
	rollups map[rollupKey]int // places in out.Rollups

	spare   []*hit    // allocated, not in use
	text    []byte    // scratch
	matched []matched // scratch: the rules that match rows of the page
	fresh   []*hit    // of the commit at hand
}

// matched are the rows of a page that a rule's condition holds for.
type matched struct {
	rule *compiled
	rows *event.Bits
}

// New returns an engine for rules that Load has read. Mistakes in their queries are reported together, as
// configs.Errors.
func New(rules []Rule, cfg Config) (*Engine, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &Engine{
		cfg: cfg, gens: map[event.GenID]*progress{}, reached: math.MinInt64,
		cond:    conditions{Set: query.NewSet(), schema: cfg.Schema, byText: map[string]int{}, exprs: map[int]query.Expr{}},
		rollups: map[rollupKey]int{},
	}
	var faults configs.Errors
	for i := range rules {
		c, wrong := e.cond.rule(&rules[i], i)
		faults = append(faults, wrong...)
		e.rules = append(e.rules, c)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return e, nil
}

// Process implements pipeline.Stage.
func (e *Engine) Process(_ context.Context, c *event.Commit) error {
	e.begin(c)
	now := e.cfg.Now()
	for _, p := range c.Pages {
		e.page(p, now)
	}
	for _, m := range c.To {
		e.move(m, now)
	}
	e.advance(e.watermark(now))
	e.endHits()
	e.note(c)
	return nil
}

// Flush judges everything that is still held back, as if all files had ended.
func (e *Engine) Flush(c *event.Commit) {
	e.begin(c)
	e.advance(math.MaxInt64)
}

func (e *Engine) begin(c *event.Commit) {
	e.out = c
	e.commits++
	clear(e.rollups)
}

// page evaluates the conditions over the page's columns and collects the hits.
func (e *Engine) page(p *event.Page, now time.Time) {
	e.cond.Begin(p)
	latest := int64(math.MaxInt64)
	if e.cfg.Idle > 0 {
		latest = now.UnixMicro()
	}
	e.matched = e.matched[:0]
	var any event.Bits
	for _, r := range e.rules {
		rows := e.cond.Match(r.when)
		if *rows == (event.Bits{}) {
			continue
		}
		e.matched = append(e.matched, matched{r, rows})
		for w := range any {
			any[w] |= rows[w]
		}
	}
	for w, word := range any {
		for ; word != 0; word &= word - 1 {
			row := w*64 + bits.TrailingZeros64(word)
			for _, m := range e.matched {
				if m.rows.Has(row) {
					h := e.hit(m.rule, event.Row{Page: p, I: row})
					h.order = min(h.time, latest) // a stamp ahead of the clock is no reason to wait for that time
					e.hits.add(h)
				}
			}
		}
	}
}

// advance judges the hits of times before t, in the order of their time.
func (e *Engine) advance(t int64) {
	due := e.hits.before(t)
	for i, h := range due {
		due[i] = nil // it may live on in a window, but not here
		h.order, h.judged = max(h.order, e.reached), true
		e.settle(h.order)
		if h.repeat != nil && h.repeat.again(h) {
			continue
		}
		if h.once == nil {
			e.occurrence(h)
		} else {
			h.once.add(h, e.occurrence)
		}
	}
	e.settle(t)
}

// settle counts the occurrences that no other event can merge with any more at time t.
func (e *Engine) settle(t int64) {
	if t <= e.reached {
		return
	}
	for _, r := range e.rules {
		for _, o := range r.once {
			o.settle(t, e.occurrence)
		}
	}
	if t < math.MaxInt64 { // the end of all files is no time
		e.reached = t
	}
}

// occurrence counts one occurrence and raises the finding that it makes, if it makes one.
func (e *Engine) occurrence(h *hit) {
	r, group := h.rule, groupKey{h.site, h.group}
	if r.Threshold != nil {
		w, ok := r.windows.fresh(group, h.time)
		if !ok {
			if w, _ = r.windows.get(group); w == nil {
				w = &window{}
			}
			r.windows.put(group, w, h.time)
		}
		if members := w.add(r, h); members != nil {
			e.count(h, 1)
			e.raise(h, members)
		}
		return
	}
	e.count(h, h.weight)
	if r.silent {
		return
	}
	if r.Rearm > 0 {
		last, known := r.quiet.get(group)
		r.quiet.put(group, max(last, h.time), h.time)
		if known && h.time-last < micros(r.Rearm) {
			return
		}
	}
	e.raise(h, []*hit{h})
}
