package automaton

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestWhatEveryMatchHolds(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want []string
	}{
		{`.*?(error|warning): (\d+)`, []string{"error: ", "warning: "}},
		{`(?:PG::(?:TR)?)(\w+)`, []string{"PG::TR", "PG::"}},
		{`\w+ ORA-[0-9]{5}: .*`, []string{" ORA-"}},
		{`.* ([ab]) - -`, []string{" a - -", " b - -"}},
		{`(\S+) (?:at|in) (.*)\n\s+at .*`, []string{"\n"}},
		{`(?:start|stop)(?:ed|ing) now`, []string{"started now", "starting now", "stoped now", "stoping now"}},
		{`(?:from (\S+) )+port`, []string{"from "}},
		{`\bfatal\b|$`, nil},
		{`(\d+) (\w+)`, nil},
		{`(?i)deadlock`, nil},
		{`(?i:1) - - \[`, []string{"1 - - ["}},
		{`(?:deadlock)?`, nil},
		{`(?:deadlock)*x`, nil},
		{`deadl\x{FFFD}ck`, nil}, // which is any byte that is not UTF-8
		{"dead" + string(rune(Marker)) + "lock", []string{"deadlock"}},
	} {
		looks := []Look{{Negative: true}}
		m, err := Compile([]Expression{{Text: tc.expr, Looks: looks}}, Prefix)
		if err != nil {
			t.Fatalf("%s: %v", tc.expr, err)
		}
		if got := m.nfa.needles; !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.expr, got, tc.want)
		}
	}
}

// words are what expressions and texts of these tests are made of.
var words = []string{"error: ", "deadlock", "PG::", "ORA-1", "a", "\n", " at ", "é世", "pq: ", "\n\t...", "ack", "lock", "dead"}

func TestTextsWithoutWhatIsNeededDoNotMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	parts := func() string {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			w := words[r.IntN(len(words))]
			switch r.IntN(8) {
			case 0:
				w = "(" + w + "|" + words[r.IntN(len(words))] + ")"
			case 1:
				w = "(?:" + w + ")?"
			case 2:
				w = "(?:" + w + ")+"
			case 3:
				w = "(?s:.*?)"
			case 4:
				w = "([a-e]|[0-9])"
			}
			b.WriteString(w)
		}
		return b.String()
	}
	spared := 0
	for range 1500 {
		exprs := []string{parts(), parts()}
		mode := Mode(r.IntN(3))
		m, err := compile(exprs, mode)
		if err != nil {
			t.Fatal(err)
		}
		o, err := oracleOf(exprs, mode)
		if err != nil {
			t.Fatal(err)
		}
		m.filter.Store(newNeedles(m.nfa.needles))
		for range 10 {
			var text []byte
			for range r.IntN(6) {
				text = append(text, words[r.IntN(len(words))]...)
			}
			if r.IntN(3) == 0 && len(text) > 0 {
				text[r.IntN(len(text))] = byte(r.IntN(256))
			}
			if f := m.filter.Load(); f != nil && !f.in(text) {
				spared++
			}
			agree(t, m, o, exprs, mode, text)
		}
	}
	if spared == 0 {
		t.Error("no text was spared")
	}
}

func TestNeedlesAreFoundWhereverTheyStand(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 13))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abc\n"[r.IntN(4)]
		}
		return string(b)
	}
	for range 5000 {
		var texts []string
		for range 1 + r.IntN(5) {
			texts = append(texts, random(shortNeedle+r.IntN(8)))
		}
		if r.IntN(4) == 0 {
			texts = append(texts, "\n")
		}
		b := []byte(random(r.IntN(40)))
		want := slices.ContainsFunc(texts, func(s string) bool { return bytes.Contains(b, []byte(s)) })
		if got := newNeedles(texts).in(b); got != want {
			t.Fatalf("one of %q in %q: %t", texts, b, got)
		}
	}
}

// A machine that finds nothing in most texts, which it goes through byte by byte, looks for needles first; one whose texts
// mostly match does not.
func TestNeedlesAreLookedForWhereThatPays(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{{"the rotor turned, the door opened, order is restored", true}, {"a dead order: error 7", false}, {"", false}} {
		m, err := compile([]string{`(?s).*?\b(error|dead order): (?:error )?(\d+).*`, `(?s).*?(?:(disorder)|(mordor)) [a-z]+.*`}, Whole)
		if err != nil {
			t.Fatal(err)
		}
		for range watchTexts {
			m.Match([]byte(tc.text), make([]int32, 8))
		}
		if got := m.filter.Load() != nil; got != tc.want {
			t.Errorf("%q: needles are looked for: %t", tc.text, got)
		}
	}
}
