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

// A queue holds matches in the order of their time, generation, offset and rule, so that what a rule finds does not
// depend on the order in which files are read.
type queue struct {
	list   []match // the first to be judged is the last
	added  []match // since the last merge: row by row, of each by rule
	merged int     // from here on the last merge changed list
	rows   []rank  // scratch
}

func (q *queue) add(m match) { q.added = append(q.added, m) }

// next takes the next match off the queue, if it is of a time before t.
func (q *queue) next(t int64) (m match, ok bool) {
	last := len(q.list) - 1
	if last < 0 || q.list[last].order >= t {
		return match{}, false
	}
	m, q.list = q.list[last], q.list[:last]
	return m, true
}

// A rank is the time of a row and where its matches stand among those that were added: rows are sorted instead of matches, of
// which several rules make several each.
type rank struct {
	order int64
	at, n int32
}

// merge puts those that were added among the others.
func (q *queue) merge() {
	q.merged = len(q.list)
	if len(q.added) == 0 {
		return
	}
	q.rank()
	i := len(q.list) - 1
	q.list = slices.Grow(q.list, len(q.added))[:len(q.list)+len(q.added)]
	to := len(q.list)
	for _, r := range q.rows {
		row := q.added[r.at : r.at+r.n]
		for ; i >= 0 && inOrder(&q.list[i], &row[0]) < 0; i-- {
			to--
			q.list[to] = q.list[i]
		}
		for k := range row {
			to--
			q.list[to] = row[k]
		}
	}
	q.merged = min(q.merged, to)
	q.added = q.added[:0]
}

// rank puts the rows of what was added in order. Mostly they are: a file has them so.
func (q *queue) rank() {
	q.rows = q.rows[:0]
	sorted := true
	for i := range q.added {
		m := &q.added[i]
		if i > 0 {
			switch c := inOrder(&q.added[i-1], m); {
			case c == 0:
				q.rows[len(q.rows)-1].n++
				continue
			case c > 0:
				sorted = false
			}
		}
		q.rows = append(q.rows, rank{m.order, int32(i), 1})
	}
	if sorted {
		return
	}
	slices.SortFunc(q.rows, func(a, b rank) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return cmp.Or(inOrder(&q.added[a.at], &q.added[b.at]), cmp.Compare(a.at, b.at))
	})
}

// fresh returns those of the last merge that still wait, and perhaps others.
func (q *queue) fresh() []match { return q.list[min(q.merged, len(q.list)):] }

// inOrder compares the rows of two matches.
func inOrder(a, b *match) int {
	switch {
	case a.order != b.order:
		return cmp.Compare(a.order, b.order)
	case a.gen != b.gen:
		return cmp.Compare(a.gen, b.gen)
	}
	return cmp.Compare(a.off, b.off)
}
