package grok_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/saypro/veritail/parsers/grok"
)

// Any expression and any line: no panic; captures as Go's regexp finds them in the same expression by hand; the
// anchored form agrees with it too.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`(?P<a>x+)y|(?P<b>z)`, "xxy"}, {`^(?<a>[^]]+)\] (?i:ERR)`, "ab] err"}, {`%{INT:n:int} %{QS:q}`, `7 "x\"y"`},
		{`%{COMMONAPACHELOG}`, `::1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`}, {`(?<a>.*?)b`, "a\n\xffb"},
		{`[[:alpha:](]+(?<x>\x41)`, "a(A"}, {`(?<a>a(?<b>b)?)+$`, "abab"}, {`%{`, ""}, {`abc(?<r>d|)`, "abc"}, {`(?<é>.)\b`, "é"},
		{`(?<q>["']).*\k<q>`, `"x"`}, {`(?>a+)b++(?!c)(?<=b)`, "aabb"}, {`[a-z&&[^aeiou]]{2,3}+`, "xyz"}, {`(?i)straße|ÀÉ`, "STRASSE àé"},
		{`\p{Alpha}\P{^Lu}[^\s\W]\R\Z`, "éÀx\r\n"}, {`%{NUM=[0-9]+} %{NUM:n}`, "1 2"}, {`(?<a>a{1,60}){0,60}`, "aaa"},
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
		asByHand(t, m, line, found, slots)
		for i := range m.Captures() {
			if from, to := slots[2*i], slots[2*i+1]; found && (from > to || from < -1 || int(to) > len(line)) {
				t.Fatalf("%s in %q: capture %d is %d to %d", expr, line, i, from, to)
			}
		}
		if a, err := lib.CompileAnchored(expr); err == nil {
			clear(slots)
			found := a.Match(line, slots)
			asByHand(t, a, line, found, slots)
			if stop := a.Stop(line); stop.Length < 0 || stop.Length > len(line) {
				t.Fatalf("stops at %d of %d", stop.Length, len(line))
			}
		}
	})
}

// asByHand fails the test unless Go's regexp finds in line what a matcher found, if it understands the expression.
func asByHand(t *testing.T, m grok.Matcher, line []byte, found bool, slots []int32) {
	t.Helper()
	text := grok.RegexpText(m)
	if text == "" {
		return
	}
	re := regexp.MustCompile(text)
	loc := re.FindSubmatchIndex(line)
	if (loc != nil) != found {
		t.Fatalf("%s in %q: %v, by hand %v", re, line, found, loc)
	}
	if loc == nil {
		return
	}
	var want []int32
	for _, at := range loc[2:] {
		want = append(want, int32(at))
	}
	if !slices.Equal(slots, want) {
		t.Fatalf("%s in %q: %v, by hand %v", re, line, slots, want)
	}
}
