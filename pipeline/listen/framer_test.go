package listen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// frame returns the lines that a stream becomes when it comes in pieces of these lengths, over and over.
func frame(bound int, stream string, pieces ...int) (lines string, cut int64) {
	f := framer{max: bound}
	var out []byte
	for i := 0; len(stream) > 0; i++ {
		n := min(max(1, pieces[i%len(pieces)]), len(stream))
		out = f.add(out, []byte(stream[:n]))
		stream = stream[n:]
	}
	out = f.rest(out)
	return string(out), f.cut
}

func TestMessagesAreCutAsRFC6587Says(t *testing.T) {
	for _, tc := range []struct{ what, stream, want string }{
		{"ended by line feeds", "<34>a\n<34>b\n", "<34>a\n<34>b\n"},
		{"ended by CR LF", "<34>a\r\n<34>b\r\n", "<34>a\n<34>b\n"},
		{"counted", "5 <34>a5 <34>b", "<34>a\n<34>b\n"},
		{"counted, with a line feed at the end of each", "6 <34>a\n6 <34>b\n", "<34>a\n<34>b\n"},
		{"counted, with line feeds within", "7 <34>a\nb", "<34>a#012b\n"},
		{"both ways by turns", "5 <34>a<34>b\n5 <34>c", "<34>a\n<34>b\n<34>c\n"},
		{"ended by NUL", "<34>a\x00\n<34>b\x00\n", "<34>a\n<34>b\n"},
		{"a NUL within", "<34>a\x00b\n", "<34>a#000b\n"},
		{"empty ones", "\n\n<34>a\n\r\n", "<34>a\n"},
		{"the last without an end", "<34>a\n<34>b", "<34>a\n<34>b\n"},
		{"the last counted one without an end", "5 <34>a9 <34>b", "<34>a\n<34>b\n"},
		{"a line that begins with a number", "2026 was a year\n12 <34>34567890\n", "2026 was a year\n<34>34567890\n"},
		{"a number and no more", "12", "12\n"},
		{"no length begins with 0", "05 <34>a\n", "05 <34>a\n"},
		{"a length beyond all bounds", "99999999999 <34>a\n", "99999999999 <34>a\n"},
		{"not UTF-8", "<34>\xff\xfe\n", "<34>\xff\xfe\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			for _, pieces := range [][]int{{1000}, {1}, {2}, {3, 1}} {
				if got, _ := frame(1000, tc.stream, pieces...); got != tc.want {
					t.Errorf("in pieces of %d: %q becomes %q, not %q", pieces, tc.stream, got, tc.want)
				}
			}
		})
	}
}

func TestMessagesBeyondTheBoundAreCut(t *testing.T) {
	long := "<34>" + strings.Repeat("x", 100)
	stream := long + "\n" + fmt.Sprintf("%d %s", len(long), long) + "<34>next\n"
	got, cut := frame(10, stream, 7)
	if want := "<34>xxxxxx\n<34>xxxxxx\n<34>next\n"; got != want || cut != 2 {
		t.Errorf("%q, %d cut; want %q, 2 cut", got, cut, want)
	}
}

func TestAStreamMeansTheSameInAnyPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"5 <34>a", "<34>b\n", "12 <34>x\ny\nzzz", "\n", "77", " ", "<", "0", "\x00", "3", "\r\n", "<1>ü"}
	for range 2000 {
		var stream strings.Builder
		for range 1 + r.IntN(12) {
			stream.WriteString(parts[r.IntN(len(parts))])
		}
		want, cut := frame(8, stream.String(), 1<<20)
		pieces := []int{1 + r.IntN(5), 1 + r.IntN(5), 1 + r.IntN(20)}
		if got, n := frame(8, stream.String(), pieces...); got != want || n != cut {
			t.Fatalf("%q in pieces of %d becomes %q with %d cut, as a whole %q with %d", stream.String(), pieces, got, n, want, cut)
		}
	}
}

func FuzzFramer(f *testing.F) {
	for _, s := range []string{"<34>a\n5 <34>b", "7 <34>a\nb<34>", "99 <", "\x00\n\r\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		whole, _ := frame(64, string(stream), len(stream)+1)
		pieces, _ := frame(64, string(stream), int(piece))
		if whole != pieces {
			t.Fatalf("%q in pieces of %d becomes %q, as a whole %q", stream, piece, pieces, whole)
		}
		for line := range strings.Lines(whole) {
			if !strings.HasSuffix(line, "\n") || len(line) > 64*4+1 || line == "\n" || strings.ContainsRune(line, 0) {
				t.Fatalf("a line %q of %q", line, stream)
			}
		}
	})
}
