package rules

import "slices"

// members are hits that something keeps, by time. What they were held in serves again: it stands beyond their end.
type members []*hit

// insert keeps a hit, behind those of its time, and returns where it stands.
func (m *members) insert(h *hit) int {
	list, n := *m, len(*m)
	list = slices.Grow(list, 1)[:n+1]
	held := list[n]
	if held == nil {
		held = &hit{}
	}
	at := n
	for ; at > 0 && list[at-1].time > h.time; at-- { // mostly it is the latest
		list[at] = list[at-1]
	}
	list[at] = held
	held.hold(h)
	*m = list
	return at
}

// drop drops n members from the one at i on.
func (m *members) drop(i, n int) {
	if n == 0 {
		return
	}
	list := *m
	if n == 1 {
		gone := list[i]
		copy(list[i:], list[i+1:])
		list[len(list)-1] = gone
	} else {
		rotate(list[i:], n)
	}
	*m = list[:len(list)-n]
}

// rotate puts the first n behind the others.
func rotate(list []*hit, n int) {
	slices.Reverse(list[:n])
	slices.Reverse(list[n:])
	slices.Reverse(list)
}
