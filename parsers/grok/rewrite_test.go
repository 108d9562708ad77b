package grok

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contexts are what an expression may stand in: at the edges, before and behind what competes for its bytes, repeated,
// optional, in a choice, within assertions.
var contexts = []string{
	`%s`, `(?<r>%s)`, `^%s$`, `(?<r>%s)(?<s>.*)`, `(?<p>.*)(?<r>%s)`, `(?<p>.*?)(?<r>%s)(?<s>.)`, `(?<r>%s)(?<s>%s)`,
	`(?:(?<r>%s)|(?<s>.))+$`, `(?<r>%s)?(?<s>.)`, `(?:(?<r>%s)x)*(?<s>.?)`, `(?>(?<r>%s)|.)(?<s>x)?`, `.(?=%s)(?<r>.)`, `(?<r>%s)++(?<s>.?)`,
}

// Each rewrite, and each general one, means what the original means: on all short texts over the characters that matter,
// in all contexts.
func TestTortureRewritesMeanTheSame(t *testing.T) {
	cases := []struct {
		expr, alphabet string
		length         int
	}{
		{`(?<![0-9.+-])(?>[+-]?(?:(?:[0-9]+(?:\.[0-9]+)?)|(?:\.[0-9]+)))`, "1.+x", 6},
		{"(?>(?<!\\\\)(?>\"(?>\\\\.|[^\\\\\"]+)+\"|\"\"|(?>'(?>\\\\.|[^\\\\']+)+')|''|(?>`(?>\\\\.|[^\\\\`]+)+`)|``))", "\"'\\x", 6},
		{`(?>[A-Za-z]+:|\\)(?:\\[^\\?*]*)+`, `a:\?`, 6},
		{`(?>\d\d){1,2}`, "1x", 6},
		{`(?!<[0-9])(?:2[0123]|[01]?[0-9]):`, "<12:", 5},
		{`\{ (?<={ ).*(?= } x) \} x`, "{ }x", 6},
		{`x++`, "xy", 6}, {`(?>x*)`, "xy", 6}, {`x?+`, "xy", 6}, {`[^x]*+`, "xy\n", 5}, {`(?:xy)++`, "xy", 7}, {`(?>[xy]{2,})`, "xyz", 5},
		{`(?>x(?!y)|xy)`, "xyz", 5}, {`(?:x(?!y)|xy)`, "xyz", 5}, {`(?<!x)y(?<=y)`, "xyz", 5}, {`x\Z`, "x\n", 6}, {`\R`, "\r\nx", 5},
		{`(?<=\bx)y|(?!xy)x`, "xy ", 5}, {`(?>é|[^é])+`, "éx\xff", 5}, {`a(?i)b|c`, "abcABC", 4}, {`x{,2}?y{2}?`, "xy", 6}, {`x{1,2}+`, "xy", 6},
	}
	for source := range rewrites {
		if !slices.ContainsFunc(cases, func(c struct {
			expr, alphabet string
			length         int
		}) bool {
			return strings.Contains(c.expr, source)
		}) {
			t.Errorf("%s is not tried", source)
		}
	}
	lib := &Library{}
	for _, tc := range cases {
		if torture(t) > 0 {
			tc.length += 2
		} else if testing.Short() {
			tc.length--
		}
		texts := allTexts(tc.alphabet, tc.length)
		for _, context := range contexts {
			expr := strings.ReplaceAll(context, "%s", "(?:"+tc.expr+")")
			m, err := lib.Compile(expr)
			if err != nil {
				t.Fatal(err)
			}
			if x, _ := lib.parse(expr); repeatsNothing(x.root) {
				continue
			}
			o := asWritten(t, lib, expr, Search)
			for _, text := range texts {
				if want, err := o.match(text); err == nil {
					sameSlots(t, expr, text, slotsOf(m, text), want)
				}
			}
		}
	}
}

// allTexts returns all texts of up to n characters of an alphabet.
func allTexts(alphabet string, n int) []string {
	texts := []string{""}
	last := texts
	for range n {
		var next []string
		for _, text := range last {
			for i := range len(alphabet) {
				next = append(next, text+alphabet[i:i+1])
			}
		}
		texts, last = append(texts, next...), next
	}
	return texts
}

// What the library's constructs become is no fallback: a rewrite that does not apply any more would go unnoticed.
func TestConstructsOfTheLibraryNeedNoFallback(t *testing.T) {
	for _, expr := range []string{
		`%{YEAR}`, `%{QUOTEDSTRING}`, `%{WINPATH}`, `%{BASE10NUM}`, `%{BASE16FLOAT}`, `%{IPV4}`, `%{TIME}`, `%{UNIXPATH}`,
		`%{HAPROXYTIME}`, `%{EMAILLOCALPART}`, `%{EMAILADDRESS}`, `%{IPTABLES4_FRAG}`, `%{COMBINEDAPACHELOG}`, `a++`, `(?>a*)b`, `[^"]*+"`,
		`(?>\d+)-(?>[a-z]?)`, `(?=x)y|(?!=)z|(?<=a)b|(?<!a)b`, `a\Z`, `\R`,
	} {
		m, err := shippedLibrary(t, ECS).Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if name, reason := m.Engine(); name != "automaton" {
			t.Errorf("%s is matched by %s: %s", expr, name, reason)
		}
	}
}

// A writer of expressions: anything the dialect has, over few characters, so that texts often match.
type exprWriter struct {
	*rand.Rand
	named int
	plain bool // nothing that only a backtracking engine does
}

func (w *exprWriter) pick(choices ...string) string { return choices[w.IntN(len(choices))] }

func (w *exprWriter) expr(depth int) string {
	var b strings.Builder
	for range 1 + w.IntN(3) {
		b.WriteString(w.quantified(depth))
		if w.IntN(5) == 0 {
			b.WriteByte('|')
		}
	}
	return b.String()
}

func (w *exprWriter) quantified(depth int) string {
	atom := w.atom(depth)
	if strings.ContainsAny(atom[:1], "^$") || strings.HasPrefix(atom, `\b`) || strings.HasPrefix(atom, `(?=`) || strings.HasPrefix(atom, `(?!`) ||
		strings.HasPrefix(atom, `(?<=`) || strings.HasPrefix(atom, `(?<!`) {
		return atom
	}
	quantifier := w.pick("", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{0,1}")
	if w.plain && w.IntN(12) == 0 { // regexp2 tries nested ones in another order than lazy means
		quantifier = "{1,2}?"
	}
	if !w.plain && w.IntN(8) == 0 {
		quantifier = w.pick("*+", "++", "?+")
	}
	return atom + quantifier
}

func (w *exprWriter) atom(depth int) string {
	if depth > 0 && w.IntN(2) == 0 {
		inner := w.expr(depth - 1)
		switch n := w.IntN(10); {
		case n < 4 && w.named < 6:
			w.named++
			return fmt.Sprintf("(?<n%d>%s)", w.named, inner)
		case n < 7 || w.plain:
			return "(?:" + inner + ")"
		case n == 7:
			return "(?>" + inner + ")"
		default:
			return w.pick("(?=", "(?!", "(?<=", "(?<!") + w.pick("a", "b", "[ab]", "ab", "ba", "[^a]", "a|b", "$", "^") + ")"
		}
	}
	if !w.plain && w.IntN(12) == 0 {
		return w.pick("(?=", "(?!", "(?<=", "(?<!") + w.pick("a", "[ab]", "[^b]", "ab", "é", `\n`) + ")"
	}
	return w.pick("a", "a", "b", "b", "ab", "ba", ".", "[ab]", "[^a]", "[^b\n]", "é", `\n`, "^", "$", `\b`, `\w`, `\W`, `(?i:A)`, "[a[é]]", "[ab&&[^b]]")
}

// repeatsNothing reports whether n repeats what may be empty, where engines differ in how often they do.
func repeatsNothing(n *node) bool {
	if n.op == opRepeat {
		if _, empty := n.subs[0].first(); empty {
			return true
		}
	}
	return slices.ContainsFunc(n.subs, repeatsNothing)
}

// Random expressions capture what Go's regexp captures where it understands them, else what regexp2 captures with the
// expression as it is written.
func TestTortureRandomExpressions(t *testing.T) {
	n := 3000
	if torture(t) > 0 {
		n = 300_000
	} else if testing.Short() {
		n /= 8
	}
	texts := []string{"", "a", "b", "ab", "ba", "aab", "abab", "a\nb", "aé", "éab", "A b", "b\n", "\na", "abba\nab", "ab\xffa", "aaaabbbb", "a\n\nb", "é"}
	r := rand.New(rand.NewPCG(5, 6))
	lib := &Library{}
	engines := map[string]int{}
	for i := range n {
		w := &exprWriter{Rand: r, plain: i%3 == 0}
		expr := w.expr(3)
		mode := Mode(r.IntN(3))
		x, err := lib.parse(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		m, err := lib.matcher(expr, mode)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		name, _ := m.Engine()
		engines[name]++
		var re *regexp.Regexp
		if text := RegexpText(m); text != "" {
			re = regexp.MustCompile(text)
			if w.plain && !strings.Contains(expr, "{,") && !strings.Contains(expr, "[a[") && !strings.Contains(expr, "&&") {
				re = regexp.MustCompile(mode.anchored(multiline + expr)) // Go reads it as Ruby does: not through our parser
			}
		}
		o := asWritten(t, lib, expr, mode)
		differs := repeatsNothing(x.root)
		for _, text := range texts {
			got := slotsOf(m, text)
			if re != nil {
				var want []int32
				if loc := re.FindStringSubmatchIndex(text); loc != nil {
					want = []int32{}
					for _, at := range loc[2:] {
						want = append(want, int32(at))
					}
				}
				sameSlots(t, "as Go's regexp: "+expr, text, got, want)
			}
			if re != nil || differs {
				continue
			}
			if want, err := o.match(text); err == nil {
				sameSlots(t, "as regexp2: "+expr, text, got, want)
			}
		}
	}
	if engines["automaton"] < n/2 || engines["regexp2"] == 0 {
		t.Errorf("run by %v", engines)
	}
}
