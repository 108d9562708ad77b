package grok

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Sign is what a text has that an expression takes: of most texts it tells at a glance, and without an automaton, that
// they are not meant.
type Sign struct {
	// Begins says of the first places of the text what may stand there, each by the classes of characters: 0 is a digit,
	// A and a are letters, c is a control, and all else in ASCII is itself. Nothing is said of an empty place, of those
	// behind the last, and of what follows a character that is not ASCII.
	Begins []string `json:"begins,omitempty"`
	// Holds are texts of which one at least stands in it; empty: none has to.
	Holds []string `json:"holds,omitempty"`
}

// signPlaces is how many places signs tell of: enough for a date and time, by which most lines differ.
const signPlaces = 20

// classes are the classes of characters, in the order of their bits in a signWalk.
const classes = "0Aac !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

const anyClass = 1<<len(classes) - 1

// fewClasses is how many classes say something of a place: almost any character has more.
const fewClasses = 20

// classOf returns the class of an ASCII character.
func classOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return '0'
	case c >= 'A' && c <= 'Z':
		return 'A'
	case c >= 'a' && c <= 'z':
		return 'a'
	case c < ' ' || c == 0x7F:
		return 'c'
	}
	return c
}

// Fits reports whether text has the sign. Where it has not, the expression does not take it.
func (s *Sign) Fits(text []byte) bool {
	for i, may := range s.Begins {
		if i == len(text) || text[i] >= utf8.RuneSelf {
			break
		}
		if may != "" && strings.IndexByte(may, classOf(text[i])) < 0 {
			return false
		}
	}
	return len(s.Holds) == 0 || slices.ContainsFunc(s.Holds, func(h string) bool { return bytes.Contains(text, []byte(h)) })
}

// Signs returns the signs of the expressions: what has none of them, the set does not take.
func (s *Set) Signs() []Sign {
	var signs []Sign
	known := knownClasses{}
	for _, x := range s.exprs {
		sign := x.sign(known)
		i := slices.IndexFunc(signs, func(o Sign) bool { return slices.Equal(o.Begins, sign.Begins) })
		if i < 0 {
			signs = append(signs, sign)
		} else {
			signs[i].Holds = either(signs[i].Holds, sign.Holds)
		}
	}
	return signs
}

// either returns the texts of which one is in what holds one of a or one of b.
func either(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return parts(slices.Concat(a, b))
}

// parts returns the texts without those of which a part is among them, too.
func parts(texts []string) []string {
	var out []string
	for i, text := range texts {
		part := func(o string) bool { return len(o) < len(text) && strings.Contains(text, o) }
		if !slices.Contains(texts[:i], text) && !slices.ContainsFunc(texts, part) {
			out = append(out, text)
		}
	}
	return out
}

// sign returns the sign of what the expression takes.
func (x *expansion) sign(known knownClasses) Sign {
	w := signWalk{known: known}
	ends := w.walk(x.tree.root, 1)
	if x.mode != Whole {
		w.anything(ends)
	}
	return Sign{w.begins(), textsIn(x.tree.root)}
}

// Fitting returns the set of those expressions that may take one of the texts, nil if there are none.
func (s *Set) Fitting(texts [][]byte) *Set {
	var fitting []*expansion
	known := knownClasses{}
	for _, x := range s.exprs {
		if sign := x.sign(known); slices.ContainsFunc(texts, sign.Fits) {
			fitting = append(fitting, x)
		}
	}
	switch n := len(fitting); {
	case n == 0:
		return nil
	case 2*n > len(s.exprs):
		return s
	}
	return &Set{exprs: fitting, slots: s.slots}
}

// A signWalk notes for each of the first places the classes that may stand there, a bit each. The places where a part of
// an expression may begin or end are bits, too; the last of them stands for all that lie further back.
type signWalk struct {
	known knownClasses
	may   [signPlaces]uint64
}

const behind = 1 << signPlaces

// walk notes what n may take from one of the places at, and returns where it may end.
func (w *signWalk) walk(n *node, at uint) uint {
	if at&^behind == 0 {
		return at
	}
	switch n.op {
	case opText, opClass, opAny:
		own := w.known.of(n)
		for i := range w.may {
			if at>>i&1 != 0 {
				w.may[i] |= own
			}
		}
		return at&behind | at<<1&(2*behind-1)
	case opConcat:
		for _, sub := range n.subs {
			at = w.walk(sub, at)
		}
		return at
	case opAlt:
		ends := uint(0)
		for _, sub := range n.subs {
			ends |= w.walk(sub, at)
		}
		return ends
	case opGroup, opCapture, opAtomic:
		return w.walk(n.subs[0], at)
	case opRepeat:
		return w.repeat(n, at)
	case opBackref:
		return w.anything(at)
	}
	return at // an assertion
}

func (w *signWalk) repeat(n *node, at uint) uint {
	ends := uint(0)
	if n.min == 0 {
		ends = at
	}
	for i := 1; n.max < 0 || i <= n.max; i++ {
		at = w.walk(n.subs[0], at)
		if at == behind || i >= n.min && at&^ends == 0 {
			break // from here on it is the same again
		}
		if i >= n.min {
			ends |= at
		}
	}
	return ends | at
}

// anything notes that from the places at on there may be anything, of any length.
func (w *signWalk) anything(at uint) uint {
	for i := range w.may {
		if at&(2<<i-1) != 0 {
			w.may[i] = anyClass
		}
	}
	return at | -(at&-at)&(2*behind-1)
}

// begins returns the places that say something.
func (w *signWalk) begins() []string {
	var out []string
	for _, may := range w.may {
		if may == 0 {
			break // no text is so long
		}
		s := ""
		for i := range len(classes) {
			if bits.OnesCount64(may) <= fewClasses && may>>i&1 != 0 {
				s += classes[i : i+1]
			}
		}
		out = append(out, s)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// knownClasses are the classes of the characters that parts of expressions take, by how they are written.
type knownClasses map[string]uint64

// of returns the classes of the ASCII characters that n, which takes one, may take.
func (k knownClasses) of(n *node) uint64 {
	switch {
	case n.op == opAny:
		return anyClass
	case n.op == opText && !n.fold:
		return classesOf(n.char, n.char)
	case n.op == opClass && !n.fold:
		if own, ok := k[n.written]; ok {
			return own
		}
	}
	own := uint64(0)
	ranges, _ := n.runes()
	for i := 0; i < len(ranges); i += 2 {
		own |= classesOf(ranges[i], ranges[i+1])
	}
	if n.op == opClass && !n.fold {
		k[n.written] = own
	}
	return own
}

// classesOf returns the classes of the ASCII characters from first to last.
func classesOf(first, last rune) uint64 {
	own := uint64(0)
	for r := first; r <= min(last, utf8.RuneSelf-1); r++ {
		own |= 1 << strings.IndexByte(classes, classOf(byte(r)))
	}
	return own
}

// textsIn returns texts of which one at least stands in whatever n takes, as long ones as there are; none where that is not
// known.
func textsIn(n *node) []string {
	var w textWalk
	w.walk(n)
	w.end()
	return w.best
}

// maxTexts bounds the texts that are looked for instead of each other.
const maxTexts = 200

// A textWalk reads an expression from left to right and keeps the best of what stands in all that it takes.
type textWalk struct {
	run  []byte // the text that goes on at the place at hand
	best []string
}

func (w *textWalk) walk(n *node) {
	switch n.op {
	case opText:
		if n.fold || n.char == utf8.RuneError { // which stands for bytes of all kinds
			w.end()
			return
		}
		w.run = utf8.AppendRune(w.run, n.char)
	case opConcat, opGroup, opCapture, opAtomic:
		for _, sub := range n.subs {
			w.walk(sub)
		}
	case opAssert, opLook:
	case opRepeat:
		w.end()
		if n.min > 0 {
			w.walk(n.subs[0])
			w.end()
		}
	case opAlt:
		w.end()
		w.offer(textsInOne(n.subs))
	default:
		w.end()
	}
}

// textsInOne returns what textsIn does of alternatives.
func textsInOne(alternatives []*node) []string {
	var all []string
	for _, n := range alternatives {
		texts := textsIn(n)
		if len(texts) == 0 || len(all)+len(texts) > maxTexts {
			return nil
		}
		all = append(all, texts...)
	}
	return parts(all)
}

// end ends the run.
func (w *textWalk) end() {
	if n := len(w.run); n > 0 && n >= shortest(w.best) {
		w.offer([]string{string(w.run)})
	}
	w.run = w.run[:0]
}

// offer keeps texts if they are better: the shortest of them is longer, or they are fewer.
func (w *textWalk) offer(texts []string) {
	if d := shortest(texts) - shortest(w.best); d > 0 || d == 0 && len(texts) < len(w.best) {
		w.best = texts
	}
}

// shortest returns the length of the shortest of the texts, 0 without any.
func shortest(texts []string) int {
	n := 0
	for i, t := range texts {
		if i == 0 || len(t) < n {
			n = len(t)
		}
	}
	return n
}
