package rules

import (
	"cmp"
	"container/heap"
	"time"
)

// absences judge whether what is expected has come.
type absences struct {
	rule   *compiled
	within int64
	lag    int64 // an event may wait so long for others that tell of the same occurrence
	groups map[string]*expected
	next   expectations // the first that is due is the first

	// While the rule is seeded in place of one that it was before: what that still waits for is not missed yet.
	before map[string]*expected
	missed []*expected
}

// An expected is what one group waits for since an event.
type expected struct {
	key  string
	hit  hit
	due  int64 // it has to come by then
	rank int   // in expectations
}

func newAbsences(r *compiled) *absences {
	a := &absences{rule: r, within: micros(r.Absence.Within), groups: map[string]*expected{}}
	for i := range r.Once {
		a.lag = max(a.lag, micros(r.Once[i].Within))
	}
	return a
}

func (a *absences) memory() time.Duration {
	return time.Duration(max(a.rule.Absence.Within, a.rule.Absence.longest)) + time.Second
}

// patience returns how long the hit's group waits.
func (a *absences) patience(h *hit) int64 {
	if value := h.value(); len(value) > 0 {
		if own, err := time.ParseDuration(string(value)); err == nil && own > 0 {
			return min(own.Microseconds(), max(a.within, micros(a.rule.Absence.longest)))
		}
	}
	return a.within
}

// idle implements idler.
func (a *absences) idle(parts uint32) bool {
	return len(a.groups) == 0 && a.rule.Absence.Expect != nil && parts&2 == 0
}

func (a *absences) take(e *Engine, h *hit) {
	x := a.groups[string(h.key())]
	if a.rule.Absence.Expect != nil {
		if h.parts&1 != 0 {
			if x != nil && h.time >= x.hit.time {
				a.drop(x)
				x = nil
			}
			if h.parts&2 == 0 {
				return
			}
		}
		if x != nil { // what was expected since the first is still missing
			return
		}
	}
	switch {
	case x == nil:
		x = &expected{key: string(h.key()), due: h.time + a.patience(h)}
		x.hit.hold(h)
		if len(a.groups) >= maxGroups {
			e.forget(h, 1)
			a.drop(a.next[0])
		}
		a.add(x)
	case h.time >= x.hit.time:
		x.hit.hold(h)
		x.due = h.time + a.patience(h)
		heap.Fix(&a.next, x.rank)
	}
}

// settle finds what has not come, no event of before t being still to come.
func (a *absences) settle(e *Engine, t int64) {
	for len(a.next) > 0 && a.next[0].due < t-a.lag {
		x := a.next[0]
		a.drop(x)
		if was := a.before[x.key]; was != nil && was.hit.from.gen == x.hit.from.gen && was.hit.span == x.hit.span {
			a.missed = append(a.missed, x)
			continue
		}
		cross := &x.hit
		at := *cross
		at.time = x.due
		e.count(&at, 1)
		e.report([]*hit{cross}, report{time: x.due, count: 1})
	}
}

func (a *absences) add(x *expected) {
	a.groups[x.key] = x
	heap.Push(&a.next, x)
}

func (a *absences) drop(x *expected) {
	delete(a.groups, x.key)
	heap.Remove(&a.next, x.rank)
}

// expectations are ordered by when they are due, and those of the same time by their groups, so that each run finds them in the
// same order.
type expectations []*expected

func (q expectations) Len() int { return len(q) }

func (q expectations) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].due, q[j].due), cmp.Compare(q[i].key, q[j].key)) < 0
}

func (q expectations) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].rank, q[j].rank = i, j
}

// Push and Pop are heap's.
func (q *expectations) Push(x any) {
	x.(*expected).rank = len(*q)
	*q = append(*q, x.(*expected))
}

// Pop takes the last one off.
func (q *expectations) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return x
}
