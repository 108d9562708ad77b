package transactions

import (
	"fmt"
	"slices"
)

// graph makes sessions' locks and waits of the facts, and finds the cycle.
func (g *reading) graph() {
	d := g.d
	for i := range g.facts {
		f := &g.facts[i]
		if f.session < 0 {
			continue
		}
		s := &d.Sessions[f.session]
		if f.waits {
			s.Wants = addLock(s.Wants, f.lock)
		} else {
			s.Holds = addLock(s.Holds, f.lock)
		}
	}
	for i := range g.facts {
		if f := &g.facts[i]; f.waits && f.session >= 0 {
			g.waitsOf(f)
		}
	}
	g.infer()
	d.Cycle = d.cycle()
	if g.Note != "" {
		d.doubt("%s", g.Note)
		return
	}
	if len(d.Cycle) == 0 && !d.Cut {
		d.doubt("the waits that are told make no cycle")
	}
}

// own gives each fact its session.
func (g *reading) own() {
	for i := range g.facts {
		f := &g.facts[i]
		if f.session >= 0 {
			continue
		}
		if f.session = g.owner(f.of); f.session < 0 {
			g.d.doubt("a lock is of %q, which is none of the sessions", f.of)
		}
	}
}

// owner returns the session of a key or a transaction, -1 if there is none.
func (g *reading) owner(name string) int {
	if i, ok := g.byKey[name]; ok {
		return i
	}
	return slices.IndexFunc(g.d.Sessions, func(s Session) bool { return name != "" && s.Transaction == name })
}

// doubt notes what contradicts itself, each thing once.
func (d *Deadlock) doubt(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(d.Doubts, s) && len(d.Doubts) < 10 {
		d.Doubts = append(d.Doubts, s)
	}
}

// addLock adds a lock that is not there yet; a report may tell of one twice.
func addLock(list []Lock, l Lock) []Lock {
	for i := range list {
		o := &list[i]
		if o.Mode == l.Mode && o.On == l.On && o.Resource == l.Resource && o.Table == l.Table && o.Index == l.Index && slices.Equal(o.Rows, l.Rows) {
			return list
		}
	}
	return append(list, l)
}

// waitsOf adds the waits that follow from a wanted lock: for the holder it names, or for those who hold the same.
func (g *reading) waitsOf(f *fact) {
	if f.holder != "" {
		if to := g.owner(f.holder); to >= 0 && to != f.session {
			g.d.addWait(Wait{From: f.session, To: to, Lock: f.lock})
		}
		return
	}
	for i := range g.facts {
		h := &g.facts[i]
		if !h.waits && h.session >= 0 && h.session != f.session && h.lock.same(&f.lock) {
			g.d.addWait(Wait{From: f.session, To: h.session, Lock: f.lock})
		}
	}
}

func (d *Deadlock) addWait(w Wait) {
	if d.wait(w.From, w.To) == nil {
		d.Waits = append(d.Waits, w)
	}
}

// same reports whether two locks are of the same thing.
func (l *Lock) same(o *Lock) bool {
	if l.Resource == "" || l.Resource != o.Resource || l.Index != o.Index {
		return false
	}
	if len(l.Rows) == 0 || len(o.Rows) == 0 {
		return true
	}
	return slices.ContainsFunc(l.Rows, func(row string) bool { return slices.Contains(o.Rows, row) })
}

// infer adds the one wait that must be there: where all but one session are waited for, and all but one wait is told of.
// InnoDB until MySQL 5.7 does not say what the first transaction holds.
func (g *reading) infer() {
	waiting, waited := -1, -1
	for i := range g.d.Sessions {
		if len(g.d.Sessions[i].Wants) > 0 && !slices.ContainsFunc(g.d.Waits, func(w Wait) bool { return w.From == i }) {
			if waiting >= 0 {
				return
			}
			waiting = i
		}
		if !slices.ContainsFunc(g.d.Waits, func(w Wait) bool { return w.To == i }) {
			if waited >= 0 {
				return
			}
			waited = i
		}
	}
	if waiting >= 0 && waited >= 0 && waiting != waited {
		g.d.Waits = append(g.d.Waits, Wait{From: waiting, To: waited, Lock: g.d.Sessions[waiting].Wants[0], Inferred: true})
	}
}

// cycle returns the shortest way from a victim along the waits back to it; without a victim, from any session.
func (d *Deadlock) cycle() []int {
	var starts []int
	for i := range d.Sessions {
		if d.Sessions[i].Victim {
			starts = append(starts, i)
		}
	}
	for i := range d.Sessions {
		if !d.Sessions[i].Victim {
			starts = append(starts, i)
		}
	}
	for _, start := range starts {
		if way := d.back(start); way != nil {
			return way
		}
	}
	return nil
}

// back returns the shortest way from start back to it, without its end; nil if there is none.
func (d *Deadlock) back(start int) []int {
	came := map[int]int{}
	queue := []int{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, w := range d.Waits {
			if w.From != at {
				continue
			}
			if w.To == start {
				way := []int{at}
				for at != start {
					at = came[at]
					way = append(way, at)
				}
				slices.Reverse(way)
				return way
			}
			if _, seen := came[w.To]; !seen {
				came[w.To] = at
				queue = append(queue, w.To)
			}
		}
	}
	return nil
}
