package grok_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers/grok"
)

func TestASetTakesTheFirstExpressionThatMatches(t *testing.T) {
	for _, tc := range []struct {
		name  string
		mode  grok.Mode
		exprs []string
		text  string
		want  int
		first string // the first capture
	}{
		{"the first of two that match", grok.Whole, []string{`(?<a>a.*)`, `(?<a>ab)`}, "ab", 0, "ab"},
		{"the second where the first does not", grok.Whole, []string{`(?<x>a)`, `(?<y>a(?<z>b))`}, "ab", 1, "ab"},
		{"none", grok.Whole, []string{`a`, `b`}, "ab", -1, ""},
		{"whole texts only", grok.Whole, []string{`(?<a>a)`, `(?<a>ab|a)`}, "ab", 1, "ab"},
		{"a beginning is enough", grok.Prefix, []string{`(?<a>b)`, `(?<a>a)`}, "ab", 1, "a"},
		{"the first in order, not the longest", grok.Prefix, []string{`(?<a>a)`, `(?<a>ab)`}, "ab", 0, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := library(t).CompileSet(tc.exprs, tc.mode)
			if err != nil {
				t.Fatal(err)
			}
			slots := make([]int32, s.Slots())
			got := s.Match([]byte(tc.text), slots)
			if got != tc.want {
				t.Fatalf("expression %d, want %d", got, tc.want)
			}
			if tc.first != "" && tc.text[slots[0]:slots[1]] != tc.first {
				t.Errorf("captured %q, want %q", tc.text[slots[0]:slots[1]], tc.first)
			}
		})
	}
}

func TestASetNamesTheBadExpression(t *testing.T) {
	_, err := library(t).CompileSet([]string{`a`, `%{NOPE_NOPE}`}, grok.Whole)
	if err == nil || !strings.Contains(err.Error(), "pattern 2: grok: column 1: unknown pattern") {
		t.Error(err)
	}
}

// Expressions that each have a few states may have millions together.
func TestASetWhoseAutomatonKeepsForgettingIsSplit(t *testing.T) {
	var exprs []string
	for c := 'a'; c <= 'x'; c++ {
		exprs = append(exprs, `.*`+string(c)+`.*`+string(c+1)+`.*`+string(c)+`(?<rest>.*)!`+string(c))
	}
	s, err := library(t).CompileSet(exprs, grok.Whole)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 13))
	slots := make([]int32, s.Slots())
	for range 1200 {
		line := make([]byte, 60)
		for i := range line {
			line[i] = byte('a' + r.IntN(26))
		}
		c := byte('a' + r.IntN(24))
		line = append(line, '!', c)
		want := -1
		if at := bytes.IndexByte(line, c); at >= 0 {
			if next := bytes.IndexByte(line[at:], c+1); next >= 0 && bytes.IndexByte(line[at+next:60], c) >= 0 {
				want = int(c - 'a')
			}
		}
		if got := s.Match(line, slots); got != want {
			t.Fatalf("%s: expression %d, want %d", line, got, want)
		}
	}
	if s.Parts() < 2 {
		t.Errorf("the set is still one automaton of %d bytes", s.Size())
	}
}
