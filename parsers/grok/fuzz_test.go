package grok_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers/grok"
)

// Any expression and any line: no panic; captures as Go's regexp finds them in the same expression by hand; the
// anchored form, which looks for a literal beginning first, agrees with it too.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`(?P<a>x+)y|(?P<b>z)`, "xxy"}, {`^(?<a>[^]]+)\] (?i:ERR)`, "ab] err"}, {`%{INT:n:int} %{QS:q}`, `7 "x\"y"`},
		{`%{COMMONAPACHELOG}`, `::1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`}, {`(?<a>.*?)b`, "a\n\xffb"},
		{`[[:alpha:](]+(?<x>\x41)`, "a(A"}, {`(?<a>a(?<b>b)?)+$`, "abab"}, {`%{`, ""}, {`abc(?<r>d|)`, "abc"}, {`(?<é>.)\b`, "é"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	lib := library(f)
	f.Fuzz(func(t *testing.T, expr string, line []byte) {
		if len(expr) > 200 || len(line) > 400 {
			return
		}
		m, err := lib.Compile(expr)
		if err != nil {
			return
		}
		slots := make([]int32, 2*len(m.Captures()))
		found := m.Match(line, slots)
		sameAs(t, regexp.MustCompile(grok.RegexpText(m)), line, found, slots, false)
		if plain := !strings.Contains(expr, "%{") && !strings.Contains(expr, `\h`) && !strings.Contains(expr, `\Q`); plain {
			if hand, err := regexp.Compile("(?sm)" + expr); err == nil {
				sameAs(t, hand, line, found, slots, true)
			}
		}
		if a, err := lib.CompileAnchored(expr); err == nil {
			clear(slots)
			found := a.Match(line, slots)
			sameAs(t, regexp.MustCompile(grok.RegexpText(a)), line, found, slots, false)
			if stop := a.Stop(line); stop.Length < 0 || stop.Length > len(line) {
				t.Fatalf("stops at %d of %d", stop.Length, len(line))
			}
		}
	})
}

// sameAs fails the test unless re finds in line what a matcher found: the groups of re, or only those with a name.
func sameAs(t *testing.T, re *regexp.Regexp, line []byte, found bool, slots []int32, named bool) {
	t.Helper()
	loc := re.FindSubmatchIndex(line)
	if (loc != nil) != found {
		t.Fatalf("%s in %q: %v, by hand %v", re, line, found, loc)
	}
	if loc == nil {
		return
	}
	var want []int32
	for i, name := range re.SubexpNames() {
		if i > 0 && (name != "" || !named) {
			want = append(want, int32(loc[2*i]), int32(loc[2*i+1]))
		}
	}
	if !slices.Equal(slots, want) {
		t.Fatalf("%s in %q: %v, by hand %v", re, line, slots, want)
	}
}
