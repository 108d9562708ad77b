package automaton

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// A skip passes over a run of bytes that leave a state as it is, eight at a time where few kinds of bytes end it.
type skip struct {
	stop    [256]bool // bytes that end the run
	low     uint64    // a byte eight times: all below it may end the run
	singles int       // how many other ASCII bytes end it
	words   [3]uint64 // these, each eight times, unless there are more
}

// Bytes in each place of a word.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

const highest = utf8.RuneSelf - 1 // of ASCII

// newSkip returns what passes over the bytes of loop, which are ASCII.
func newSkip(loop *[256]bool) *skip {
	s := &skip{}
	for c := range s.stop {
		s.stop[c] = !loop[c]
	}
	low := 0
	if s.stop[' '] && s.stop['\n'] {
		low = ' ' + 1 // control characters that do not end it are rare: they are looked up
	}
	s.low = uint64(low) * ones
	for c := low; c <= highest; c++ {
		if !s.stop[c] {
			continue
		}
		if s.singles < len(s.words) {
			s.words[s.singles] = uint64(c) * ones
		}
		s.singles++
	}
	for i := s.singles; i < len(s.words); i++ {
		s.words[i] = highs // ends with non-ASCII bytes, which end it anyway
	}
	return s
}

// from returns the first place of b at or after p whose byte ends the run.
func (s *skip) from(b []byte, p int) int {
	low, w0, w1, w2 := s.low, s.words[0], s.words[1], s.words[2]
	hit := uint64(0)
	switch s.singles { // the fewer, the fewer operations
	case 0, 1:
		for ; p+8 <= len(b); p += 8 {
			if hit = hits(binary.LittleEndian.Uint64(b[p:]), low, w0, w0, w0); hit != 0 {
				break
			}
		}
	case 2:
		for ; p+8 <= len(b); p += 8 {
			if hit = hits(binary.LittleEndian.Uint64(b[p:]), low, w0, w1, w1); hit != 0 {
				break
			}
		}
	case 3:
		for ; p+8 <= len(b); p += 8 {
			if hit = hits(binary.LittleEndian.Uint64(b[p:]), low, w0, w1, w2); hit != 0 {
				break
			}
		}
	}
	if hit == 0 && s.singles <= len(s.words) && len(b) >= 8 {
		hit = hits(lastBytes(b, p), low, w0, w1, w2) | 0x80<<(8*(len(b)-p)&63)
	}
	if hit != 0 {
		p += bits.TrailingZeros64(hit) >> 3
	}
	for p < len(b) && !s.stop[b[p]] {
		p++
	}
	return p
}

// hits returns a word whose lowest bit that is set is the highest bit of the first byte in w that is not ASCII, below that
// of low, or that of w0, w1 or w2.
func hits(w, low, w0, w1, w2 uint64) uint64 {
	// a byte of x-ones borrows where that of x is zero; false ones stand only behind a true one
	x, y, z := w^w0, w^w1, w^w2
	return ((x-ones)&^x | (y-ones)&^y | (z-ones)&^z | (w - low) | w) & highs
}
