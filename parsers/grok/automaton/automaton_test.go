package automaton

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// oracle is what trying the expressions one after the other with Go's regexp says.
type oracle []*regexp.Regexp

func oracleOf(exprs []string, mode Mode) (oracle, error) {
	var o oracle
	for _, e := range exprs {
		switch mode {
		case Prefix:
			e = `\A(?:` + e + `)`
		case Whole:
			e = `\A(?:` + e + `)\z`
		}
		re, err := regexp.Compile(e)
		if err != nil {
			return nil, err
		}
		o = append(o, re)
	}
	return o, nil
}

func (o oracle) match(text []byte) (int, []int32) {
	found, place, slots := -1, len(text)+1, []int32(nil)
	for i, re := range o {
		loc := re.FindSubmatchIndex(text)
		if loc == nil || loc[0] >= place {
			continue
		}
		found, place, slots = i, loc[0], nil
		for _, at := range loc[2:] {
			slots = append(slots, int32(at))
		}
	}
	return found, slots
}

// compile returns the machine of expressions without looks.
func compile(exprs []string, mode Mode) (*Machine, error) {
	var es []Expression
	for _, e := range exprs {
		es = append(es, Expression{Text: e})
	}
	return Compile(es, mode)
}

// agree fails the test unless m and the oracle say the same of text.
func agree(t *testing.T, m *Machine, o oracle, exprs []string, mode Mode, text []byte) {
	t.Helper()
	want, wantSlots := o.match(text)
	most := 0
	for i := range m.Len() {
		most = max(most, m.Slots(i))
	}
	slots := make([]int32, most)
	got := m.Match(text, slots)
	if got != want {
		t.Fatalf("%q, mode %d, in %q: expression %d, want %d", exprs, mode, text, got, want)
	}
	if got >= 0 && !slices.Equal(slots[:m.Slots(got)], wantSlots) {
		t.Fatalf("%q, mode %d, in %q: expression %d captures %v, want %v", exprs, mode, text, got, slots[:m.Slots(got)], wantSlots)
	}
}

// randomExpr writes an expression of about size parts.
func randomExpr(r *rand.Rand, size int) string {
	if size <= 1 {
		return []string{"a", "b", "é", ".", "[ab]", "[^a]", `\w`, `\d`, `\s`, "x", "", `\b`, `\B`, "^", "$", `(?i:k)`, "[é-ü]", `\.`, "(?s:.)", "世", `(?m:^)`, `(?m:$)`, "\n", "[^é]", `\pL`, "1"}[r.IntN(26)]
	}
	n := 1 + r.IntN(size-1)
	switch r.IntN(9) {
	case 0, 1, 2:
		return randomExpr(r, n) + randomExpr(r, size-n)
	case 3:
		return "(?:" + randomExpr(r, n) + "|" + randomExpr(r, size-n) + ")"
	case 4:
		return "(?:" + randomExpr(r, size-1) + ")" + []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?"}[r.IntN(9)]
	case 5, 6:
		return "(" + randomExpr(r, size-1) + ")"
	case 7:
		return "(" + randomExpr(r, n) + ")" + randomExpr(r, size-n)
	}
	return "(?:" + randomExpr(r, size-1) + ")"
}

func randomText(r *rand.Rand) []byte {
	var b []byte
	for range r.IntN(12) {
		b = append(b, []string{"a", "b", "ab", "é", "x", "1", ".", " ", "\n", "K", "k", "\u212a", "世", "\xff", "\xc3", "\xe4\xb8", "_"}[r.IntN(17)]...)
	}
	return b
}

// tryRandom compares machines of random expressions with the oracle, in the modes given by turns.
func tryRandom(t *testing.T, seed uint64, rounds, texts int, modes ...Mode) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 13))
	for i := range rounds {
		var exprs []string
		for range 1 + r.IntN(3) {
			exprs = append(exprs, randomExpr(r, 1+r.IntN(12)))
		}
		mode := modes[i%len(modes)]
		o, err := oracleOf(exprs, mode)
		if err != nil {
			continue
		}
		m, err := compile(exprs, mode)
		if err != nil {
			t.Fatalf("%q: %v", exprs, err)
		}
		for range texts {
			agree(t, m, o, exprs, mode, randomText(r))
		}
	}
}

func TestRandomExpressionsMatchAsWithRegexp(t *testing.T) {
	tryRandom(t, 1, 2500, 25, Search, Prefix, Whole)
}

func TestASearchThatTookTooLongGoesOnOtherwise(t *testing.T) {
	defer func(n, m int) { slowSearch, slowStart = n, m }(slowSearch, slowStart)
	slowSearch, slowStart = 0, 0
	tryRandom(t, 3, 1000, 10, Search)
}

func TestForgettingChangesNothing(t *testing.T) {
	defer func(n int) { maxStates = n }(maxStates)
	maxStates = 4
	tryRandom(t, 2, 1000, 10, Search, Prefix, Whole)
}

const combined = `(?P<ip>\S+) (\S+) ([^ ]+) \[([^\]]+)\] "(?:(\w+) (\S+)(?: HTTP/(\d+(?:\.\d+)?))?|(.*?))" (\d+) (?:(\d+)|-) "([^"]*)" "([^"]*)"`

var line = []byte(`83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /presentations/logstash-monitorama-2013/images/kibana-search.png HTTP/1.1" 200 203023 "http://semicomplete.com/presentations/logstash-monitorama-2013/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"`)

func TestMatchingAllocatesNothing(t *testing.T) {
	m, err := compile([]string{combined}, Whole)
	if err != nil {
		t.Fatal(err)
	}
	slots := make([]int32, m.Slots(0))
	for range watchTexts { // what it learns from the first texts is remembered
		if m.Match(line, slots) != 0 {
			t.Fatal("no match")
		}
	}
	if n := testing.AllocsPerRun(100, func() { m.Match(line, slots) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Many goroutines with one machine that keeps forgetting.
func TestConcurrentUse(t *testing.T) {
	defer func(n int) { maxStates = n }(maxStates)
	maxStates = 40
	m, err := compile([]string{combined, `(a|b)*(c+)`}, Whole)
	if err != nil {
		t.Fatal(err)
	}
	o, err := oracleOf([]string{combined, `(a|b)*(c+)`}, Whole)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for g := range 4 {
		go func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			slots := make([]int32, m.Slots(0))
			for range 300 {
				text := slices.Clone(line)
				if n := r.IntN(3); n > 0 {
					text[r.IntN(len(text))] = byte(r.IntN(256))
				}
				want, wantSlots := o.match(text)
				got := m.Match(text, slots)
				if got != want || got >= 0 && !slices.Equal(slots[:m.Slots(got)], wantSlots) {
					done <- fmt.Sprintf("%q: %d %v, want %d %v", text, got, slots, want, wantSlots)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if msg := <-done; msg != "" {
			t.Error(msg)
		}
	}
	if m.Stats().Flushes == 0 {
		t.Error("the machine never forgot")
	}
}

func FuzzAgainstRegexp(f *testing.F) {
	for _, seed := range [][3]string{
		{`(a+)(b*)`, `a|(b)`, "aab"}, {`(?s)(.*?)x(.*)`, `.`, "axbx"}, {`(é|世)+\b`, "", "é世"}, {`((a)|b)*`, "", "abab"}, {`(?m)^(.*)$`, "", "a\nb"},
	} {
		f.Add(seed[0], seed[1], []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, one, two string, text []byte) {
		if len(one)+len(two) > 120 || len(text) > 200 || !utf8.ValidString(one+two) || strings.ContainsFunc(one+two, isMarker) {
			return
		}
		for _, mode := range []Mode{Search, Prefix, Whole} {
			exprs := []string{one, two}
			o, err := oracleOf(exprs, mode)
			if err != nil {
				return
			}
			m, err := compile(exprs, mode)
			if err != nil {
				return
			}
			agree(t, m, o, exprs, mode, text)
		}
	})
}

func BenchmarkCombined(b *testing.B) {
	m, err := compile([]string{combined}, Whole)
	if err != nil {
		b.Fatal(err)
	}
	slots := make([]int32, m.Slots(0))
	b.ReportAllocs()
	for b.Loop() {
		m.Match(line, slots)
	}
	b.Log(m)
}

// TestFirstByte holds that what a machine learns about first bytes counts for texts that begin with them, and for no others.
func TestFirstByte(t *testing.T) {
	exprs := []Expression{{Text: `[ac]b`}, {Text: `\x{FFFD}`}}
	texts := map[string]int{"bb": -1, "b": -1, "ab": 0, "cb": 0, "cc": -1, "cb ": 0, "\x80": 1, "\x80b": 1, "\xC3\xA4": -1, "": -1}
	empty := map[string]int{"bb": 2, "ab": 0, "cb": 0, "cc": 2, "\x80": 1, "": 2}
	for _, tc := range []struct {
		exprs []Expression
		texts map[string]int
	}{{exprs, texts}, {append(exprs, Expression{Text: `e?`}), empty}} {
		m, err := Compile(tc.exprs, Prefix)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for text, want := range tc.texts {
				if got := m.Match([]byte(text), nil); got != want {
					t.Errorf("Match(%q) = %d, want %d", text, got, want)
				}
			}
		}
	}
}
