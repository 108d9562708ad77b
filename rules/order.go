package rules

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// progress is how far a generation has come.
type progress struct {
	low  int64     // no earlier event of it will follow
	seen time.Time // when it delivered last
	// behind is whether it is catching up: its events pass faster than the clock. A file that keeps pace with the
	// clock holds up no other, even if its stamps lie hours back (a wrong zone, a wrong clock).
	behind  bool
	sample  int64 // low at sampled
	sampled time.Time
}

// move notes that a generation has come to m.
func (e *Engine) move(m event.Mark, now time.Time) {
	g := e.gens[m.Gen]
	if g == nil {
		g = &progress{behind: true, sample: m.Low, sampled: now}
		e.gens[m.Gen] = g
	}
	g.low, g.seen = m.Low, now
	if past := now.Sub(g.sampled); past >= e.cfg.Idle && past > 0 {
		gain := time.Duration(0)
		if g.low > g.sample {
			gain = time.UnixMicro(g.low).Sub(time.UnixMicro(g.sample)) // saturates
		}
		g.behind = gain > 2*past
		g.sample, g.sampled = g.low, now
	}
}

// watermark returns the time before which no more events are expected.
func (e *Engine) watermark(now time.Time) int64 {
	low := int64(math.MaxInt64)
	if e.cfg.Idle > 0 {
		low = now.Add(-e.cfg.Idle).UnixMicro()
	}
	for gen, g := range e.gens {
		switch {
		case g.low == math.MaxInt64, e.cfg.Idle > 0 && now.Sub(g.seen) > e.cfg.Idle:
			delete(e.gens, gen)
		case e.cfg.Idle == 0 || g.behind:
			low = min(low, g.low)
		}
	}
	return low
}

// A queue holds hits in the order of their time, generation, offset and rule, so that what a rule finds does not depend
// on the order in which files are read.
type queue struct {
	list  []*hit // sorted
	fresh []*hit // added since
}

func (q *queue) add(h *hit) { q.fresh = append(q.fresh, h) }

// before takes the hits of times before t off the queue. They are valid until the next call.
func (q *queue) before(t int64) []*hit {
	q.merge()
	n, _ := slices.BinarySearchFunc(q.list, t, func(h *hit, t int64) int { return cmp.Compare(h.order, t) })
	out := q.list[:n:n]
	q.list = q.list[n:]
	return out
}

// merge puts the fresh hits among the sorted ones. Those of one file come in order.
func (q *queue) merge() {
	if len(q.fresh) == 0 {
		return
	}
	if !slices.IsSortedFunc(q.fresh, inOrder) {
		slices.SortFunc(q.fresh, inOrder)
	}
	from, _ := slices.BinarySearchFunc(q.list, q.fresh[0], inOrder)
	a, b := slices.Clone(q.list[from:]), q.fresh
	q.list = q.list[:from]
	for len(a) > 0 && len(b) > 0 {
		if inOrder(b[0], a[0]) < 0 {
			q.list, b = append(q.list, b[0]), b[1:]
		} else {
			q.list, a = append(q.list, a[0]), a[1:]
		}
	}
	q.list = append(append(q.list, a...), b...)
	clear(q.fresh)
	q.fresh = q.fresh[:0]
}

// inOrder compares two hits.
func inOrder(a, b *hit) int {
	if c := cmp.Compare(a.order, b.order); c != 0 {
		return c
	}
	if a.gen != b.gen {
		if a.gen < b.gen {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(a.off, b.off); c != 0 {
		return c
	}
	return cmp.Compare(a.rule.index, b.rule.index)
}
