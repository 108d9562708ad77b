package automaton

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The operations of an nfa.
const (
	opBytes  = iota // take a byte
	opAlt           // out first, then alt
	opTag           // note the place in tag arg
	opAssert        // go on if the syntax.EmptyOp arg holds
	opLook          // go on if look arg holds
	opMatch         // expression arg matches
	opFail
)

type inst struct {
	op   uint8
	arg  uint32
	out  uint32
	alt  uint32
	arcs []arc
}

// An arc takes one byte of a set. The arcs of an instruction exclude each other.
type arc struct {
	set uint32 // index of nfa.sets
	out uint32
}

// An nfa is the program of all expressions, over bytes of valid UTF-8.
type nfa struct {
	insts       []inst
	start       uint32
	exprs       []expression
	sets        []byteSet
	setIDs      map[byteSet]uint32
	looks       []Look
	seconds     []int          // the bit of a look of two bytes among the pending ones, -1 for others
	second      []byteSet      // by that bit
	ops         syntax.EmptyOp // all that are asserted
	around      [][]int        // instruction → the groups of the expression around it, where keepGroups asked for that
	keepGroups  bool
	tags        int      // the largest number of tags of an expression
	behindReach []bool   // instructions from which an assertion about the byte before can be met before a byte is taken
	needles     []string // one of which stands in every text that matches; nil if there are none
	anyRune     []anyRune
	surely      []bool // instructions from which every text matches to its end; nil if there are none
}

// An expression knows how its slots follow from its tags.
type expression struct {
	slots []slotSource
	tags  int
	none  []int32 // -1 for each slot
}

// A slotSource is a tag, and the distance at which the slot always follows it.
type slotSource struct {
	tag  uint32
	dist int32
}

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
}

func (s *byteSet) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func setOf(b *[256]bool) byteSet {
	var s byteSet
	for c, ok := range b {
		if ok {
			s.add(byte(c), byte(c))
		}
	}
	return s
}

// maxInsts bounds the program: beyond it, building states costs more than it saves.
const maxInsts = 200_000

// maxPending bounds the different looks of two bytes.
const maxPending = 8

var errTooLarge = errors.New("the expression is too large for an automaton")

func compileNFA(exprs []Expression, mode Mode, keepGroups bool) (*nfa, error) {
	n := &nfa{setIDs: map[byteSet]uint32{}, keepGroups: keepGroups}
	n.emit(inst{op: opFail}) // 0 is no place
	var starts []uint32
	for i := range exprs {
		start, err := n.expression(i, &exprs[i], mode)
		if err != nil {
			return nil, err
		}
		starts = append(starts, start)
	}
	n.start = n.choice(starts)
	n.reach()
	if mode == Whole {
		n.sure()
	}
	return n, nil
}

// choice returns the instruction that tries the places in order.
func (n *nfa) choice(places []uint32) uint32 {
	at := uint32(0)
	for i := len(places) - 1; i >= 0; i-- {
		if at == 0 {
			at = places[i]
		} else {
			at = n.emit(inst{op: opAlt, out: places[i], alt: at})
		}
	}
	return at
}

// lookID returns the number of a look, the same for equal ones.
func (n *nfa) lookID(l *Look) (uint32, error) {
	for i := range n.looks {
		o := &n.looks[i]
		if o.Behind == l.Behind && o.Negative == l.Negative && o.First == l.First && (o.Second == nil) == (l.Second == nil) &&
			(o.Second == nil || *o.Second == *l.Second) {
			return uint32(i), nil
		}
	}
	bit := -1
	if l.Second != nil {
		if l.Behind || !l.Negative {
			return 0, errors.New("only a negative look-ahead may have two bytes")
		}
		if bit = n.pendingBit(setOf(l.Second)); bit >= maxPending {
			return 0, errors.New("too many different look-ahead assertions of two bytes")
		}
	}
	n.looks, n.seconds = append(n.looks, *l), append(n.seconds, bit)
	return uint32(len(n.looks) - 1), nil
}

func (n *nfa) pendingBit(s byteSet) int {
	for bit := range n.second {
		if n.second[bit] == s {
			return bit
		}
	}
	n.second = append(n.second, s)
	return len(n.second) - 1
}

func (n *nfa) emit(i inst) uint32 {
	n.insts = append(n.insts, i)
	return uint32(len(n.insts) - 1)
}

func (n *nfa) set(s byteSet) uint32 {
	id, ok := n.setIDs[s]
	if !ok {
		id = uint32(len(n.sets))
		n.sets = append(n.sets, s)
		n.setIDs[s] = id
	}
	return id
}

// expression adds one expression and returns where it begins.
func (n *nfa) expression(id int, expr *Expression, mode Mode) (uint32, error) {
	re, err := syntax.Parse(doubleMarkers(expr.Text), syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("parse the expression: %w", err)
	}
	if expr.NoCaptures {
		re = withoutCaptures(re)
	}
	e := distances(re)
	n.tags = max(n.tags, e.tags)
	re = re.Simplify()
	switch needles := needOf(re).needles(); {
	case needles == nil:
		n.needles = nil
	case id == 0 || n.needles != nil:
		n.needles = append(n.needles, needles...)
	}
	prog, err := syntax.Compile(re)
	if err != nil {
		return 0, fmt.Errorf("compile the expression: %w", err)
	}
	n.exprs = append(n.exprs, e)
	p := progCompiler{n: n, prog: prog, at: make([]uint32, len(prog.Inst)), expr: uint32(id), looks: expr.Looks, whole: mode == Whole}
	start := p.place(uint32(prog.Start))
	if len(n.insts) > maxInsts {
		return 0, errTooLarge
	}
	if n.keepGroups {
		n.around = make([][]int, len(n.insts))
		groups := groupsOf(prog)
		for pc, at := range p.at {
			n.around[at] = groups[pc]
		}
	}
	return start, p.err
}

// withoutCaptures returns the tree, which it changes, with groups that capture nothing.
func withoutCaptures(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	for i, sub := range re.Sub {
		re.Sub[i] = withoutCaptures(sub)
	}
	return re
}

// groupsOf returns for each instruction of a program the groups around it.
func groupsOf(prog *syntax.Prog) [][]int {
	groups := make([][]int, len(prog.Inst))
	seen := make([]bool, len(prog.Inst))
	var walk func(pc uint32, in []int)
	walk = func(pc uint32, in []int) {
		for !seen[pc] {
			seen[pc], groups[pc] = true, in
			i := &prog.Inst[pc]
			switch i.Op {
			case syntax.InstMatch, syntax.InstFail:
				return
			case syntax.InstAlt, syntax.InstAltMatch:
				walk(i.Arg, in)
			case syntax.InstCapture:
				if i.Arg%2 == 0 {
					in = append(in[:len(in):len(in)], int(i.Arg/2))
				} else {
					in = in[:len(in)-1]
				}
			}
			pc = i.Out
		}
	}
	walk(uint32(prog.Start), nil)
	return groups
}

// doubleMarkers writes each marker twice, so that the parser does not make a class of a marker beside another rune.
func doubleMarkers(expr string) string {
	if !strings.ContainsFunc(expr, isMarker) {
		return expr
	}
	var b strings.Builder
	for _, r := range expr {
		b.WriteRune(r)
		if isMarker(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isMarker(r rune) bool { return r >= Marker && r < Marker+MaxLooks }

// A progCompiler translates one program of regexp/syntax, which works on runes.
type progCompiler struct {
	n     *nfa
	prog  *syntax.Prog
	at    []uint32 // where each instruction was put; 0: nowhere yet
	expr  uint32
	looks []Look
	whole bool
	err   error
}

// place returns the instruction that pc of the program became. The work is a list instead of a recursion, since programs
// may be long chains; instructions are put before what they lead to, so that loops close.
func (p *progCompiler) place(pc uint32) uint32 {
	first := p.reserve(pc)
	for work := []uint32{pc}; len(work) > 0; {
		pc := p.skip(work[len(work)-1])
		work = work[:len(work)-1]
		at := p.at[pc]
		if p.n.insts[at].op != opReserved {
			continue
		}
		work = p.fill(pc, at, work)
		if len(p.n.insts) > maxInsts {
			p.err = errTooLarge
			return first
		}
	}
	return first
}

// opReserved is an instruction whose place is known and whose content is not.
const opReserved = 255

// reserve returns the place of pc.
func (p *progCompiler) reserve(pc uint32) uint32 {
	pc = p.skip(pc)
	if p.at[pc] == 0 {
		p.at[pc] = p.n.emit(inst{op: opReserved})
	}
	return p.at[pc]
}

// skip passes over instructions that do nothing, and over captures that follow another at a fixed distance.
func (p *progCompiler) skip(pc uint32) uint32 {
	for range len(p.prog.Inst) {
		i := &p.prog.Inst[pc]
		if i.Op != syntax.InstNop && !(i.Op == syntax.InstCapture && !p.tagged(i.Arg)) {
			return pc
		}
		pc = i.Out
	}
	return pc
}

// tagged reports whether slot of the program is a tag of its own.
func (p *progCompiler) tagged(slot uint32) bool {
	if slot < 2 {
		return false
	}
	return p.n.exprs[p.expr].slots[slot-2].dist == 0
}

func (p *progCompiler) fill(pc, at uint32, work []uint32) []uint32 {
	i := &p.prog.Inst[pc]
	next := func(pc uint32) uint32 {
		work = append(work, pc)
		return p.reserve(pc)
	}
	switch i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		out, alt := next(i.Out), next(i.Arg)
		p.n.insts[at] = inst{op: opAlt, out: out, alt: alt}
	case syntax.InstCapture:
		out := next(i.Out)
		p.n.insts[at] = inst{op: opTag, arg: uint32(p.n.exprs[p.expr].slots[i.Arg-2].tag), out: out}
	case syntax.InstEmptyWidth:
		out := next(i.Out)
		p.n.ops |= syntax.EmptyOp(i.Arg)
		p.n.insts[at] = inst{op: opAssert, arg: i.Arg, out: out}
	case syntax.InstMatch:
		if p.whole {
			p.n.insts[at] = inst{op: opAssert, arg: uint32(syntax.EmptyEndText), out: p.n.emit(inst{op: opMatch, arg: p.expr})}
		} else {
			p.n.insts[at] = inst{op: opMatch, arg: p.expr}
		}
	case syntax.InstFail:
		p.n.insts[at] = inst{op: opFail}
	default:
		if len(i.Rune) == 1 && isMarker(i.Rune[0]) {
			k := int(i.Rune[0] - Marker)
			if k >= len(p.looks) {
				p.err = fmt.Errorf("the expression holds U+%X, which is reserved", i.Rune[0])
				return nil
			}
			id, err := p.n.lookID(&p.looks[k])
			if err != nil {
				p.err = err
				return nil
			}
			out := next(p.prog.Inst[i.Out].Out) // past the marker's double
			p.n.insts[at] = inst{op: opLook, arg: id, out: out}
			break
		}
		out, first := next(i.Out), uint32(len(p.n.insts))
		ranges := runesOf(i)
		p.n.insts[at] = inst{op: opBytes, arcs: p.n.runes(ranges, out)}
		if len(ranges) == 2 && ranges[0] == 0 && ranges[1] == unicode.MaxRune {
			p.n.anyRune = append(p.n.anyRune, anyRune{at, out, first, uint32(len(p.n.insts))})
		}
	}
	return work
}

// runesOf returns the ranges of runes that an instruction takes.
func runesOf(i *syntax.Inst) []rune {
	switch i.Op {
	case syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(i.Rune) != 1 { // none: the class is empty
		return i.Rune
	}
	r := i.Rune[0]
	out := []rune{r, r}
	if syntax.Flags(i.Arg)&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			out = append(out, f, f)
		}
	}
	return out
}

// distinguished returns the sets of bytes that expressions or assertions tell apart.
func (n *nfa) distinguished() []byteSet {
	var ascii byteSet
	ascii.add(0, utf8.RuneSelf-1)
	sets := append([]byteSet{ascii}, n.sets...)
	if n.ops&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0 {
		var s byteSet
		s.add('\n', '\n')
		sets = append(sets, s)
	}
	if n.ops&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 {
		var s byteSet
		for c := range 256 {
			if syntax.IsWordChar(rune(c)) && c < 128 {
				s.add(byte(c), byte(c))
			}
		}
		sets = append(sets, s)
	}
	for i := range n.looks {
		sets = append(sets, setOf(&n.looks[i].First))
	}
	return append(sets, n.second...)
}

// behind writes down what assertions can tell of a byte before a place; -1 is the beginning of the text.
func (n *nfa) behind(c int) string {
	sig := []byte{'.', '.'}
	if n.ops&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0 {
		switch {
		case c < 0:
			sig[0] = 'A'
		case c == '\n' && n.ops&syntax.EmptyBeginLine != 0:
			sig[0] = 'n'
		}
	}
	if n.ops&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 && c >= 0 && c < 128 && syntax.IsWordChar(rune(c)) {
		sig[1] = 'w'
	}
	for i := range n.looks {
		if l := &n.looks[i]; l.Behind {
			bit := byte('0')
			if c >= 0 && l.First[c] {
				bit = '1'
			}
			sig = append(sig, bit)
		}
	}
	return string(sig)
}

// reach finds the instructions from which an assertion about the byte before can be met before a byte is taken.
func (n *nfa) reach() {
	const behindOps = syntax.EmptyBeginText | syntax.EmptyBeginLine | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	from := make([][]uint32, len(n.insts))
	n.behindReach = make([]bool, len(n.insts))
	var work []uint32
	for pc := range n.insts {
		i := &n.insts[pc]
		switch i.op {
		case opAlt:
			from[i.alt] = append(from[i.alt], uint32(pc))
			from[i.out] = append(from[i.out], uint32(pc))
		case opTag, opAssert, opLook:
			from[i.out] = append(from[i.out], uint32(pc))
		}
		if i.op == opAssert && syntax.EmptyOp(i.arg)&behindOps != 0 || i.op == opLook && n.looks[i.arg].Behind {
			n.behindReach[pc] = true
			work = append(work, uint32(pc))
		}
	}
	for len(work) > 0 {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		for _, f := range from[pc] {
			if !n.behindReach[f] {
				n.behindReach[f] = true
				work = append(work, f)
			}
		}
	}
}
