package automaton

import "sync/atomic"

// localRegs registers need no allocation.
const localRegs = 64

// maxRestarts bounds how often a text is begun anew because others made the machine forget; then it has the machine to
// itself.
const maxRestarts = 3

// match matches valid UTF-8 at b[from:]. steps is how many bytes it looked at, at most.
func (m *Machine) match(b []byte, from int, slots []int32) (expr, steps int) {
	for range maxRestarts {
		if expr, steps, ok := m.run(b, from, slots, false); ok {
			return expr, steps
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	expr, steps, _ = m.run(b, from, slots, true)
	return expr, steps
}

// run does the work of match; ok is false if the machine has forgotten the state that it was in. locked: the caller
// holds the lock.
func (m *Machine) run(b []byte, from int, slots []int32, locked bool) (expr, steps int, ok bool) {
	ctx := uint8(0)
	if from > 0 {
		ctx = m.ctx[m.class[b[from-1]]]
	}
	t := m.table.Load()
	row := t.starts[ctx]
	if row == 0 {
		if !locked {
			m.mu.Lock()
		}
		t, row = m.first(ctx)
		if !locked {
			m.mu.Unlock()
		}
	}
	var local, best [localRegs]int32
	regs, res := grown(local[:], t.regs), grown(best[:], m.nfa.tags)
	regs[regNone] = -1
	expr = -1
	cells, class := t.cells, &m.class
	p := from
	for {
		var c uint32
		for p < len(b) {
			c = atomic.LoadUint32(&cells[row+uint32(class[b[p]])])
			if c&1 != 0 {
				break
			}
			row = c >> 1
			p++
		}
		cl := m.row - 1
		if p < len(b) {
			cl = uint32(class[b[p]])
		} else {
			c = atomic.LoadUint32(&cells[row+cl])
		}
		if c>>1 == unknown {
			if !locked {
				m.mu.Lock()
			}
			t, row, ok = m.extend(t.gen, row, cl)
			if !locked {
				m.mu.Unlock()
			}
			if !ok {
				return -1, p - from, false
			}
			cells, regs = t.cells, grown(regs, t.regs)
			if c = atomic.LoadUint32(&cells[row+cl]); c&1 == 0 {
				row = c >> 1
				p++
				continue
			}
		}
		if c>>1 == dead {
			break
		}
		if int(c>>1) >= len(t.edges) { // others have built it since
			gen := t.gen
			if t = m.table.Load(); t.gen != gen {
				return -1, p - from, false
			}
			cells, regs = t.cells, grown(regs, t.regs)
		}
		e := &t.edges[c>>1]
		if f := e.found; f != nil {
			expr = f.expr
			for i, r := range f.regs {
				if r == place {
					res[i] = int32(p)
				} else {
					res[i] = regs[r]
				}
			}
		}
		if e.next == 0 || p >= len(b) {
			break
		}
		for _, mv := range e.moves {
			if mv.from == place {
				regs[mv.to] = int32(p)
			} else {
				regs[mv.to] = regs[mv.from]
			}
		}
		row = e.next
		p++
		if e.skip != nil {
			p = e.skip.from(b, p)
		}
	}
	if expr >= 0 {
		m.nfa.exprs[expr].fill(slots, res)
	}
	return expr, p - from, true
}

// fill sets the slots of the expression from its tags.
func (e *expression) fill(slots, tags []int32) {
	for i, s := range e.slots {
		v := tags[s.tag]
		if v >= 0 {
			v += s.dist
		}
		slots[i] = v
	}
}

// grown returns s with room for n numbers.
func grown(s []int32, n int) []int32 {
	if n <= len(s) {
		return s
	}
	return append(s, make([]int32, n-len(s))...)
}
