package rules

import "sort"

// A window holds the recent occurrences of one group of a threshold rule.
type window struct {
	members []*hit // by time
	last    int64
	fired   bool // and not quiet since
}

// add takes an occurrence. If the threshold is met by it, add returns the occurrences that meet it.
func (w *window) add(r *compiled, h *hit) []*hit {
	if w.fired {
		if h.time-w.last < max(micros(r.Rearm), 1) {
			w.last = max(w.last, h.time)
			return nil
		}
		w.fired = false
	}
	w.last = max(w.last, h.time)
	if len(r.values) > 0 && !w.dropOlder(h) {
		return nil
	}
	at := sort.Search(len(w.members), func(i int) bool { return w.members[i].time > h.time })
	w.members = append(w.members, nil)
	copy(w.members[at+1:], w.members[at:])
	w.members[at], h.kept = h, true
	w.dropBefore(w.last - 2*micros(r.Threshold.Within))
	return w.check(r)
}

// check looks for a stretch of the window that meets the threshold. A stretch is half open: of two occurrences that
// lie exactly Within apart the first is out.
func (w *window) check(r *compiled) []*hit {
	from, sum := 0, int64(0)
	for to, m := range w.members {
		sum += r.amount(m)
		for w.members[from].time <= m.time-micros(r.Threshold.Within) {
			sum -= r.amount(w.members[from])
			from++
		}
		if sum >= int64(r.Threshold.Count) {
			members := w.members[from : to+1]
			w.fired, w.members = true, nil
			return members
		}
	}
	return nil
}

// amount is what an occurrence adds towards the threshold.
func (c *compiled) amount(m *hit) int64 {
	if len(c.values) > 0 {
		return 1
	}
	return m.weight
}

// dropOlder makes room for h among the members with its value, of which only the latest counts. It returns false if
// that is not h.
func (w *window) dropOlder(h *hit) bool {
	for i, m := range w.members {
		if m.value == h.value {
			if m.time > h.time {
				return false
			}
			w.members = append(w.members[:i], w.members[i+1:]...)
			return true
		}
	}
	return true
}

// dropBefore drops members that no later occurrence can share a window with. Twice the window is kept, since
// occurrences that waited for others come late.
func (w *window) dropBefore(t int64) {
	n := sort.Search(len(w.members), func(i int) bool { return w.members[i].time >= t })
	w.members = append(w.members[:0], w.members[n:]...)
}
