package rules

// maxGroups bounds the groups of one rule whose past the engine keeps: a flood of made-up sources or users must not
// fill the memory. Those that were quiet for longest are let go first.
const maxGroups = 1 << 15

// recent remembers a value for each group that was active lately, in two halves: when the newer one is full, or old
// enough, it becomes the older one, and what was in that is let go. A group that was active within keep is let go
// only when maxGroups/2 others have been active since.
type recent[V any] struct {
	now, older map[string]*remembered[V]
	turn       int   // the number of the half now
	since      int64 // when it was begun, µs of event time
	keep       int64 // for how long a quiet group matters, µs
	lost       int64 // so many groups were let go that may have mattered
	spare      []*remembered[V]
	empty      func(*V) // makes a spare value as good as new; nil: it is set to zero
}

// remembered is a value that stands in the half turn, and perhaps in the one before, too.
type remembered[V any] struct {
	group string
	turn  int
	value V
}

// at returns what is remembered for a group, which is active at time t; an empty value, and false, if nothing was. It is
// valid until the next call.
func (r *recent[V]) at(group []byte, t int64) (v *V, known bool) {
	m, held := r.now[string(group)]
	if held && t-r.since <= r.keep {
		return &m.value, true
	}
	if known = held; !held {
		if m, known = r.older[string(group)]; !known {
			m = r.take()
			m.group = string(group)
		}
	}
	if r.now == nil || !held && len(r.now) >= maxGroups/2 || t-r.since > r.keep {
		m.turn = r.turn + 1
		r.begin(t)
	}
	m.turn = r.turn
	r.now[m.group] = m
	return &m.value, known
}

// maxReused bounds the groups of a map that is emptied and used again: emptying a large one takes as long as if it were
// full.
const maxReused = 512

// begin begins another half.
func (r *recent[V]) begin(t int64) {
	gone, full := r.older, t-r.since <= r.keep
	r.older, r.now, r.since = r.now, gone, t
	r.turn++
	for _, m := range gone {
		if m.turn < r.turn-1 { // it is not in the newer half, too
			r.spare = append(r.spare, m)
			if full {
				r.lost++
			}
		}
	}
	if gone == nil || len(gone) > maxReused {
		r.now = map[string]*remembered[V]{}
	}
	clear(r.now)
}

func (r *recent[V]) take() *remembered[V] {
	last := len(r.spare) - 1
	if last < 0 {
		return &remembered[V]{}
	}
	m := r.spare[last]
	r.spare = r.spare[:last]
	if r.empty != nil {
		r.empty(&m.value)
	} else {
		m.value = *new(V)
	}
	return m
}

// look returns what is remembered for a group, nil if nothing is, and changes nothing.
func (r *recent[V]) look(group []byte) *V {
	for _, half := range []map[string]*remembered[V]{r.now, r.older} {
		if m := half[string(group)]; m != nil {
			return &m.value
		}
	}
	return nil
}

// each calls f with every group and what is remembered of it.
func (r *recent[V]) each(f func(group string, v *V)) {
	for group, m := range r.older {
		if r.now[group] == nil {
			f(group, &m.value)
		}
	}
	for group, m := range r.now {
		f(group, &m.value)
	}
}

// len returns the number of values held; of a group that stands in both halves both count.
func (r *recent[V]) len() int { return len(r.now) + len(r.older) }
