package automaton

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// needles are texts one of which stands in every text that a machine matches. A machine that looks for much at once goes from
// byte to byte, and most texts have nothing of it: these need not be gone through.
type needles struct {
	newline bool // a line end is one of them
	// Every step bytes three are looked up: each needle has such a three at one of its first places, wherever it stands.
	step   int
	first  [1 << hashBits]uint16
	threes []three // from 1 on
}

// A three is three bytes of a needle.
type three struct {
	needle string
	at     int    // where in it
	next   uint16 // another one of the same hash
}

const (
	hashBits    = 12
	shortNeedle = 4    // bytes; fewer are found nearly everywhere
	longNeedle  = 8    // a longer one is no better
	maxNeedles  = 1000 // of a machine
)

// newNeedles returns what looks for texts, which are needles, nil without.
func newNeedles(texts []string) *needles {
	if worth(texts) == 0 {
		return nil
	}
	n := &needles{step: longNeedle, threes: make([]three, 1)}
	texts = slices.Compact(slices.Sorted(slices.Values(texts)))
	if n.newline = slices.Contains(texts, "\n"); n.newline {
		texts = slices.DeleteFunc(texts, func(s string) bool { return strings.Contains(s, "\n") })
	}
	for _, s := range texts {
		n.step = min(n.step, len(s)-2)
	}
	for _, s := range texts {
		for at := range n.step {
			h := hashOf(uint32(s[at]) | uint32(s[at+1])<<8 | uint32(s[at+2])<<16)
			n.threes = append(n.threes, three{s, at, n.first[h]})
			n.first[h] = uint16(len(n.threes) - 1)
		}
	}
	return n
}

// hashOf hashes three bytes.
func hashOf(v uint32) uint32 { return v * 0x9E3779B1 >> (32 - hashBits) }

// in reports whether one of the needles stands in b.
func (n *needles) in(b []byte) bool {
	if n.newline && bytes.IndexByte(b, '\n') >= 0 {
		return true
	}
	if len(n.threes) == 1 {
		return false
	}
	for p := n.step - 1; p+3 <= len(b); p += n.step {
		// the three and the byte before: behind them b may end
		h := hashOf(binary.LittleEndian.Uint32(b[p-1:]) >> 8)
		if i := n.first[h]; i != 0 && n.stands(b, p, i) {
			return true
		}
	}
	return false
}

// stands reports whether a needle with one of the threes from i on stands in b so that the three is at p.
func (n *needles) stands(b []byte, p int, i uint16) bool {
	for ; i != 0; i = n.threes[i].next {
		t := &n.threes[i]
		if from := p - t.at; from >= 0 && len(b)-from >= len(t.needle) && string(b[from:from+len(t.needle)]) == t.needle {
			return true
		}
	}
	return false
}

// worth returns how good needles are, which is as good as the worst of them is, or 0 if they are none.
func worth(texts []string) int {
	if len(texts) == 0 || len(texts) > maxNeedles {
		return 0
	}
	least := longNeedle
	for _, s := range texts {
		switch {
		case s == "\n":
			least = min(least, shortNeedle+1) // most texts are single lines
		case len(s) < shortNeedle:
			return 0
		default:
			least = min(least, len(s))
		}
	}
	return least
}
