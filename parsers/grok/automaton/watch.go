package automaton

import "unicode/utf8"

// A machine watches some texts after it has learned of new ones: what mostly follows a state is laid ahead of it as a stretch.
// A stretch says nothing that the table does not; it only takes it in one step. Tests set the variables lower.
var (
	watchTexts = 64 // it watches so many,
	watchOften = 8  // and lays stretches where so many come by
)

const (
	watchBytes = 512 // of each text
	growth     = 64  // it watches again when it has built so many transitions, and a quarter of those it had
	shortest   = 4   // bytes of a stretch that pay: fewer are gone over one by one as fast
	sharePct   = 80  // so many of the texts that come by have to go the whole stretch

	needlesGain = 3 // looking for needles is so many times as fast as going over the bytes one by one
)

// A watch counts which states texts come by.
type watch struct {
	gen    int // of the table with the states
	texts  int
	visits []*visits // by the number of the state

	needles *needles
	bytes   int // of all texts
	spared  int // of those without needles: that were gone over one by one
}

// visits say how often texts came to a state, and what follows.
type visits struct {
	count int
	texts []string        // up to eight bytes: from the one that takes a text out of the state
	next  map[uint32]bool // rows of the states that follow
}

// watchText notes how a text goes that the machine has gone through just now, and lays stretches when it has seen enough.
func (m *Machine) watchText(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.table.Load()
	if m.watched == nil || m.watched.gen != t.gen {
		m.watched = &watch{gen: t.gen, needles: newNeedles(m.nfa.needles)}
	}
	w := m.watched
	b = b[:min(len(b), watchBytes)]
	bytes := w.follow(m, t, b)
	if w.bytes += len(b); w.needles != nil && !w.needles.in(b) {
		w.spared += bytes
	}
	if w.texts >= watchTexts {
		if w.spared*needlesGain > w.bytes {
			m.filter.Store(w.needles)
		}
		m.lay(t)
		m.watched, m.calm = nil, m.built+m.built/4+growth
		m.watching.Store(false)
	}
}

// follow goes through b as far as the table knows the way, and returns how many bytes it did not pass over as a run.
func (w *watch) follow(m *Machine, t *table, b []byte) (bytes int) {
	w.texts++
	for len(w.visits) < len(t.states) {
		w.visits = append(w.visits, nil)
	}
	var at *visits
	before := uint32(0)
	for row, p := t.starts[0].row, 0; row != 0; p++ {
		n := row / m.row
		if a := t.states[n].ahead; a != nil && a.skip != nil {
			p = a.skip.from(b, p)
		}
		if p >= len(b) {
			break
		}
		bytes++
		if row != before { // a state that follows itself is come to once
			if w.visits[n] == nil {
				w.visits[n] = &visits{next: map[uint32]bool{}}
			}
			at = w.visits[n]
			at.come(b[p:])
		}
		e, ok := t.edge(row + uint32(m.class[b[p]]))
		if !ok {
			break
		}
		at.next[e.next] = true
		before, row = row, e.next
	}
	return bytes
}

// come counts a text that comes to the state.
func (v *visits) come(text []byte) {
	v.count++
	if len(v.texts) < watchTexts {
		v.texts = append(v.texts, string(text[:min(len(text), 8)]))
	}
}

// lay makes the stretches: of the state that texts begin in, of those that stretches end in, and of those that texts come to
// otherwise. The lock is held.
func (m *Machine) lay(t *table) {
	aheads := map[uint32]*ahead{}
	var rows []uint32 // of aheads
	begin := func(row uint32) {
		v := m.watched.at(row / m.row)
		if v == nil || v.count < watchOften || aheads[row] != nil {
			return
		}
		aheads[row] = &ahead{}
		rows = append(rows, row)
	}
	begin(t.starts[0].row)
	for i := 0; i < len(rows); i++ {
		within := m.stretch(&t, rows[i], aheads[rows[i]])
		if a := aheads[rows[i]]; a.length > 0 {
			begin(a.next)
		}
		for row := range within {
			v := m.watched.at(row / m.row)
			if v == nil {
				continue
			}
			for next := range v.next {
				if !within[next] {
					begin(next)
				}
			}
		}
	}
	for _, row := range rows { // all of them first: they lead to each other, and others follow them as soon as one is set
		a := aheads[row]
		a.skip = t.states[row/m.row].skip()
		if a.then = aheads[a.next]; a.then == nil {
			a.then = t.states[a.next/m.row].ahead
		}
	}
	for _, row := range rows {
		a, old := aheads[row], t.states[row/m.row].ahead
		if a.length == 0 && (old == nil || old.length == 0) {
			continue
		}
		m.b.setAhead(&t, row, a)
	}
	m.table.Store(t)
}

// at returns the visits of state n, nil if there were none.
func (w *watch) at(n uint32) *visits {
	if int(n) < len(w.visits) {
		return w.visits[n]
	}
	return nil
}

// skip returns what passes over the run of bytes that leave the state as it is, nil if nothing does.
func (st *state) skip() *skip {
	if st.ahead == nil {
		return nil
	}
	return st.ahead.skip
}

// stretch makes the stretch of a, the ahead of a state, of what mostly follows, unless that is too short. It returns the rows
// of the states that texts go by in it, at least that of the state.
func (m *Machine) stretch(t **table, row uint32, a *ahead) (within map[uint32]bool) {
	texts := m.watched.at(row / m.row).texts
	enough := max(1, len(texts)*sharePct/100)
	way := []uint32{row}
	for a.length < 8 && (a.length == 0 || (*t).states[row/m.row].skip() == nil) {
		lo, hi, e, left := m.mostly(t, row, texts, a.length)
		if len(left) < enough {
			break
		}
		a.add(lo, hi, e.set)
		texts, row = left, e.next
		way = append(way, row)
	}
	// bytes of which any number may come shall not be within: where the stretch ends is counted as where texts come first
	for ; a.length > 0 && way[a.length-1] == way[a.length]; way = way[:a.length+1] {
		a.cut()
	}
	a.next = row
	if a.length < shortest && (*t).states[row/m.row].skip() == nil {
		a.length = 0
	}
	within = map[uint32]bool{way[0]: true}
	for _, r := range way[:a.length] {
		within[r] = true
	}
	return within
}

// mostly returns the transition that most texts take from a state, whose byte stands at their place p, for which bytes it is
// taken, as a range around the most frequent one, and the texts that take it. Transitions that a stretch cannot take are none.
func (m *Machine) mostly(t **table, row uint32, texts []string, p int) (lo, hi byte, e edge, left []string) {
	var counts [256]int
	most := byte(0)
	for _, text := range texts {
		if p < len(text) {
			if counts[text[p]]++; counts[text[p]] > counts[most] {
				most = text[p]
			}
		}
	}
	if most >= '0' && most <= '9' { // one digit is like another, if the first texts had it or not
		for c := byte('0'); c <= '9'; c++ {
			if class := uint32(m.class[c]); (*t).cells[row+class] == unknown<<1|1 {
				m.b.transition(t, row, class)
			}
		}
	}
	e, ok := m.plain(*t, row, most)
	if !ok {
		return 0, 0, edge{}, nil
	}
	same := func(c byte) bool {
		o, ok := m.plain(*t, row, c)
		return ok && o.next == e.next && o.set == e.set
	}
	for lo = most; lo > 0 && same(lo-1); {
		lo--
	}
	for hi = most; hi < highest && same(hi+1); {
		hi++
	}
	for _, text := range texts {
		if p < len(text) && lo <= text[p] && text[p] <= hi {
			left = append(left, text)
		}
	}
	return lo, hi, e, left
}

// plain returns the transition from a state by an ASCII byte, if it does no more than lead on and take the place.
func (m *Machine) plain(t *table, row uint32, c byte) (e edge, ok bool) {
	if c >= utf8.RuneSelf {
		return edge{}, false
	}
	e, ok = t.edge(row + uint32(m.class[c]))
	return e, ok && e.next != 0 && e.found == nil && len(e.moves) == 0 && e.set < localRegs
}

// edge returns the transition of a cell, and false if it is unknown or none.
func (t *table) edge(cell uint32) (edge, bool) {
	c := t.cells[cell]
	switch {
	case c&1 == 0:
		return edge{next: uint32(c), set: uint16(c >> 32)}, true
	case c>>1 == unknown || c>>1 == dead:
		return edge{}, false
	}
	return t.edges[c>>1], true
}
