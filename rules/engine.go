package rules

import (
	"context"
	"math"
	"math/bits"
	"slices"
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
	// AtOnce judges what no other event matters to when it is read: what is found is stored together with the event. Seed
	// must be given what Told says then.
	AtOnce bool
	Now    func() time.Time // nil: time.Now
}

// An Engine applies rules to commits; it is a pipeline.Stage. It is used by one goroutine.
type Engine struct {
	cfg   Config
	rules []*compiled
	cond  conditions
	about [][]*compiled // by the number of their condition
	queue queue
	gens  map[event.GenID]*progress
	// reached is up to where the matches have been judged. One that comes later is judged as if it were of this time.
	reached int64
	newest  int64 // the greatest time of a match that was judged, 0: there was none
	onces   []*once
	absent  []settler
	latest  int64     // the time of the latest event, if that matters
	forgot  *compiled // what forget reports
	due     int64     // no occurrence that waits is to be counted before this time has passed
	noted   int64     // the time that the last commit's mark of Progress says
	over    bool      // all files have ended
	again   bool      // what comes was counted before, and the windows that fired are known
	filling bool      // what comes is stored, and waits for its turn
	told    lately
	watch   *Explaining // nil: nobody asks why

	out     *event.Commit
	commits int               // so many were begun
	rollups map[rollupKey]int // numbers in out.Rollups
	pages   []page            // of out, so far

	passing hit // the one that is judged
	held    hit // a copy of it
	spare   spare
	places  map[place]*place
	matched []matched // scratch: what matches rows of the page
}

// matched are the rows of a page that the condition of a rule holds for.
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
		cond:    conditions{Set: query.NewSet(), schema: cfg.Schema},
		rollups: map[rollupKey]int{}, places: map[place]*place{},
	}
	var faults configs.Errors
	for i := range rules {
		c, wrong := e.cond.rule(&rules[i], i)
		faults = append(faults, wrong...)
		e.rules, e.onces = append(e.rules, c), append(e.onces, c.once...)
		if a, ok := c.judge.(settler); ok {
			e.absent = append(e.absent, a)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	e.forgot, _ = e.cond.rule(&forgetting, len(rules))
	e.about = make([][]*compiled, e.cond.Len())
	for _, r := range e.rules {
		e.about[r.when] = append(e.about[r.when], r)
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
	e.endMatches()
	e.told.forget(e.reached)
	e.note(c)
	return nil
}

// Flush judges everything that is still held back, as if all files had ended.
func (e *Engine) Flush(c *event.Commit) {
	e.begin(c)
	e.over = true
	e.advance(math.MaxInt64)
	e.over = false
}

func (e *Engine) begin(c *event.Commit) {
	e.out = c
	e.commits++
	clear(e.rollups)
}

// page evaluates the conditions over the page's columns and collects what matches.
func (e *Engine) page(p *event.Page, now time.Time) {
	e.cond.Begin(p)
	e.pages = append(e.pages, page{p, e.origin(p)})
	latest := int64(math.MaxInt64)
	if e.cfg.Idle > 0 {
		latest = now.UnixMicro()
	}
	if len(e.absent) > 0 {
		e.latest = max(e.latest, min(latestOf(p), now.UnixMicro()))
	}
	if e.watch != nil {
		e.watch.page(p)
	}
	e.matched = e.matched[:0]
	for _, i := range e.cond.Candidates() {
		if len(e.about[i]) == 0 { // it is no rule's own: which event tells of which
			continue
		}
		if rows := e.cond.Match(i); *rows != (event.Bits{}) {
			for _, r := range e.about[i] {
				e.matched = append(e.matched, matched{r, rows})
			}
		}
	}
	slices.SortFunc(e.matched, func(a, b matched) int { return a.rule.index - b.rule.index }) // as the queue wants them
	for w := range len(event.Bits{}) {
		e.word(w, latest)
	}
}

// word collects what matches of rows 64w to 64w+63.
func (e *Engine) word(w int, latest int64) {
	any := uint64(0)
	for i := range e.matched {
		any |= e.matched[i].rows[w]
	}
	for ; any != 0; any &= any - 1 {
		bit := any & -any
		for i := range e.matched {
			if e.matched[i].rows[w]&bit == 0 {
				continue
			}
			r, row := e.matched[i].rule, w*64+bits.TrailingZeros64(bit)
			if r.work != nil && e.atWork(r, e.pages[len(e.pages)-1], row) {
				continue
			}
			if len(r.suppress) > 0 && e.suppressed(r, e.pages[len(e.pages)-1], row) {
				continue
			}
			if m := e.match(r, row, latest); r.alone && e.cfg.AtOnce && !e.filling {
				e.atOnce(e.hit(&m))
			} else {
				e.queue.add(m)
			}
		}
	}
}

// advance judges the matches of times before t, in the order of their time.
func (e *Engine) advance(t int64) {
	e.queue.merge()
	for {
		m, ok := e.queue.next(t)
		if !ok {
			break
		}
		e.newest = max(e.newest, m.order)
		order := max(m.order, e.reached)
		e.settle(order)
		if m.rule.idle != nil && e.watch == nil && m.rule.idle.idle(m.parts) {
			e.spare.give(m.hit)
			continue
		}
		h := e.hit(&m)
		if e.watch != nil {
			e.watch.before(h)
		}
		switch {
		case m.repeat >= 0 && m.rule.repeat[m.repeat].again(e, h, order):
		case h.claim != nil:
			h.claim.order = order
			h.claim.once.add(h, e.occurrence)
			e.due = min(e.due, order+h.claim.once.within)
		default:
			e.occurrence(h)
		}
		if e.watch != nil {
			e.watch.after(h)
		}
		e.spare.give(m.hit)
	}
	e.settle(t)
}

// settle counts the occurrences that no other event can merge with any more at time t.
func (e *Engine) settle(t int64) {
	if t <= e.reached {
		return
	}
	if t > e.due {
		e.due = math.MaxInt64
		for _, o := range e.onces {
			if o.settle(t, e.occurrence); len(o.list) > 0 {
				e.due = min(e.due, o.list[0].hit.claim.order+o.within)
			}
		}
	}
	until := t
	if t == math.MaxInt64 { // what files do not reach is not missing from them
		until = max(e.latest, e.reached)
	}
	for _, a := range e.absent {
		a.settle(e, until)
	}
	if t < math.MaxInt64 { // the end of all files is no time
		e.reached = t
	}
}

// latestOf returns the time of a page's latest event.
func latestOf(p *event.Page) int64 {
	latest := int64(math.MinInt64)
	if c := p.Column(event.FieldTime); c != nil {
		for _, t := range c.Int {
			latest = max(latest, t)
		}
	}
	return latest
}

// occurrence counts one occurrence and raises the finding that it makes, if it makes one.
func (e *Engine) occurrence(h *hit) {
	if e.watch != nil {
		e.watch.occurrence(h)
		return
	}
	e.decide(h)
}

// decide is occurrence where nobody asks why.
func (e *Engine) decide(h *hit) {
	r := h.rule
	if r.judge != nil {
		r.judge.take(e, h)
		return
	}
	if r.Threshold != nil {
		w, _ := remember(e, h, &r.windows)
		if e.again {
			w.keepAgain(r, h)
			return
		}
		if members := w.add(r, h); members != nil {
			e.count(h, 1)
			e.raise(members)
		}
		return
	}
	if r.alone && e.told.has(h) {
		return
	}
	e.count(h, h.weight)
	if !r.silent && e.armed(h) {
		e.held.hold(h)
		e.raise([]*hit{&e.held})
	}
}

// armed reports whether the group of h was quiet before it for as long as the rule wants it to be between findings.
func (e *Engine) armed(h *hit) bool {
	c := h.rule
	if c.Rearm == 0 {
		return true
	}
	last, known := remember(e, h, &c.quiet)
	past := h.at - *last
	*last = max(*last, h.at)
	return !known || past >= micros(c.Rearm)
}
