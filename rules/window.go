package rules

import (
	"bytes"
	"sort"
)

// A window holds the recent occurrences of one group of a threshold rule.
type window struct {
	members members
	last    int64 // when the last occurrence came; one of the future does not make the others old
	fired   bool  // and not quiet since
	armed   int64 // the time of the occurrence since which they count again; 0: always have
	skip    bool  // while it is seeded: that occurrence has not come yet
}

// add takes an occurrence. If the threshold is met by it, add returns the occurrences that meet it, valid until the next
// call.
func (w *window) add(r *compiled, h *hit) []*hit {
	from, kept := w.keep(r, h)
	if !kept {
		return nil
	}
	members := w.check(r, from)
	if members != nil {
		w.fired = true
		w.empty()
	}
	return members
}

// keep makes an occurrence a member, if it counts, and returns from which member on others may count with it.
func (w *window) keep(r *compiled, h *hit) (from int, kept bool) {
	if w.fired && h.at-w.last >= max(micros(r.Rearm), 1) {
		w.fired, w.armed = false, h.at
	}
	w.last = max(w.last, h.at)
	if w.fired || len(r.values) > 0 && !w.dropOlder(h, micros(r.Threshold.Within)) {
		return 0, false
	}
	// No later occurrence can share a window with what is older. Twice the window is kept, since occurrences that
	// waited for others come late.
	since := w.last - 2*micros(r.Threshold.Within)
	if h.time < since {
		return 0, false
	}
	w.members.insert(h)
	old := sort.Search(len(w.members), func(i int) bool { return w.members[i].time >= since })
	if 2*old >= len(w.members) { // mostly, many are dropped at a time
		w.members.drop(0, old)
		old = 0
	}
	return old, true
}

// keepAgain is keep for an occurrence of before a restart, when the threshold was met by none that counts still.
func (w *window) keepAgain(r *compiled, h *hit) {
	if w.skip = w.skip && h.time < w.armed; !w.skip { // else it was in the finding before, or came with it
		w.keep(r, h)
		if most := 2 * r.Threshold.Count; len(w.members) > most { // of a rule that was changed: it was met, and not told
			w.members.drop(0, len(w.members)-most/2)
		}
	}
}

// check looks from a member on for a stretch that meets the threshold.
func (w *window) check(r *compiled, from int) []*hit {
	for s := (stretchOf{from: from, to: from}); s.to < len(w.members); {
		if w.extend(r, &s); s.sum >= int64(r.Threshold.Count) {
			return w.members[s.from:s.to]
		}
	}
	return nil
}

// A stretchOf is the members [from:to) of a window that lie within the time of the threshold, and what they add up to.
type stretchOf struct {
	from, to int
	sum      int64
}

// extend lets a stretch reach one member further. A stretch is half open: of two occurrences that lie exactly Within apart
// the first is out.
func (w *window) extend(r *compiled, s *stretchOf) {
	m := w.members[s.to]
	s.sum += r.amount(m)
	for w.members[s.from].time <= m.time-micros(r.Threshold.Within) {
		s.sum -= r.amount(w.members[s.from])
		s.from++
	}
	s.to++
}

// amount is what an occurrence adds towards the threshold.
func (c *compiled) amount(m *hit) int64 {
	if len(c.values) > 0 {
		return 1
	}
	return m.weight
}

// dropOlder makes room for h among the members with its value, of which only the latest of those counts that can share a
// stretch. It returns false if that is not h.
func (w *window) dropOlder(h *hit, within int64) bool {
	older := -1
	for i := range w.members {
		m := w.members[i]
		if d := h.time - m.time; d >= within || d <= -within || !bytes.Equal(m.value(), h.value()) {
			continue
		}
		if m.time > h.time {
			return false
		}
		older = i
	}
	if older >= 0 {
		w.members.drop(older, 1)
	}
	return true
}

// maxRoom bounds the members whose memory an empty window keeps.
const maxRoom = 64

// empty drops all members.
func (w *window) empty() {
	if w.members = w.members[:0]; cap(w.members) > maxRoom {
		w.members = nil
	}
}

// reset makes the window as good as new.
func (w *window) reset() {
	w.empty()
	w.last, w.fired, w.armed, w.skip = 0, false, 0, false
}
