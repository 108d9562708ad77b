package automaton

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"
)

// localRegs registers need no allocation, and a transition may set one of them without an edge.
const localRegs = 32

// maxRestarts bounds how often a text is begun anew because others made the machine forget; then it has the machine to
// itself.
const maxRestarts = 3

// How a run ends.
const (
	done      = iota
	forgotten // the machine has forgotten the state that the run was in
	invalid   // the text is not UTF-8
)

// match matches valid UTF-8 at b[from:]. steps is how many bytes it looked at, at most.
func (m *Machine) match(b []byte, from int, slots []int32) (expr, steps int) {
	for range maxRestarts {
		if expr, steps, end := m.run(b, from, slots, false); end == done {
			return expr, steps
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	expr, steps, _ = m.run(b, from, slots, true)
	return expr, steps
}

// run goes through b[from:] once, and says how it ended. locked: the caller holds the lock. Bytes beyond ASCII always lead
// to an edge, so that the text need not be known to be UTF-8 before the first of them.
func (m *Machine) run(b []byte, from int, slots []int32, locked bool) (expr, steps, end int) {
	ctx := uint8(0)
	if from > 0 {
		ctx = m.ctx[m.class[b[from-1]]]
	}
	t := m.table.Load()
	begin := t.starts[ctx]
	if begin.row == 0 {
		if !locked {
			m.mu.Lock()
		}
		t, begin = m.first(ctx)
		if !locked {
			m.mu.Unlock()
		}
	}
	var local [localRegs]int32
	var large *[]int32
	regs := local[:]
	if t.regs > localRegs {
		large = largeRegs.Get().(*[]int32)
		*large = more(*large, t.regs)
		regs = *large
	}
	regs[regNone] = -1
	expr = -1
	cells, edges, class := t.cells, t.edges, &m.class
	p, row, next, checked := from, begin.row, begin.ahead, false
	for {
		fast := (*[localRegs]int32)(regs)
		if next != nil {
			p, row = next.pass(b, p, row, fast)
			next = nil
		}
		var c uint64
		p, row, c = walk(&cells[0], class, b, p, row, fast)
		cl := uint32(len(m.rep))
		if p < len(b) {
			if cl = uint32(class[b[p]]); b[p] >= utf8.RuneSelf && !checked {
				if !utf8.Valid(b[p:]) {
					giveBack(large)
					return -1, p - from, invalid
				}
				checked = true
			}
		} else {
			c = atomic.LoadUint64(&cells[row+cl])
		}
		if c>>1 == unknown {
			if !locked {
				m.mu.Lock()
			}
			var ok bool
			t, row, ok = m.extend(t.gen, row, cl)
			if !locked {
				m.mu.Unlock()
			}
			if !ok {
				giveBack(large)
				return -1, p - from, forgotten
			}
			cells, edges, regs = t.cells, t.edges, more(regs, t.regs)
			continue
		}
		if c>>1 == dead {
			break
		}
		if int(c>>1) >= len(edges) { // others have built it since
			gen := t.gen
			if t = m.table.Load(); t.gen != gen {
				giveBack(large)
				return -1, p - from, forgotten
			}
			cells, edges, regs = t.cells, t.edges, more(regs, t.regs)
		}
		e := &edges[c>>1]
		regs[regPlace] = int32(p)
		if f := e.found; f != nil {
			expr = f.expr
			if f.none == nil {
				f.capture(slots, (*[localRegs]int32)(regs))
			} else {
				f.captureFew(slots, regs)
			}
			if e.next == 0 {
				break
			}
		}
		if p >= len(b) {
			break
		}
		for _, mv := range e.moves {
			regs[mv.to] = regs[mv.from]
		}
		regs[e.set] = int32(p)
		row = e.next
		p++
		next = e.ahead
	}
	giveBack(large)
	return expr, p - from, done
}

// walk goes from row over the cells that lead to other rows, up to the first that is an edge or the end of b.
func walk(cells *uint64, class *[256]uint8, b []byte, p int, row uint32, regs *[localRegs]int32) (int, uint32, uint64) {
	c := uint64(0)
	for ; p < len(b); p++ {
		c = cellOf(cells, class[b[p]], row)
		if c&1 != 0 {
			break
		}
		regs[c>>32%localRegs] = int32(p)
		row = uint32(c)
	}
	return p, row, c
}

// cellOf returns cells[row+class]. What has to wait for the state before is only one addition and the load, since row is
// added last and without a check: that is an eighth of the whole time of a match. It is safe because a row comes from no
// other place than the table, which has all cells of its rows: see add, which makes them.
func cellOf(cells *uint64, class uint8, row uint32) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Add(unsafe.Add(unsafe.Pointer(cells), uintptr(class)*8), uintptr(row)*8)))
}

// capture sets the slots of a match. In run there would be no machine registers left for its loop.
//
//go:noinline
func (f *found) capture(slots []int32, regs *[localRegs]int32) {
	out := slots[:len(f.slots)]
	for i, s := range f.slots {
		v := regs[s.tag%localRegs]
		out[i] = v + s.dist&^(v>>31) // -1 stays
	}
}

// captureFew is capture where most captures took no part, or the registers are many.
func (f *found) captureFew(slots []int32, regs []int32) {
	copy(slots[:len(f.slots)], f.none)
	for _, i := range f.few {
		s := f.slots[i]
		v := regs[s.tag]
		slots[i] = v + s.dist&^(v>>31)
	}
}

// largeRegs are the registers of machines that have many.
var largeRegs = sync.Pool{New: func() any { return new([]int32) }}

// giveBack lets another match have the registers.
func giveBack(large *[]int32) {
	if large != nil {
		largeRegs.Put(large)
	}
}

// more returns regs with room for n registers.
func more(regs []int32, n int) []int32 {
	if n <= len(regs) {
		return regs
	}
	return append(regs, make([]int32, n-len(regs))...)
}
