package automaton

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// A skip passes over a run of bytes that leave a state as it is.
type skip struct {
	stop  [256]bool // bytes that end the run
	few   bool      // only non-ASCII bytes and those of words end it
	words [3]uint64 // each one byte, eight times
}

// Bytes in each place of a word.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// newSkip returns what passes over the bytes of loop, which are ASCII.
func newSkip(loop *[256]bool) *skip {
	s := &skip{few: true}
	var stops []byte
	for c := range 256 {
		s.stop[c] = !loop[c]
		if s.stop[c] && c < utf8.RuneSelf {
			stops = append(stops, byte(c))
		}
	}
	if len(stops) > len(s.words) {
		s.few = false
	}
	for i := range s.words {
		s.words[i] = highs // ends with non-ASCII bytes, which end it anyway
		if s.few && i < len(stops) {
			s.words[i] = uint64(stops[i]) * ones
		}
	}
	return s
}

// from returns the first place of b at or after p whose byte ends the run.
func (s *skip) from(b []byte, p int) int {
	if !s.few || len(b) < 8 {
		for p < len(b) && !s.stop[b[p]] {
			p++
		}
		return p
	}
	w0, w1, w2 := s.words[0], s.words[1], s.words[2]
	for ; p+8 <= len(b); p += 8 {
		if hit := hits(binary.LittleEndian.Uint64(b[p:]), w0, w1, w2); hit != 0 {
			return p + bits.TrailingZeros64(hit)>>3
		}
	}
	left := len(b) - p
	hit := hits(binary.LittleEndian.Uint64(b[len(b)-8:])>>(8*(8-left)&63), w0, w1, w2)
	return p + min(left, bits.TrailingZeros64(hit)>>3)
}

// hits returns a word whose lowest bit that is set is the highest bit of the first byte in w that is not ASCII or is that
// of w0, w1 or w2.
func hits(w, w0, w1, w2 uint64) uint64 {
	// a byte of x-ones borrows where that of x is zero; false ones stand only behind a true one
	x, y, z := w^w0, w^w1, w^w2
	return ((x-ones)&^x | (y-ones)&^y | (z-ones)&^z | w) & highs
}
