// Package tokens makes filters of the words of many texts. A filter says of a run of events which words none of them
// has, so that a search for a word or a phrase reads few events.
//
// Words are the tokens of package query, folded. A filter holds the hash of each, and a hash of each two words without
// digits that stand side by side: such words are few and frequent, and a phrase of them would be looked for in vain in
// every run. Filters are stored, so none of this can change without building them anew.
package tokens

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/saypro/veritail/storage/query"
)

// Shards is the number of parts a filter has. A hash lies in one of them, so a search reads only those of its words.
const Shards = 16

// A Set collects the hashes of the words of texts. Its zero value is empty. It is used by one goroutine.
type Set struct {
	slots  []uint64 // open addressing; 0 is free
	n      int
	recent [1024]uint64 // hashes that were added lately: most words come again soon
	fold   []byte
}

// Reset empties the set and keeps its memory.
func (s *Set) Reset() {
	clear(s.slots)
	s.n = 0
	s.recent = [1024]uint64{}
}

// Add adds the words of a text.
func (s *Set) Add(text []byte) {
	if !isASCII(text) {
		s.addUnicode(text)
		return
	}
	last, adjacent := uint64(0), false
	for i := 0; i < len(text); i++ {
		kind := class[text[i]]
		if kind == 0 {
			continue
		}
		start := i
		for i++; i < len(text) && class[text[i]] != 0; i++ {
			kind |= class[text[i]]
		}
		h := hash(text[start:i])
		s.put(h)
		if kind&digit != 0 {
			adjacent = false
			continue
		}
		if adjacent {
			s.put(pair(last, h))
		}
		last, adjacent = h, true
	}
}

func (s *Set) addUnicode(text []byte) {
	last, adjacent := uint64(0), false
	for start, end := query.NextToken(text, 0); start >= 0; start, end = query.NextToken(text, end) {
		s.fold = query.Fold(s.fold[:0], text[start:end])
		h := hash(s.fold)
		s.put(h)
		if hasDigit(s.fold) {
			adjacent = false
			continue
		}
		if adjacent {
			s.put(pair(last, h))
		}
		last, adjacent = h, true
	}
}

func (s *Set) put(h uint64) {
	r := &s.recent[h&uint64(len(s.recent)-1)]
	if *r == h {
		return
	}
	*r = h
	if 4*s.n >= 3*len(s.slots) {
		s.grow()
	}
	if insert(s.slots, h) {
		s.n++
	}
}

// insert reports whether h is new to slots.
func insert(slots []uint64, h uint64) bool {
	mask := uint64(len(slots) - 1)
	for i := h >> 20 & mask; ; i = (i + 1) & mask {
		switch slots[i] {
		case h:
			return false
		case 0:
			slots[i] = h
			return true
		}
	}
}

func (s *Set) grow() {
	slots := make([]uint64, max(1<<12, 2*len(s.slots)))
	for _, h := range s.slots {
		if h != 0 {
			insert(slots, h)
		}
	}
	s.slots = slots
}

// bitsOfWord and bitsSet say how dense a filter is: one that has not a word says it may have it about once in 24,000. Each
// such run costs some 7 ms. Filters of earlier versions have 16 bits a word, and are read in the same way.
const (
	bitsOfWord = 24
	bitsSet    = 8
)

// Filters returns the filter of the set, a part for each shard; parts without a word are empty. They share an array
// of their own.
func (s *Set) Filters() (parts [Shards]Filter) {
	var words [Shards]int
	for _, h := range s.slots {
		if h != 0 {
			words[Shard(h)]++
		}
	}
	size := 0
	for i, n := range words {
		words[i] = (n*bitsOfWord + 63) / 64 * 8
		size += words[i]
	}
	all := make(Filter, size)
	for i, n := range words {
		parts[i], all = all[:n:n], all[n:]
	}
	for _, h := range s.slots {
		if h != 0 {
			parts[Shard(h)].add(h)
		}
	}
	return parts
}

// A Filter is one part of a filter: bits, in whole words of 64.
type Filter []byte

// Shard returns which part a hash lies in.
func Shard(h uint64) int { return int(h >> 60) }

// May reports whether a text with this hash may be among those that the filter was made of.
func (f Filter) May(h uint64) bool {
	n := uint64(len(f)) * 8
	if n == 0 {
		return false
	}
	for range bitsSet {
		h *= step
		if at := h >> 32 * n >> 32; f[at>>3]>>(at&7)&1 == 0 {
			return false
		}
	}
	return true
}

func (f Filter) add(h uint64) {
	n := uint64(len(f)) * 8
	for range bitsSet {
		h *= step
		at := h >> 32 * n >> 32
		f[at>>3] |= 1 << (at & 7)
	}
}

// Phrase appends to dst the hashes that a text with the given folded words side by side has. With prefix the last word
// is only the beginning of one, and says nothing.
func Phrase(dst []uint64, words []string, prefix bool) []uint64 {
	if prefix && len(words) > 0 {
		words = words[:len(words)-1]
	}
	last, adjacent := uint64(0), false
	for _, w := range words {
		h := hash([]byte(w))
		dst = append(dst, h)
		plain := !hasDigit([]byte(w))
		if plain && adjacent {
			dst = append(dst, pair(last, h))
		}
		last, adjacent = h, plain
	}
	return dst
}

// Begins and Ends report whether the first and the last byte of a text may belong to a word.
func Begins(text []byte) bool { return len(text) > 0 && wordByte(text[0]) }
func Ends(text []byte) bool   { return len(text) > 0 && wordByte(text[len(text)-1]) }

func wordByte(c byte) bool { return c >= utf8.RuneSelf || class[c] != 0 }

const (
	letter = 1 + iota
	digit
)

// class tells letters and _ from digits; everything else is 0.
var class = func() (t [256]byte) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = digit
		case c < utf8.RuneSelf && query.IsTokenRune(rune(c)):
			t[c] = letter
		}
	}
	return t
}()

func hasDigit(word []byte) bool {
	for _, c := range word {
		if class[c] == digit {
			return true
		}
	}
	return false
}

func isASCII(s []byte) bool {
	for ; len(s) >= 8; s = s[8:] {
		if binary.LittleEndian.Uint64(s)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

const (
	step  = 0x9e3779b97f4a7c15
	seed  = 0xa0761d6478bd642f
	seed2 = 0xe7037ed1a0b428db
	fold  = 0x2020202020202020 // makes capital letters small, keeps digits, and keeps _ from everything else
)

// hash returns the hash of a word, which is not empty: the same for capital and small letters of ASCII, never 0.
func hash(w []byte) uint64 {
	var a, b uint64
	n := len(w)
	switch {
	case n > 8:
		h := uint64(0)
		for i := 0; i+8 < n; i += 8 {
			h = mix(h^seed, binary.LittleEndian.Uint64(w[i:])|fold)
		}
		a, b = h, binary.LittleEndian.Uint64(w[n-8:])|fold
	case n >= 4:
		a = uint64(binary.LittleEndian.Uint32(w)) | fold
		b = uint64(binary.LittleEndian.Uint32(w[n-4:])) | fold
	default:
		a = uint64(w[0])<<16 | uint64(w[n>>1])<<8 | uint64(w[n-1]) | fold
	}
	return max(mix(a^seed^uint64(n), b^seed2), 1)
}

// pair returns the hash of two words side by side.
func pair(a, b uint64) uint64 { return max(mix(a^seed2, b^seed), 1) }

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
