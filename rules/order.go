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
	added  []match // since the last merge
	merged int     // from here on the last merge changed list
	ranks  []rank  // scratch, like sorted
	sorted []match
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

// maxRuns bounds the runs that are merged one by one.
const maxRuns = 16

// merge puts those that were added among the others. They come in runs: a file is mostly in order.
func (q *queue) merge() {
	q.merged = len(q.list)
	rest := q.added
	for runs := 0; len(rest) > 0; runs++ {
		if runs == maxRuns {
			q.sort(rest)
		}
		n := 1
		for n < len(rest) && inOrder(&rest[n-1], &rest[n]) <= 0 {
			n++
		}
		q.insert(rest[:n])
		rest = rest[n:]
	}
	q.added = q.added[:0]
}

// A rank is the time of a match and its place: sorting ranks is faster than sorting matches.
type rank struct {
	order int64
	at    int32
}

// sort sorts a part of what was added.
func (q *queue) sort(part []match) {
	q.ranks = q.ranks[:0]
	for i := range part {
		q.ranks = append(q.ranks, rank{part[i].order, int32(i)})
	}
	slices.SortFunc(q.ranks, func(a, b rank) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return inOrder(&part[a.at], &part[b.at])
	})
	q.sorted = q.sorted[:0]
	for _, r := range q.ranks {
		q.sorted = append(q.sorted, part[r.at])
	}
	copy(part, q.sorted)
}

// insert puts a run among the others.
func (q *queue) insert(run []match) {
	i := len(q.list) - 1
	q.list = slices.Grow(q.list, len(run))[:len(q.list)+len(run)]
	to := len(q.list)
	for j := 0; j < len(run); {
		to--
		if i >= 0 && inOrder(&q.list[i], &run[j]) < 0 {
			q.list[to] = q.list[i]
			i--
		} else {
			q.list[to] = run[j]
			j++
		}
	}
	q.merged = min(q.merged, to)
}

// fresh returns those of the last merge that still wait, and perhaps others.
func (q *queue) fresh() []match { return q.list[min(q.merged, len(q.list)):] }

// inOrder compares two matches.
func inOrder(a, b *match) int {
	switch {
	case a.order != b.order:
		return cmp.Compare(a.order, b.order)
	case a.gen != b.gen:
		return cmp.Compare(a.gen, b.gen)
	case a.off != b.off:
		return cmp.Compare(a.off, b.off)
	}
	return cmp.Compare(a.rule.index, b.rule.index)
}
