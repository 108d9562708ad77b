package automaton

import (
	"math/bits"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Stop tells how far an expression gets in a text that it does not match.
type Stop struct {
	Length int    // bytes of the text that its furthest beginning takes
	Weight int    // how many of them something more precise than "any byte" took: what ranks expressions
	Groups []int  // the capturing groups around the place that goes no further, the innermost last
	Wanted string // what would have to follow there, as a class of bytes, or "the end"
}

// Explain tells where an expression stops in b. It follows all ways through the expression at once, without captures, and
// is meant for people who ask why: it compiles the expression for each call. Mode is Prefix or Whole.
func Explain(expr Expression, mode Mode, b []byte) (Stop, error) {
	n, err := compileNFA([]Expression{expr}, mode, true)
	if err != nil {
		return Stop{}, err
	}
	e := explainer{m: newMachine(n)}
	if utf8.Valid(b) {
		return e.run(b), nil
	}
	text, at := valid(b)
	stop := e.run(text)
	stop.Length = int(at[stop.Length])
	return stop, nil
}

// An explainer follows threads, of which only the place and the weight are known.
type explainer struct {
	m    *Machine
	best thread
	at   int
}

// A thread is a way through the expression. loose: the byte before was taken by a place that takes nearly any byte, so
// that it says little that the thread has come so far.
type thread struct {
	item
	weight int
	loose  bool
}

func (e *explainer) run(b []byte) Stop {
	n := e.m.nfa
	e.best.weight = -1
	threads := []thread{{item: item{pc: n.start}}}
	for p := 0; len(threads) > 0; p++ {
		e.m.b.before, e.m.b.byte = -1, -1
		if p > 0 {
			e.m.b.before = int(b[p-1])
		}
		if p < len(b) {
			e.m.b.byte = int(b[p])
		}
		var next []thread
		seen := map[item]int{}
		for _, t := range threads {
			if t.pending != 0 && e.m.b.byte >= 0 && e.m.b.dies(t.pending) {
				continue
			}
			t.pending = 0
			e.follow(t, p, seen, &next)
		}
		if p >= len(b) {
			break
		}
		slices.SortStableFunc(next, func(x, y thread) int { return y.weight - x.weight })
		threads = next
	}
	i := &n.insts[e.best.pc]
	return Stop{Length: e.at, Weight: max(0, e.best.weight), Groups: n.around[e.best.pc], Wanted: e.wanted(i)}
}

// follow goes on to what takes the byte at p, and notes where a thread waits.
func (e *explainer) follow(t thread, p int, seen map[item]int, next *[]thread) {
	if w, ok := seen[t.item]; ok && w >= t.weight {
		return
	}
	seen[t.item] = t.weight
	i := &e.m.nfa.insts[t.pc]
	switch i.op {
	case opAlt:
		for _, pc := range []uint32{i.out, i.alt} {
			t.pc = pc
			e.follow(t, p, seen, next)
		}
	case opTag:
		t.pc = i.out
		e.follow(t, p, seen, next)
	case opAssert, opLook:
		bit, ok := uint8(0), false
		if i.op == opAssert {
			ok = e.m.b.holds(syntax.EmptyOp(i.arg))
		} else {
			bit, ok = e.m.b.look(int(i.arg))
		}
		if !ok {
			e.waits(t, p)
			return
		}
		t.pc, t.pending = i.out, t.pending|bit
		e.follow(t, p, seen, next)
	case opBytes:
		takes, taken := e.takes(i), false
		loose := takes >= looseBytes
		for _, a := range i.arcs {
			if e.m.b.byte >= 0 && e.m.nfa.sets[a.set].has(byte(e.m.b.byte)) {
				taken = true
				step := thread{item: item{a.out, t.pending}, weight: t.weight, loose: loose}
				if takes < preciseBytes {
					step.weight++
				}
				*next = append(*next, step)
			}
		}
		if !loose || !taken {
			e.waits(t, p)
		}
	}
}

// Of the 128 ASCII bytes, a place that takes so many is any text, but for its quotes; one that takes fewer than the other
// bound says something of the text.
const (
	looseBytes   = 126
	preciseBytes = 90
)

// takes returns the number of ASCII bytes that an instruction takes.
func (e *explainer) takes(i *inst) int {
	n := 0
	for _, a := range i.arcs {
		s := &e.m.nfa.sets[a.set]
		n += bits.OnesCount64(s[0]) + bits.OnesCount64(s[1])
	}
	return n
}

// waits notes that t waits at p, if it has come as far as those before: behind a run, what ends it is wanted rather than more.
func (e *explainer) waits(t thread, p int) {
	if !t.loose && (t.weight > e.best.weight || t.weight == e.best.weight && p >= e.at) {
		e.best, e.at = t, p
	}
}

// wanted says what would have to follow for i to go on.
func (e *explainer) wanted(i *inst) string {
	if i.op == opBytes {
		return e.class(i)
	}
	if i.op == opLook {
		return "another neighbour"
	}
	switch op := syntax.EmptyOp(i.arg); {
	case op&syntax.EmptyEndText != 0:
		return "the end"
	case op&syntax.EmptyEndLine != 0:
		return "the end of a line"
	case op&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0:
		return "the beginning of a line"
	case op&syntax.EmptyNoWordBoundary != 0:
		return "no word boundary"
	}
	return "a word boundary"
}

// class writes the ASCII bytes that an instruction takes.
func (e *explainer) class(i *inst) string {
	var set byteSet
	for _, a := range i.arcs {
		s := e.m.nfa.sets[a.set]
		for w := range set {
			set[w] |= s[w]
		}
	}
	var one []byte
	for c := range 128 {
		if set.has(byte(c)) {
			one = append(one, byte(c))
		}
	}
	if len(one) == 1 && one[0] == '"' {
		return `'"'`
	}
	if len(one) == 1 {
		return strconv.Quote(string(one))
	}
	var b strings.Builder
	b.WriteByte('[')
	negated := len(one) > 64
	if negated {
		b.WriteByte('^')
	}
	for c := 0; c < 128; c++ {
		if set.has(byte(c)) == negated {
			continue
		}
		to := c
		for to < 127 && set.has(byte(to+1)) != negated {
			to++
		}
		b.WriteString(classByte(byte(c)))
		if to > c+1 {
			b.WriteByte('-')
		}
		if to > c {
			b.WriteString(classByte(byte(to)))
		}
		c = to
	}
	b.WriteByte(']')
	return b.String()
}

func classByte(c byte) string {
	if strings.IndexByte(`]\^-`, c) >= 0 {
		return `\` + string(c)
	}
	if c == '"' {
		return `"`
	}
	q := strconv.Quote(string(c))
	return q[1 : len(q)-1]
}
