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
		w.fired, w.members = false, nil
	}
	w.last = max(w.last, h.time)
	if len(r.values) > 0 {
		w.dropValue(h.value)
	}
	at := sort.Search(len(w.members), func(i int) bool { return w.members[i].time > h.time })
	w.members = append(w.members, nil)
	copy(w.members[at+1:], w.members[at:])
	w.members[at] = h
	w.dropBefore(w.last - 2*micros(r.Threshold.Within))
	return w.check(r)
}

// check looks for a stretch of the window that meets the threshold.
func (w *window) check(r *compiled) []*hit {
	from, sum := 0, int64(0)
	for to, m := range w.members {
		sum += w.amount(r, m)
		for w.members[from].time <= m.time-micros(r.Threshold.Within) {
			sum -= w.amount(r, w.members[from])
			from++
		}
		if sum >= int64(r.Threshold.Count) {
			members := append([]*hit(nil), w.members[from:to+1]...)
			w.fired, w.members = true, nil
			return members
		}
	}
	return nil
}

func (w *window) amount(r *compiled, m *hit) int64 {
	if len(r.values) > 0 {
		return 1
	}
	return m.weight
}

// dropValue drops the member with this value: of equal ones only the latest counts.
func (w *window) dropValue(v string) {
	for i, m := range w.members {
		if m.value == v {
			w.members = append(w.members[:i], w.members[i+1:]...)
			return
		}
	}
}

// dropBefore drops members that no later occurrence can share a window with. Twice the window is kept, since
// occurrences that waited for others come late.
func (w *window) dropBefore(t int64) {
	n := sort.Search(len(w.members), func(i int) bool { return w.members[i].time >= t })
	w.members = append(w.members[:0], w.members[n:]...)
}

// maxGroups is the number of groups of a rule from which on quiet ones are looked for and let go.
const maxGroups = 4096

// forget lets go of groups that have been quiet for longer than any of their occurrences can matter.
func (e *Engine) forget(r *compiled, now int64) {
	if len(r.windows) < maxGroups || len(r.windows)%1024 != 0 {
		return
	}
	keep := 2*micros(r.Threshold.Within) + micros(r.Rearm)
	for g, w := range r.windows {
		if now-w.last > keep {
			delete(r.windows, g)
		}
	}
}
