// Package automaton matches regular expressions in time that does not depend on them: a lazy tagged DFA over bytes.
//
// It stands below parsers/grok, which expands grok expressions into regular expressions and asks a Machine what they
// capture, and below storage/query, which asks whether a value matches. Several expressions become one machine; which of them matched, and with which captures, is what trying them
// one after the other with Go's regexp would say (leftmost-first).
//
// The states are lists of places in the expressions, in the order of their priority, each with the registers that hold
// its captures; they are built when a text first leads to them (R. Cox, Regular Expression Matching in the Wild, 2010,
// for lazy building; V. Laurikari, NFAs with Tagged Transitions, 2000, and U. Trofimovich, Tagged Deterministic Finite
// Automata with Lookahead, 2017, for captures in registers). A state that only waits for the end of a run of bytes skips
// the run.
package automaton

import (
	"fmt"
	"regexp/syntax"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// A Mode says where in the text an expression has to stand.
type Mode int

// The modes of a Machine.
const (
	Search Mode = iota // anywhere; the leftmost match counts, of several expressions that match there the first
	Prefix             // at the beginning of the text
	Whole              // from its beginning to its end
)

// An Expression is a regular expression in the syntax of Go's regexp, in which the rune Marker+k stands for Looks[k]. All
// its capturing groups are captures, unless it is only to be told whether it matches.
type Expression struct {
	Text       string
	Looks      []Look
	NoCaptures bool
}

// A Look is an assertion about the bytes beside a place, which Go's syntax lacks: (?=[…]), (?![…]), (?<=[…]), (?<![…]),
// and of two ASCII bytes (?![…][…]). At the edges of the text there is no byte: negative assertions hold there.
type Look struct {
	Behind   bool
	Negative bool
	First    [256]bool
	Second   *[256]bool // only ahead and negative
}

// Marker is the rune that stands for look 0 of an expression; look k is Marker+k, up to MaxLooks.
const (
	Marker   = 0x10F000
	MaxLooks = 0xF00
)

// A Machine matches one or more expressions. It is safe for concurrent use: what it learns about one text serves all.
type Machine struct {
	nfa   *nfa
	class [256]uint8 // byte → class
	rep   []byte     // class → one of its bytes; the class after the last is the end of the text
	ctx   []uint8    // class → what assertions can know of it when it is the byte before; the last: no byte before
	pre   []int      // context → a class that has it, -1 for the beginning of the text
	row   uint32     // classes and the end of the text: the length of a row of the table

	table atomic.Pointer[table]
	mu    sync.Mutex // of everything that builds
	b     builder

	forgot  time.Time // when it forgot last
	hasty   int       // how often in a row it forgot soon after
	restive atomic.Bool

	// none has a bit for each ASCII byte of which is known that no expression matches a text that begins with it.
	none   [2]atomic.Uint64
	filter atomic.Pointer[needles] // texts without them need not be gone through; nil: there are none, or it does not pay

	watching atomic.Bool // whether texts are watched
	watched  *watch
	built    int // transitions
	calm     int // so many may be built before texts are watched again

	search bool
	once   sync.Once
	loop   *Machine // of a search: the same that passes over what stands before a match itself
}

// limits of what a machine remembers; beyond, it forgets and learns anew. Tests set them lower.
var (
	maxStates = 8192
	maxBytes  = 8 << 20
)

// A machine that has to forget soon after it forgot, so many times in a row, spends its time on building.
const (
	soon     = 10 * time.Second
	tooHasty = 3
)

// Restive reports whether the machine spends its time on building states that it forgets again. Several expressions
// together may have far more states than each has alone: then they are better off in machines of their own.
func (m *Machine) Restive() bool { return m.restive.Load() }

// Check returns the error of Go's parser on an expression, nil if it takes it.
func Check(expr Expression) error {
	_, err := syntax.Parse(doubleMarkers(expr.Text), syntax.Perl)
	if err != nil {
		return fmt.Errorf("parse the expression: %w", err)
	}
	return nil
}

// Compile builds a machine. Expressions that Go's parser refuses are errors, and so is what is too large for a machine to
// be worth it.
func Compile(exprs []Expression, mode Mode) (*Machine, error) {
	n, err := compileNFA(exprs, mode, false)
	if err != nil {
		return nil, err
	}
	m := newMachine(n)
	if m.search = mode == Search; m.search {
		m.filter.Store(newNeedles(n.needles))
	}
	return m, nil
}

func newMachine(n *nfa) *Machine {
	m := &Machine{nfa: n}
	m.classes()
	m.b.init(m)
	m.watching.Store(true)
	m.table.Store(m.newTable(0))
	return m
}

// Len returns the number of expressions.
func (m *Machine) Len() int { return len(m.nfa.exprs) }

// Slots returns the number of slots of expression i: two a capture.
func (m *Machine) Slots(i int) int { return len(m.nfa.exprs[i].slots) }

// Stats says how large the machine has grown.
type Stats struct {
	Places  int // in the expressions
	States  int
	Bytes   int // of the table and what belongs to it, about
	Flushes int // how often it had to forget
}

// Stats returns the present size.
func (m *Machine) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.table.Load()
	return Stats{Places: len(m.nfa.insts), States: len(t.states) - 1, Flushes: t.gen, Bytes: t.bytes()}
}

// Match returns the number of the first expression that matches b, from 0, or -1. Capture i of that expression then is
// b[slots[2*i]:slots[2*i+1]], both -1 where it took no part. Without a match slots is left as it is.
func (m *Machine) Match(b []byte, slots []int32) int {
	if len(b) > 0 && b[0] < utf8.RuneSelf && m.none[b[0]/64].Load()>>(b[0]%64)&1 != 0 {
		return -1
	}
	if f := m.filter.Load(); f != nil && !f.in(b) {
		return -1
	}
	if m.search {
		if !utf8.Valid(b) {
			return m.matchInvalid(b, slots)
		}
		return m.find(b, slots)
	}
	expr, steps, end := m.run(b, 0, slots, false)
	switch {
	case end == done:
		if expr < 0 && steps == 0 && len(b) > 0 && b[0] < utf8.RuneSelf {
			m.none[b[0]/64].Or(1 << (b[0] % 64))
		}
		if m.watching.Load() {
			m.watchText(b)
		}
		return expr
	case end == invalid || !utf8.Valid(b):
		return m.matchInvalid(b, slots)
	}
	expr, _ = m.match(b, 0, slots)
	return expr
}

// matchInvalid matches a text that is not UTF-8. As for Go's regexp, each byte that belongs to no rune is U+FFFD.
func (m *Machine) matchInvalid(b []byte, slots []int32) int {
	text, at := valid(b)
	expr := m.Match(text, slots)
	if expr >= 0 {
		for i := range m.Slots(expr) {
			if slots[i] >= 0 {
				slots[i] = at[slots[i]]
			}
		}
	}
	return expr
}

// valid returns b as UTF-8, and for each place in it the one in b.
func valid(b []byte) (text []byte, at []int32) {
	text, at = make([]byte, 0, len(b)+16), make([]int32, 0, len(b)+17)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		text = utf8.AppendRune(text, r)
		for len(at) < len(text) {
			at = append(at, int32(i))
		}
		i += n
	}
	return text, append(at, int32(len(b)))
}

// classes makes the partition of the bytes that no expression and no assertion tells apart.
func (m *Machine) classes() {
	sets := m.nfa.distinguished()
	ids := map[string]uint8{}
	sig := make([]byte, len(sets))
	for c := range 256 {
		for i := range sets {
			sig[i] = '0'
			if sets[i].has(byte(c)) {
				sig[i] = '1'
			}
		}
		id, ok := ids[string(sig)]
		if !ok {
			id = uint8(len(ids))
			ids[string(sig)] = id
			m.rep = append(m.rep, byte(c))
		}
		m.class[c] = id
	}
	m.row = (uint32(len(m.rep)) + 2) &^ 1 // even, so that rows are; the last class is the end of the text
	m.contexts()
}

// contexts numbers what assertions can tell of the byte before a place.
func (m *Machine) contexts() {
	ids := map[string]uint8{}
	m.pre = append(m.pre, -1)
	ids[m.nfa.behind(-1)] = 0
	for c := range m.rep {
		sig := m.nfa.behind(int(m.rep[c]))
		id, ok := ids[sig]
		if !ok {
			id = uint8(len(m.pre))
			ids[sig] = id
			m.pre = append(m.pre, c)
		}
		m.ctx = append(m.ctx, id)
	}
	m.ctx = append(m.ctx, 0) // the beginning of the text
}

func (m *Machine) String() string {
	s := m.Stats()
	return fmt.Sprintf("%d places, %d states, %d bytes", s.Places, s.States, s.Bytes)
}
