package query

import (
	"bytes"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A search finds in one pass over the values of a field which of many lists of needles may stand in each: a needle is looked
// for by two pairs of its bytes.
type search struct {
	lists int             // so many were added
	plain []plainNeedle   // all needles, while they are few
	pairs [][1 << 12]pair // by 64 lists, and by two bytes, folded
	any   *[1 << 16]uint8 // two bytes → 1 if a list has; nil until a value is looked at

	page     int          // the page whose suspects these are
	suspects []event.Bits // by list: rows that hold one of its needles, and perhaps others
	found    []uint64     // in the last value, by 64 lists
}

// A pair says of two neighbouring bytes which lists have a needle with them.
type pair struct{ first, second uint64 }

// A plainNeedle is looked for by its rarest byte first.
type plainNeedle struct {
	text []byte
	rare byte
	list int
}

// maxPlain bounds the needles that are looked for one by one.
const maxPlain = 2

// add adds a list of needles in ASCII lower case, of which one stands in every value that is looked for. It returns a number
// for suspectsOf, -1 if there are none.
func (s *search) add(needles []string) int {
	if len(needles) == 0 {
		return -1
	}
	n := s.next()
	letters := strings.ContainsFunc(strings.Join(needles, ""), func(r rune) bool { return r >= 'a' && r <= 'z' })
	if s.pairs == nil && !letters && len(s.plain)+len(needles) <= maxPlain {
		for _, text := range needles {
			s.plain = append(s.plain, plainNeedle{[]byte(text), rarest(text), n})
		}
		return n
	}
	for _, text := range needles {
		s.pair(n, text)
	}
	return n
}

// addAll is add for needles that all stand in every value that is looked for.
func (s *search) addAll(needles []string) int {
	n := s.next()
	s.pair(n, needles...)
	return n
}

func (s *search) next() int {
	n := s.lists
	s.lists, s.suspects = n+1, append(s.suspects, event.Bits{})
	if n%64 == 0 {
		s.found = append(s.found, 0)
	}
	return n
}

// pair enters needles that stand together by two pairs of their neighbouring bytes: one that is rare in ordinary text, and
// another that is not yet that of many.
func (s *search) pair(n int, needles ...string) {
	for len(s.pairs) <= n/64 {
		s.pairs = append(s.pairs, [1 << 12]pair{})
	}
	plain := s.plain
	s.plain, s.any = nil, nil
	for _, p := range plain {
		s.pair(p.list, string(p.text))
	}
	pairs, list := &s.pairs[n/64], uint64(1)<<(n%64)
	first, at := s.choose(needles, -1)
	if at < 0 { // of one byte each
		for c := range uint32(64) {
			i := uint32(folded[needles[0][0]])<<6 | c
			pairs[i].first, pairs[i].second = pairs[i].first|list, pairs[i].second|list
		}
		return
	}
	second, other := s.choose(needles, at)
	if other < 0 {
		second = first
	}
	pairs[first].first |= list
	pairs[second].second |= list
}

// choose returns the pair by which to look for needles that stand together, and where it stands among all of theirs; -1 if
// there is none but the one at not.
func (s *search) choose(needles []string, not int) (best uint32, at int) {
	at, most, i := -1, math.MinInt, -1
	for _, text := range needles {
		for j := range len(text) - 1 {
			if i++; i == not {
				continue
			}
			c := uint32(folded[text[j]])<<6 | uint32(folded[text[j+1]])
			r := rarity(text[j]) + rarity(text[j+1])
			if not >= 0 {
				r -= s.crowd(c)
			}
			if r > most {
				best, at, most = c, i, r
			}
		}
	}
	return best, at
}

// crowd returns of how many lists a pair is the second already.
func (s *search) crowd(at uint32) (n int) {
	for j := range s.pairs {
		n += bits.OnesCount64(s.pairs[j][at].second)
	}
	return n
}

// unfold makes any of pairs.
func (s *search) unfold() {
	s.any = &[1 << 16]uint8{}
	for i := range s.any {
		at := uint32(folded[i&0xFF])<<6 | uint32(folded[i>>8])
		for j := range s.pairs {
			if s.pairs[j][at].first != 0 {
				s.any[i] = 1
			}
		}
	}
}

// find sets found to the lists of which a needle may stand in v.
func (s *search) find(v []byte) {
	clear(s.found)
	switch {
	case s.pairs == nil:
		s.findPlain(v)
		return
	case len(v) == 0:
		return
	case s.any == nil:
		s.unfold()
	}
	last := v[len(v)-1]
	found := s.any[last]
	for i := 1; i < len(v); i++ {
		found |= s.any[uint16(v[i-1])|uint16(v[i])<<8]
	}
	if found == 0 { // as in most
		return
	}
	for j := range s.pairs {
		pairs := &s.pairs[j]
		here := pairs[uint32(folded[last])<<6]
		for i := 1; i < len(v); i++ {
			p := &pairs[uint32(folded[v[i-1]])<<6|uint32(folded[v[i]])]
			here.first, here.second = here.first|p.first, here.second|p.second
		}
		s.found[j] = here.first & here.second
	}
}

func (s *search) findPlain(v []byte) {
	for i := range s.plain {
		if p := &s.plain[i]; bytes.IndexByte(v, p.rare) >= 0 && bytes.Contains(v, p.text) {
			s.found[p.list/64] |= 1 << (p.list % 64)
		}
	}
}

// enter makes row i suspect of what was found in its value.
func (s *search) enter(i int) {
	for j, f := range s.found {
		for ; f != 0; f &= f - 1 {
			s.suspects[j<<6+bits.TrailingZeros64(f)].Set(i)
		}
	}
}

// suspectsOf returns the rows of the column in which a needle of list n may stand.
func (s *search) suspectsOf(page int, p *event.Page, c *event.Column, n int) *event.Bits {
	if s.page == page {
		return &s.suspects[n]
	}
	s.page = page
	clear(s.suspects)
	var last []byte // often the next event has the same value
	clear(s.found)
	for w, rows := range &c.Valid {
		for ; rows != 0; rows &= rows - 1 {
			i := w<<6 + bits.TrailingZeros64(rows)
			if v := p.Bytes(c.Str[i]); !bytes.Equal(v, last) {
				last = v
				s.find(v)
			}
			s.enter(i)
		}
	}
	return &s.suspects[n]
}

// suspectsIn returns the events of a page in whose text, which of gives, a needle of list n may stand. Letters beyond ASCII
// have capitals that needles do not tell of: a text with some is suspect of everything.
func (s *search) suspectsIn(page int, p *event.Page, n int, of func(i int) (event.Str, bool)) *event.Bits {
	if s.page == page {
		return &s.suspects[n]
	}
	s.page = page
	clear(s.suspects)
	for i := range min(p.N, event.PageRows) {
		text, ok := of(i)
		if !ok {
			continue
		}
		if v := p.Bytes(text); isASCII(v) {
			s.find(v)
			s.enter(i)
			continue
		}
		for j := range s.suspects {
			s.suspects[j].Set(i)
		}
	}
	return &s.suspects[n]
}

// folded gives each byte one of 64 classes: letters without case, digits, most punctuation by itself, and all others.
var folded = func() (t [256]uint8) {
	next := uint8(1)
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = next, next
		next++
	}
	for c := byte('!'); c < 0x7F; c++ {
		if t[c] == 0 && next < 64 {
			t[c] = next
			next++
		}
	}
	return t
}()

// rarestPair returns where the two neighbouring bytes of a needle stand that are rarest in ordinary values, and how rare
// they are. A single byte has no neighbour.
func rarestPair(needle string) (at, rare int) {
	if len(needle) == 1 {
		return 0, rarity(needle[0])
	}
	rare = -1
	for i := range len(needle) - 1 {
		if r := rarity(needle[i]) + rarity(needle[i+1]); r > rare {
			at, rare = i, r
		}
	}
	return at, rare
}

// rarest returns the rarest byte of a needle.
func rarest(needle string) byte {
	return slices.MaxFunc([]byte(needle), func(a, b byte) int { return rarity(a) - rarity(b) })
}

// rarity ranks bytes by how seldom they stand in ordinary values: letters as in English text.
func rarity(c byte) int {
	switch i := strings.IndexByte("etaoinsrhldcumfpgwybvkxjqz", c); {
	case i >= 0:
		return i / 3
	case strings.IndexByte("/-._=&? 0123456789", c) >= 0:
		return 1
	case c == '%':
		return 4
	}
	return 12
}
