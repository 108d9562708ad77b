package event

import (
	"strings"
	"testing"
)

func TestArenaFindsWhatWasReadToIt(t *testing.T) {
	var b Batch
	defer b.Release()
	if _, ok := b.Find([]byte("x")); ok {
		t.Error("found in a batch without an arena")
	}
	a := b.Arena()
	a.Put([]byte("before"))
	a.Grow(100)
	at := a.Put([]byte("two\nlines\n"))
	read := a.Buf[at.Off:]
	a.Put([]byte("behind"))
	if got, ok := b.Find(read); !ok || got != at {
		t.Errorf("found at %v, %v; it lies at %v", got, ok, at)
	}
	line := read[4:9]
	if got, ok := b.Find(line); !ok || got != (Str{at.Off + 4, 5}) {
		t.Errorf("its second line: found at %v, %v", got, ok)
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "a copy": []byte("two\nlines\n"), "a slice of less capacity": read[0:4:6], "what is not there yet": a.Buf[:cap(a.Buf)][len(a.Buf):],
	} {
		if got, ok := b.Find(text); ok {
			t.Errorf("%s: found at %v", name, got)
		}
	}
	a.Put([]byte(strings.Repeat("x", 1<<20)))
	if got, ok := b.Find(read); ok {
		t.Errorf("found at %v after the arena has moved", got)
	}
}

func TestBatchesThatWaitHoldNoMoreThanTheyUse(t *testing.T) {
	for _, tc := range []struct{ used, most int }{{0, 64}, {100, 200}, {600 << 10, 2 << 20}} {
		var b Batch
		a := b.Arena()
		a.Grow(700 << 10)
		text := strings.Repeat("x", tc.used)
		s := a.PutString(text)
		b.Fit()
		if cap(a.Buf) > tc.most || string(a.Buf[s.Off:s.Off+s.Len]) != text {
			t.Errorf("%d bytes of %d are used", len(a.Buf), cap(a.Buf))
		}
		b.Release()
		if got := (&Batch{}).Arena(); len(got.Buf) != 0 {
			t.Errorf("a new batch holds %d bytes", len(got.Buf))
		}
	}
}
