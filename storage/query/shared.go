package query

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// shared is what the tests of several trees know of the page at hand, each found out when it is first asked for.
type shared struct {
	page     int // counts the pages
	keywords map[event.Field]*keyword
}

func newShared() *shared { return &shared{keywords: map[event.Field]*keyword{}} }

func (s *shared) keyword(f event.Field) *keyword {
	k := s.keywords[f]
	if k == nil {
		k = &keyword{page: &s.page}
		s.keywords[f] = k
	}
	return k
}

// maxValues bounds the values of a keyword whose rows are kept apart, maxSuspects the regular expressions whose suspects
// are.
const (
	maxValues   = 16
	maxSuspects = 64
)

// A keyword knows the values of one field in a page.
type keyword struct {
	page *int // of shared

	valued int // the page whose values these are
	few    bool
	values []event.Str
	rows   []event.Bits // by value

	patterns []*pattern
	filter   filter
	searched int          // the page whose suspects these are
	suspects []event.Bits // by pattern: rows that hold one of its needles, and perhaps others
}

// equal sets in out the rows of in whose value is v, and returns false where the page has too many values for that to be
// known.
func (k *keyword) equal(p *event.Page, c *event.Column, v string, in, out *event.Bits) bool {
	if k.valued != *k.page {
		k.valued = *k.page
		k.few = k.count(c)
	}
	if !k.few {
		return false
	}
	*out = event.Bits{}
	for i, s := range k.values {
		if string(p.Bytes(s)) == v {
			for w := range out { // a value may stand at several places of the arena
				out[w] |= in[w] & k.rows[i][w]
			}
		}
	}
	return true
}

// count finds the values of a column by where they lie in the arena: what a format sets for all its events lies there
// once. It returns false if they are many.
func (k *keyword) count(c *event.Column) bool {
	k.values, k.rows = k.values[:0], k.rows[:0]
	last := 0
	for w, rows := range &c.Valid {
		values := word(c.Str, w)
		for rows != 0 {
			s := values[bits.TrailingZeros64(rows)]
			if last >= len(k.values) || k.values[last] != s {
				if last = slices.Index(k.values, s); last < 0 {
					if last = len(k.values); last == maxValues {
						return false
					}
					k.values, k.rows = append(k.values, s), append(k.rows, event.Bits{})
				}
			}
			same := rows & sameAs(s, values)
			k.rows[last][w] = same
			rows &^= same
		}
	}
	return true
}

// sameAs returns which values lie where s does.
func sameAs(s event.Str, values []event.Str) (same uint64) {
	for i, v := range values {
		same |= bit((v.Off^s.Off)|(v.Len^s.Len) == 0) << (i & 63)
	}
	return same
}

// add makes the keyword look for the needles of p; it returns a number for suspectsOf, or -1.
func (k *keyword) add(p *pattern) int {
	if len(p.needles) == 0 || len(k.patterns) == maxSuspects {
		return -1
	}
	k.patterns, k.suspects = append(k.patterns, p), append(k.suspects, event.Bits{})
	k.filter.add(p.needles, len(k.patterns)-1)
	return len(k.patterns) - 1
}

// suspectsOf returns the rows in which pattern n may match.
func (k *keyword) suspectsOf(p *event.Page, c *event.Column, n int) *event.Bits {
	if k.searched != *k.page {
		k.searched = *k.page
		clear(k.suspects)
		var last []byte // often the next event has the same value
		var found uint64
		for w, rows := range &c.Valid {
			for ; rows != 0; rows &= rows - 1 {
				i := bits.TrailingZeros64(rows)
				if v := p.Bytes(c.Str[w<<6+i]); !bytes.Equal(v, last) {
					last, found = v, k.filter.find(v)
				}
				for f := found; f != 0; f &= f - 1 {
					k.suspects[bits.TrailingZeros64(f)][w] |= 1 << i
				}
			}
		}
	}
	return &k.suspects[n]
}

// A filter finds in one pass over a value which of several lists of needles may stand in it: each needle is looked for by
// two of its bytes.
type filter struct {
	plain []plainNeedle    // where that is all there is
	pairs *[1 << 12]uint64 // two bytes, folded → the lists that have a needle with them
	any   *[1 << 16]uint8  // two bytes → 1 if a list has; nil until a value is looked at
	lists uint64
}

// A plainNeedle is looked for by its rarest byte first.
type plainNeedle struct {
	text []byte
	rare byte
	list uint64
}

// maxPlain bounds the needles that are looked for one by one.
const maxPlain = 2

// add adds a list of needles, in ASCII lower case, as number n.
func (f *filter) add(needles []string, n int) {
	list := uint64(1) << n
	f.lists |= list
	letters := strings.ContainsFunc(strings.Join(needles, ""), func(r rune) bool { return r >= 'a' && r <= 'z' })
	if f.pairs == nil && !letters && len(f.plain)+len(needles) <= maxPlain {
		for _, s := range needles {
			f.plain = append(f.plain, plainNeedle{[]byte(s), rarest(s), list})
		}
		return
	}
	if f.pairs == nil {
		f.pairs = &[1 << 12]uint64{}
		for _, p := range f.plain {
			f.pair(string(p.text), p.list)
		}
		f.plain = nil
	}
	f.any = nil
	for _, s := range needles {
		f.pair(s, list)
	}
}

// pair enters a needle by its two neighbouring bytes that are rarest in ordinary text.
func (f *filter) pair(needle string, list uint64) {
	if len(needle) == 1 {
		for c := range uint32(64) {
			f.pairs[uint32(folded[needle[0]])<<6|c] |= list
		}
		return
	}
	best, _ := rarestPair(needle)
	f.pairs[uint32(folded[needle[best]])<<6|uint32(folded[needle[best+1]])] |= list
}

// unfold makes any of pairs.
func (f *filter) unfold() {
	f.any = &[1 << 16]uint8{}
	for i := range f.any {
		if f.pairs[uint32(folded[i&0xFF])<<6|uint32(folded[i>>8])] != 0 {
			f.any[i] = 1
		}
	}
}

// find returns the lists of which a needle may stand in v.
func (f *filter) find(v []byte) uint64 {
	switch {
	case f.pairs == nil:
		return f.findPlain(v)
	case len(v) == 0:
		return 0
	case f.any == nil:
		f.unfold()
	}
	last := v[len(v)-1]
	found := f.any[last]
	for i := 1; i < len(v); i++ {
		found |= f.any[uint16(v[i-1])|uint16(v[i])<<8]
	}
	if found == 0 { // as in most
		return 0
	}
	lists := f.pairs[uint32(folded[last])<<6]
	for i := 1; i < len(v); i++ {
		lists |= f.pairs[uint32(folded[v[i-1]])<<6|uint32(folded[v[i]])]
	}
	return lists
}

func (f *filter) findPlain(v []byte) (lists uint64) {
	for i := range f.plain {
		if p := &f.plain[i]; bytes.IndexByte(v, p.rare) >= 0 && bytes.Contains(v, p.text) {
			lists |= p.list
		}
	}
	return lists
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
