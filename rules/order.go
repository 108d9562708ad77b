package rules

import (
	"math"
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

// hitHeap orders hits by time, generation, offset and rule, so that what a rule finds does not depend on the order
// in which files are read.
type hitHeap []*hit

func (h hitHeap) Len() int { return len(h) }

func (h hitHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	switch {
	case a.order != b.order:
		return a.order < b.order
	case a.gen != b.gen:
		return a.gen < b.gen
	case a.off != b.off:
		return a.off < b.off
	}
	return a.rule.index < b.rule.index
}

func (h hitHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *hitHeap) Push(x any) { *h = append(*h, x.(*hit)) }

// Pop implements heap.Interface.
func (h *hitHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = nil
	*h = old[:n]
	return x
}
