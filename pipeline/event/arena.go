package event

import (
	"bytes"
	"slices"
	"sync"
)

// An Arena holds the bytes that the strings of pages point to: what was read, and what the decoder puts beside it.
// Strings are offsets, so it may grow.
type Arena struct{ Buf []byte }

// Put appends b and returns it as a Str.
func (a *Arena) Put(b []byte) Str {
	s := Str{uint32(len(a.Buf)), uint32(len(b))}
	a.Buf = append(a.Buf, b...)
	return s
}

// PutString appends s and returns it as a Str.
func (a *Arena) PutString(v string) Str {
	s := Str{uint32(len(a.Buf)), uint32(len(v))}
	a.Buf = append(a.Buf, v...)
	return s
}

// Find returns where b lies in the arena, and false where it is not a slice of Buf or has another capacity than Buf has
// from there on.
func (a *Arena) Find(b []byte) (Str, bool) {
	off := cap(a.Buf) - cap(b)
	if len(b) == 0 || off < 0 || off+len(b) > len(a.Buf) || &a.Buf[off] != &b[0] {
		return Str{}, false
	}
	return Str{uint32(off), uint32(len(b))}, true
}

// Grow makes room for n more bytes, and some for what the decoder puts beside them.
func (a *Arena) Grow(n int) {
	if cap(a.Buf)-len(a.Buf) >= n {
		return
	}
	if buf, ok := bufs.Get().(*[]byte); ok && cap(*buf)-len(a.Buf) >= n {
		a.Buf = append((*buf)[:0], a.Buf...)
		return
	}
	a.Buf = slices.Grow(a.Buf, n+n/8)
}

// Between batches arenas rest in arenas, with their memory unless it is large: that rests in bufs, for those that read.
var arenas, bufs sync.Pool

const (
	smallArena = 256 << 10
	largeArena = 8 << 20 // no more is kept: one batch of huge lines shall not hold memory for ever
)

// takeArena returns an arena that holds nothing.
func takeArena() *Arena {
	if a, ok := arenas.Get().(*Arena); ok {
		return a
	}
	return &Arena{}
}

// release gives the arena back.
func (a *Arena) release() {
	a.Buf = a.Buf[:0]
	a.restLarge()
	arenas.Put(a)
}

// restLarge takes the memory off the arena where it is large.
func (a *Arena) restLarge() {
	if cap(a.Buf) < smallArena {
		return
	}
	if buf := a.Buf[:0]; cap(buf) <= largeArena {
		bufs.Put(&buf)
	}
	a.Buf = nil
}

// fit takes memory off the arena that it does not use, where that is most of it.
func (a *Arena) fit() {
	if cap(a.Buf) >= smallArena && len(a.Buf) < cap(a.Buf)/4 {
		text := bytes.Clone(a.Buf)
		a.restLarge()
		a.Buf = text
	}
}
