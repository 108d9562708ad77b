package grok

import "slices"

// rewrites gives, for constructs of Logstash's pattern library that only a backtracking engine understands, what they
// mean without. The key is the construct as it is written, wherever it stands and whatever the pattern is called. Each
// pair is equal for every text in every context, captures included; TestTortureRewritesMeanTheSame tries both on all short texts
// over the characters that matter.
var rewrites = map[string]string{
	// BASE10NUM: an atomic number ends where no digit, nor a point and a digit, goes on.
	`(?>[+-]?(?:(?:[0-9]+(?:\.[0-9]+)?)|(?:\.[0-9]+)))`: `[+-]?(?:[0-9]+(?:\.[0-9]+(?![0-9])|(?![0-9])(?!\.[0-9]))|\.[0-9]+(?![0-9]))`,
	// QUOTEDSTRING: a quoted text ends at its first bare quote, so there is one way to match it. The whole, and its
	// parts for those who took them into patterns of their own.
	"(?>(?<!\\\\)(?>\"(?>\\\\.|[^\\\\\"]+)+\"|\"\"|(?>'(?>\\\\.|[^\\\\']+)+')|''|(?>`(?>\\\\.|[^\\\\`]+)+`)|``))": "(?<!\\\\)(?:\"(?:\\\\.|[^\\\\\"])+\"|\"\"|'(?:\\\\.|[^\\\\'])+'|''|`(?:\\\\.|[^\\\\`])+`|``)",
	// WINPATH: a drive's letters end at their colon, and the other alternative begins with something else.
	`(?>[A-Za-z]+:|\\)`: `(?:[A-Za-z]+:|\\)`,
}

// simplify replaces parts of n that an automaton cannot do by parts that mean the same and that it can. before and after
// are what stands beside n, nearest last and first; where a part may stand beside itself they are nil, which is no
// knowledge. It changes n.
func simplify(n *node, before, after []*node) *node {
	switch n.op {
	case opAtomic:
		if plain, ok := rewrites[n.written]; ok {
			if t, err := (&Library{}).parse(plain); err == nil {
				return simplify(t.root, before, after)
			}
		}
		// What follows decides nothing here: the group takes its first match whether or not it can go on from there.
		n.subs[0] = simplify(n.subs[0], before, nil)
		return unpack(n)
	case opRepeat:
		n.subs[0] = simplify(n.subs[0], nil, nil)
		return unpack(n)
	case opConcat:
		for i, sub := range n.subs {
			if sub.difficult() { // most are not, and what stands beside them need not be gathered
				n.subs[i] = simplify(sub, slices.Concat(before, n.subs[:i]), slices.Concat(n.subs[i+1:], after))
			}
		}
	case opLook:
		n.subs[0] = simplify(n.subs[0], nil, nil)
		if implied(n, before, after) {
			return &node{op: opConcat}
		}
	default:
		for i := range n.subs {
			n.subs[i] = simplify(n.subs[i], before, after)
		}
	}
	return n
}

// difficult reports whether a part of n is atomic, possessive or an assertion about its neighbours.
func (n *node) difficult() bool {
	return n.op == opAtomic || n.op == opLook || n.keeps || slices.ContainsFunc(n.subs, (*node).difficult)
}

// unpack removes what is atomic or possessive of n, where that changes nothing or is an assertion about the next byte.
func unpack(n *node) *node {
	inner := n
	if n.op == opAtomic {
		if n.subs[0].single() {
			return &node{op: opGroup, subs: n.subs}
		}
		inner = n.subs[0]
		for inner.op == opGroup {
			inner = inner.subs[0]
		}
	} else if !n.keeps {
		return n
	}
	if inner.op != opRepeat || inner.lazy || inner.max > 1 || inner.max >= 0 && inner.min > 0 {
		return n
	}
	// What gives nothing back, and is matched in one way only, goes on until it does not follow any more.
	body := inner.subs[0]
	if _, empty := body.first(); empty || !body.single() || body.captures() {
		return n
	}
	end := &node{op: opLook, negative: true, subs: []*node{body}}
	if inner.max < 0 {
		return concat(&node{op: opRepeat, subs: inner.subs, min: inner.min, max: -1}, end)
	}
	return &node{op: opAlt, subs: []*node{body, end}} // a?+
}

// implied reports whether what stands beside the assertion n makes it true.
func implied(n *node, before, after []*node) bool {
	if n.negative && !n.behind {
		first, ok := firstRunes(after)
		return ok && excludes(n.subs[0], first)
	}
	want, ok := literal(n.subs[0])
	if !ok || n.negative {
		return false
	}
	if n.behind {
		return endsWith(before, want)
	}
	return startsWith(after, want)
}

// excludes reports whether no text that n matches begins with one of the runes first.
func excludes(n *node, first []rune) bool {
	own, ok := firstRunes([]*node{n})
	return ok && len(intersection(own, first)) == 0
}

// firstRunes returns the runes with which what nodes match begins, as pairs; ok is false where that may be nothing.
func firstRunes(nodes []*node) (ranges []rune, ok bool) {
	for _, n := range nodes {
		if n.op == opAssert || n.op == opLook {
			continue // narrows only
		}
		own, empty := n.first()
		ranges = append(ranges, own...)
		if !empty {
			return ranges, true
		}
	}
	return nil, false
}

// first returns the runes with which a text that n matches may begin, and whether the text may be empty.
func (n *node) first() (ranges []rune, empty bool) {
	switch n.op {
	case opText, opClass, opAny:
		ranges, _ = n.runes()
		return ranges, false
	case opConcat:
		for _, sub := range n.subs {
			own, empty := sub.first()
			ranges = append(ranges, own...)
			if !empty {
				return ranges, false
			}
		}
		return ranges, true
	case opAlt:
		for _, sub := range n.subs {
			own, e := sub.first()
			ranges, empty = append(ranges, own...), empty || e
		}
		return ranges, empty
	case opGroup, opCapture, opAtomic:
		return n.subs[0].first()
	case opRepeat:
		ranges, empty = n.subs[0].first()
		return ranges, empty || n.min == 0
	case opBackref:
		return []rune{0, 0x10FFFF}, true
	}
	return nil, true
}

// literal returns the runes of n where it is a literal text.
func literal(n *node) ([]rune, bool) {
	switch n.op {
	case opText:
		return []rune{n.char}, !n.fold
	case opGroup, opCapture:
		return literal(n.subs[0])
	case opConcat:
		var runes []rune
		for _, sub := range n.subs {
			r, ok := literal(sub)
			if !ok {
				return nil, false
			}
			runes = append(runes, r...)
		}
		return runes, true
	}
	return nil, false
}

// startsWith reports whether every text that nodes match begins with want.
func startsWith(nodes []*node, want []rune) bool {
	for _, n := range nodes {
		text, ok := literal(n)
		if !ok {
			return false
		}
		if len(text) >= len(want) {
			return slices.Equal(text[:len(want)], want)
		}
		if !slices.Equal(text, want[:len(text)]) {
			return false
		}
		want = want[len(text):]
	}
	return len(want) == 0
}

// endsWith reports whether every text that nodes match ends with want.
func endsWith(nodes []*node, want []rune) bool {
	for _, n := range slices.Backward(nodes) {
		text, ok := literal(n)
		if !ok {
			return false
		}
		if len(text) >= len(want) {
			return slices.Equal(text[len(text)-len(want):], want)
		}
		if !slices.Equal(text, want[len(want)-len(text):]) {
			return false
		}
		want = want[:len(want)-len(text)]
	}
	return len(want) == 0
}
