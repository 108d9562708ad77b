package query

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

func TestNeedlesOfExpressions(t *testing.T) {
	for _, tc := range []struct {
		re   string
		want []string
	}{
		{`union\s+select`, []string{"union"}},
		{`(?i)union`, []string{"union"}},
		{`(?i)sleep`, []string{"sleep", "ſleep"}}, // both fold to S
		{`(?i)(passwd|desk)`, []string{"passwd", "paſswd", "pasſwd", "paſſwd", "desk", "deſk", "des\u212a", "deſ\u212a"}},
		{`(?i)mississkippi`, []string{"skippi", "ſkippi", "s\u212aippi", "ſ\u212aippi"}}, // of the whole there are too many
		{`(drop|insert|delete)\s`, []string{"drop", "insert", "delete"}},
		{`(\.|%2e)(/|\\)`, []string{"%2e/", "%2e\\", "./", ".\\"}},
		{`a?b*`, nil},
		{`(a|b*)`, nil},
		{`[0-9]+`, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{`\w+`, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "_"}},
		{`[^a]`, nil},
		{`^é\z`, []string{"é"}},
		{`(?i)é`, nil},
		{``, nil},
	} {
		got := newPattern(regexp.MustCompile(tc.re)).needles
		slices.Sort(got)
		slices.Sort(tc.want)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q: needles %q, want %q", tc.re, got, tc.want)
		}
	}
}

// Whatever the expression and the text, looking for needles first changes no answer.
func TestNeedlesChangeNoAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "B", "k", "K", "s", "ſ", "é", "É", ".", "%2e", "union", "SELECT", "(", ")", "|", "*", "+", "?", "[a-f]", "[^x]", "(?i)", "(?:", `\d`, `\s`, "{2}", "^", "$", "\xff"}
	texts := []string{"", "a", "Ak", "K", "ſ", "UNION select", "union", "é", "É", "..%2E", "12 aa", "\xff\xfe", "bBbB", "Kſks"}
	matched, valid := 0, 0
	for range 6000 {
		expr := ""
		for range 1 + r.IntN(6) {
			expr += pieces[r.IntN(len(pieces))]
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			continue
		}
		valid++
		p := newPattern(re)
		for _, text := range texts {
			want := re.MatchString(text)
			if got := p.match([]byte(text)); got != want {
				t.Fatalf("%q on %q: %v, want %v (needles %q)", expr, text, got, want, p.needles)
			}
			if want && p.needles != nil {
				matched++
			}
		}
	}
	if matched < 500 || valid < 1000 {
		t.Fatalf("only %d matches of expressions with needles, %d expressions", matched, valid)
	}
}
