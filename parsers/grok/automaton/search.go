package automaton

import "unicode/utf8"

// A search may look at so many bytes for each byte of the text, and so many more, before it goes over to the machine that
// finds the beginning of a match itself: larger, but it looks at each byte once. Tests set them lower.
var slowSearch, slowStart = 8, 4096

// find matches anywhere in valid UTF-8: it tries each place, since at nearly all of them the first byte tells that no
// match begins there.
func (m *Machine) find(b []byte, slots []int32) int {
	left := slowSearch*len(b) + slowStart
	for p := 0; p <= len(b); p++ {
		if p < len(b) && !utf8.RuneStart(b[p]) {
			continue
		}
		expr, steps := m.match(b, p, slots)
		if expr >= 0 {
			return expr
		}
		if left -= steps; left < 0 {
			expr, _ = m.looping().match(b, 0, slots)
			return expr
		}
	}
	return -1
}

// looping returns the machine whose expressions begin by passing over any text, as little as possible.
func (m *Machine) looping() *Machine {
	m.once.Do(func() {
		n := *m.nfa
		n.insts = append([]inst(nil), m.nfa.insts...)
		loop := n.emit(inst{op: opAlt, out: m.nfa.start})
		any := n.emit(inst{op: opBytes, arcs: n.runes([]rune{0, utf8.MaxRune}, loop)})
		n.insts[loop].alt = any
		n.start = loop
		n.reach()
		m.loop = newMachine(&n)
	})
	return m.loop
}
