package rules

// maxGroups bounds the groups of one rule whose past the engine keeps: a flood of made-up sources or users must not
// fill the memory. Those that were quiet for longest are let go first.
const maxGroups = 1 << 15

// A groupKey tells the groups of a rule apart: those of different sites have nothing to do with each other.
type groupKey struct{ site, group string }

// recent remembers a value for each group that was active lately, in two halves: when the newer one is full, or old
// enough, it becomes the older one, and what was in that is let go. A group that was active within keep is let go
// only when maxGroups/2 others have been active since.
type recent[V any] struct {
	now, older map[groupKey]V
	since      int64 // when now was begun, µs of event time
	keep       int64 // for how long a quiet group matters, µs
}

// get returns what is remembered for k.
func (r *recent[V]) get(k groupKey) (V, bool) {
	if v, ok := r.now[k]; ok {
		return v, true
	}
	v, ok := r.older[k]
	return v, ok
}

// fresh returns what is remembered for k, if putting it back at time t would change nothing.
func (r *recent[V]) fresh(k groupKey, t int64) (V, bool) {
	v, ok := r.now[k]
	return v, ok && t-r.since <= r.keep
}

// put remembers v for k, which is active at time t.
func (r *recent[V]) put(k groupKey, v V, t int64) {
	_, held := r.now[k]
	if r.now == nil || !held && len(r.now) >= maxGroups/2 || t-r.since > r.keep {
		r.older, r.now, r.since = r.now, map[groupKey]V{}, t
	}
	r.now[k] = v
}

// len returns the number of values held; of a group that stands in both halves both count.
func (r *recent[V]) len() int { return len(r.now) + len(r.older) }
