package grok

import (
	"math/rand/v2"
	"strings"
)

// A sampler makes texts that an expression matches, or nearly.
type sampler struct {
	*rand.Rand
	b strings.Builder
}

// text returns a text that n matches, assertions aside.
func (s *sampler) text(n *node) string {
	s.b.Reset()
	s.write(n)
	return s.b.String()
}

func (s *sampler) write(n *node) {
	switch n.op {
	case opText:
		s.b.WriteRune(n.char)
	case opAny:
		s.b.WriteByte(" .0aZ\"\n/:"[s.IntN(9)])
	case opClass:
		s.class(classRanges(n.written, n.fold))
	case opAssert:
		if n.assert == '^' && s.b.Len() > 0 && s.IntN(2) == 0 {
			s.b.WriteByte('\n')
		}
	case opAlt:
		s.write(n.subs[s.IntN(len(n.subs))])
	case opConcat, opGroup, opCapture, opAtomic:
		for _, sub := range n.subs {
			s.write(sub)
		}
	case opRepeat:
		times := n.min
		for (n.max < 0 || times < n.max) && times < n.min+8 && s.IntN(2) == 0 {
			times++
		}
		for range min(times, 20) {
			s.write(n.subs[0])
		}
	case opBackref:
		s.b.WriteByte("ab1"[s.IntN(3)])
	}
}

// class writes a rune of a class, mostly an ASCII one.
func (s *sampler) class(ranges []rune) {
	if len(ranges) == 0 {
		return
	}
	i := 2 * s.IntN(len(ranges)/2)
	if s.IntN(4) > 0 {
		i = 2 * s.IntN(min(3, len(ranges)/2))
	}
	lo, hi := ranges[i], min(ranges[i+1], ranges[i]+300)
	if lo < ' ' && hi >= ' ' && s.IntN(8) > 0 {
		lo = ' '
	}
	if lo < 0x7F && hi > 0x7E && s.IntN(8) > 0 {
		hi = 0x7E
	}
	s.b.WriteRune(lo + s.Int32N(hi-lo+1))
}

// mutated returns text with a few changes.
func (s *sampler) mutated(text string) string {
	b := []byte(text)
	for range 1 + s.IntN(3) {
		at := s.IntN(len(b) + 1)
		to := min(len(b), at+1+s.IntN(3))
		switch s.IntN(6) {
		case 0: // take away
			b = append(b[:at:at], b[to:]...)
		case 1: // double
			b = append(b[:to:to], b[at:]...)
		case 2: // cut
			if s.IntN(3) == 0 {
				b = b[:at]
			}
		case 3: // exchange
			if at < len(b) {
				b[at] = b[s.IntN(len(b))]
			}
		default: // put in
			const bytes = " .0a-+\"\\/:\nZ[{<é\xff"
			b = append(b[:at:at], append([]byte{bytes[s.IntN(len(bytes))]}, b[at:]...)...)
		}
	}
	return string(b)
}
