package automaton

import (
	"math/rand/v2"
	"testing"
)

func TestSkipsStopWhereTheRunEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 13))
	for range 3000 {
		var loop [256]bool
		stops := r.IntN(6)
		for c := range 128 {
			loop[c] = true
		}
		for range stops {
			loop[r.IntN(128)] = false
		}
		if r.IntN(4) == 0 {
			loop[0] = false
		}
		s := newSkip(&loop)
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.IntN(128))
			if r.IntN(20) == 0 {
				b[i] = byte(r.IntN(256))
			}
		}
		p := r.IntN(len(b) + 1)
		want := p
		for want < len(b) && loop[b[want]] {
			want++
		}
		if got := s.from(b, p); got != want {
			t.Fatalf("from %d in %q: %d, want %d (%d stops)", p, b, got, want, stops)
		}
	}
}
