package automaton

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
)

// looks are assertions as they are written for regexp2, and as the automaton takes them.
var looks = []struct {
	text string
	look Look
}{
	{`(?=a)`, Look{First: bytesOf("a")}},
	{`(?![0-9])`, Look{Negative: true, First: bytesOf("0123456789")}},
	{`(?<=[ab])`, Look{Behind: true, First: bytesOf("ab")}},
	{`(?<!\.)`, Look{Behind: true, Negative: true, First: bytesOf(".")}},
	{`(?!\.[0-9])`, Look{Negative: true, First: bytesOf("."), Second: pointer(bytesOf("0123456789"))}},
	{`(?!a[ab])`, Look{Negative: true, First: bytesOf("a"), Second: pointer(bytesOf("ab"))}},
}

func bytesOf(s string) (set [256]bool) {
	for _, c := range []byte(s) {
		set[c] = true
	}
	return set
}

func pointer(set [256]bool) *[256]bool { return &set }

// randomLooking writes an expression with looks twice: for regexp2, and with markers.
func randomLooking(r *rand.Rand, size int) (text, marked string) {
	if size <= 1 {
		if r.IntN(3) == 0 {
			k := r.IntN(len(looks))
			return looks[k].text, string(rune(Marker + k))
		}
		s := []string{"a", "b", "1", `\.`, "[ab]", "[^a]", "[0-9]", "(?s:.)", ""}[r.IntN(9)]
		return s, s
	}
	n := 1 + r.IntN(size-1)
	a, am := randomLooking(r, n)
	b, bm := randomLooking(r, size-n)
	switch r.IntN(5) {
	case 0, 1:
		return a + b, am + bm
	case 2:
		return "(?:" + a + "|" + b + ")", "(?:" + am + "|" + bm + ")"
	case 3:
		q := []string{"*", "+", "?", "*?", "+?", "{1,2}"}[r.IntN(6)]
		return "(?:" + a + "b)" + q + b, "(?:" + am + "b)" + q + bm
	}
	return "(" + a + ")" + b, "(" + am + ")" + bm
}

func TestLooksMatchAsWithABacktrackingEngine(t *testing.T) {
	var all []Look
	for _, l := range looks {
		all = append(all, l.look)
	}
	r := rand.New(rand.NewPCG(4, 13))
	for i := range 2500 {
		text, marked := randomLooking(r, 1+r.IntN(9))
		mode := Mode(i % 3)
		before, after := "", ""
		switch mode {
		case Prefix:
			before, after = `\A(?:`, `)`
		case Whole:
			before, after = `\A(?:`, `)\z`
		}
		re, err := regexp2.Compile(before+text+after, regexp2.None)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		m, err := Compile([]Expression{{Text: marked, Looks: all}}, mode)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 25 {
			var b strings.Builder
			for range r.IntN(8) {
				b.WriteString([]string{"a", "b", "1", ".", "."}[r.IntN(5)])
			}
			line := b.String()
			slots := make([]int32, m.Slots(0))
			got := m.Match([]byte(line), slots) == 0
			match, err := re.FindStringMatch(line)
			if err != nil {
				t.Fatal(err)
			}
			if got != (match != nil) {
				t.Fatalf("%s, mode %d, in %q: %v, want %v", text, mode, line, got, match != nil)
			}
			if !got {
				continue
			}
			var want []int32
			for _, g := range match.Groups()[1:] {
				if len(g.Captures) == 0 {
					want = append(want, -1, -1)
				} else {
					want = append(want, int32(g.Index), int32(g.Index+g.Length))
				}
			}
			if !slices.Equal(slots, want) {
				t.Fatalf("%s, mode %d, in %q: captures %v, want %v", text, mode, line, slots, want)
			}
		}
	}
}
